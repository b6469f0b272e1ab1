import BackupModel
import Foundation

/// What a kit rests on, as lines that it carries: with them a sheet of long ago is compared with how things are now.
package struct KitFacts: Sendable, Equatable {
    /// Of things that must stay as they are: `repository local restic /srv/repo 1a2b3c…`.
    package var lasting: Set<String>
    /// Of snapshots that the lines name: repository, then id.
    package var snapshots: Set<String>

    package static let mark = "#= "

    package init(_ kit: Kit) {
        lasting = ["format 1", "profile \(kit.profile)", "host \(KitFacts.word(kit.host))"]
        snapshots = []
        for section in kit.sections {
            let spec = section.repository
            lasting.insert(
                "repository \(spec.name) \(spec.kind) \(KitFacts.word(section.location)) \(section.identity ?? "-")")
            if !section.keyIDs.isEmpty {
                lasting.insert(
                    "keys-of \(spec.name) \(section.keyIDs.map { String($0.prefix(16)) }.joined(separator: ","))")
            }
            for key in section.keys {
                lasting.insert(
                    "asks-for \(spec.name) \(key.variable) \(key.kept.map { KitFacts.word($0.description) } ?? "-")")
            }
            for part in section.parts { snapshots.insert("snapshot \(spec.name) \(part.part.snapshot.rawValue)") }
        }
        for source in kit.sources { lasting.insert("source \(source.name) \(source.kind)") }
        for entry in kit.recipients {
            lasting.insert(
                "encrypted \(KitFacts.word(entry.subject.description)) \(KitFacts.word(entry.recipients.keys.joined(separator: ",")))"
            )
        }
    }

    /// On one line and without blanks.
    private static func word(_ text: String) -> String {
        let plain = CharacterSet(charactersIn: Unicode.Scalar(33)...Unicode.Scalar(126)).subtracting(["%"])
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? text
    }

    /// As a sheet carries them.
    package var lines: [String] { (lasting.sorted() + snapshots.sorted()).map { KitFacts.mark + $0 } }

    /// - Returns: `nil` for what is no sheet of ours.
    package init?(in sheet: String) {
        var found: [String] = []
        for line in sheet.split(whereSeparator: \.isNewline) where line.hasPrefix(KitFacts.mark) {
            found.append(String(line.dropFirst(KitFacts.mark.count)))
        }
        guard found.contains("format 1") else { return nil }
        snapshots = Set(found.filter { $0.hasPrefix("snapshot ") })
        lasting = Set(found).subtracting(snapshots).filter { !$0.hasPrefix("digest ") }
    }

    /// Why a sheet does not fit any more, in words; empty where it does.
    /// - Parameter kit: as it would be made now.
    package func differences(to kit: Kit) -> [String] {
        let now = KitFacts(kit)
        var found: [String] = []
        // What could not be looked at may be as it was.
        let unseen = Set(kit.absences.map(\.repository.name.rawValue))
        for line in lasting.subtracting(now.lasting).sorted() {
            let words = line.split(separator: " ")
            if ["repository", "keys-of", "asks-for"].contains(words[0]), unseen.contains(String(words[1])) { continue }
            found.append("not so any more: \(KitFacts.words(line))")
        }
        for line in now.lasting.subtracting(lasting).sorted() {
            found.append("not in the sheet: \(KitFacts.words(line))")
        }
        for section in kit.sections {
            let gone = snapshots.filter { line in
                let words = line.split(separator: " ")
                return words.count == 3 && words[1] == section.name.rawValue
                    && !section.present.contains(SnapshotID(rawValue: String(words[2])))
            }
            if !gone.isEmpty {
                found.append(
                    "gone from \(section.name): \(Words.count(gone.count, "snapshot")) that its lines restore, such as "
                        + (gone.min() ?? "").split(separator: " ")[2].prefix(8))
            }
        }
        return found
    }

    private static func words(_ line: String) -> String { line.removingPercentEncoding ?? line }
}
