package import BackupModel
import Foundation

/// The manifest's written form: JSON with sorted keys, dates in RFC 3339 UTC with milliseconds.
extension Manifest {
    package func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(Timestamp.format(date))
        }
        return Array(try encoder.encode(self))
    }

    /// - Throws: ``Failure`` when it is no manifest, or was written by a newer version.
    package init(json bytes: [UInt8]) throws(Failure) {
        struct Head: Decodable { var version: Int }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            let text = try container.decode(String.self)
            guard let date = Timestamp.parse(text) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no RFC 3339 time")
            }
            return date
        }
        do {
            let head = try decoder.decode(Head.self, from: Data(bytes))
            guard head.version <= Manifest.currentVersion else {
                throw Failure(
                    "a manifest has version \(head.version); this program reads up to \(Manifest.currentVersion)",
                    hint: "use the newer version of Holdfast that wrote it", kind: .newerVersion)
            }
            self = try decoder.decode(Manifest.self, from: Data(bytes))
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(
                "a manifest cannot be read: \(error)",
                hint: "run `holdfast backup verify`; the parts themselves can still be restored by snapshot id",
                kind: .damaged)
        }
    }
}
