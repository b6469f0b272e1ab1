import BackupModel
import Foundation

/// What lies in one run's folder, written last: the sibling `.json` of the archive.
struct ArchiveManifest: Codable, Sendable, Equatable {
    static let currentVersion = 1
    static let format = "holdfast-archive-manifest"

    /// One encrypted file, or one that was here and has been dropped.
    struct File: Codable, Sendable, Equatable {
        enum Content: String, Codable, Sendable { case tree, dump, file }

        /// In the run's folder.
        var name: String
        /// Of the encrypted file; it is also the snapshot's id.
        var sha256: String
        /// Of the encrypted file.
        var bytes: Int64
        /// What was read for it.
        var content: Content
        var contentBytes: Int64
        /// Entries and regular files of a tree.
        var entries: Int64?
        var files: Int64?
        /// The folder that the names in a tree are relative to.
        var base: String?
        var source: String
        var part: String
        var captured: String
        var utcOffset: Int
        var compression: ArchiveSettings.Compression
        var encryption: ArchiveSettings.Encryption
        /// Encrypted for public keys rather than with the passphrase.
        var hasRecipients: Bool
        var tags: [String]
        var removed: Bool?

        func snapshot(host: String) -> Snapshot {
            var snapshot = Snapshot(
                id: SnapshotID(rawValue: sha256), time: Timestamp.parse(captured) ?? Date(timeIntervalSince1970: 0),
                utcOffset: utcOffset, host: host, paths: [part], tags: tags, bytes: ByteCount(contentBytes),
                files: files)
            snapshot.original = snapshot.stamp?.standsFor
            return snapshot
        }
    }

    var format = ArchiveManifest.format
    var version = ArchiveManifest.currentVersion
    /// Of the repository.
    var repository: String
    /// The name of the run's folder: a manifest that is moved elsewhere says so.
    var folder: String
    var name: String
    var created: String
    var utcOffset: Int
    var host: String
    var profile: String
    var run: String
    var tags: [String]
    var files: [File]
    var tools: [String: String]
    /// Holdfast's own record of the run, as it was handed over.
    var manifest: PlainValue
    /// The size of that, and when it was stored, for the list.
    var manifestBytes: Int64

    /// The archive that people look for: the tree of the main source, or else the first there is.
    var archive: String?
    var sha256: String?
    var bytes: Int64?

    var present: [File] { files.filter { $0.removed != true } }

    /// Fills the members at the top, which are for people and simple scripts.
    mutating func name(main: String?) {
        let file =
            files.first { $0.content == .tree && $0.source == main } ?? files.first { $0.content == .tree }
            ?? files.first
        archive = file?.name
        sha256 = file?.sha256
        bytes = file?.bytes
    }
}

/// Proof that a manifest was written by who may: its `authentication` member.
///
/// The manifest is text. The proof is over the very bytes of that text with `null` as the value of `authentication`: the one
/// line that begins with two blanks and `"authentication" : `, which no other line can, for JSON's strings hold no line breaks
/// and members of members begin further right. Nothing is parsed and written anew, so nothing can differ in that.
enum ArchiveAuthentication: Codable, Sendable, Equatable {
    /// HMAC-SHA256 with a key from the passphrase; salt and rounds as the repository's own file has them.
    case code(String, salt: String, rounds: Int)
    /// By `ssh-keygen -Y sign`.
    case signature(String)
    /// There is neither passphrase nor signing key.
    case none

    private static let prefix = Array("\n  \"authentication\" : ".utf8)
    private enum Keys: String, CodingKey { case method, mac, salt, rounds, signature }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Keys.self)
        switch try values.decode(String.self, forKey: .method) {
        case "hmac-sha256":
            self = .code(
                try values.decode(String.self, forKey: .mac), salt: try values.decode(String.self, forKey: .salt),
                rounds: try values.decode(Int.self, forKey: .rounds))
        case "ssh": self = .signature(try values.decode(String.self, forKey: .signature))
        case "unauthenticated": self = .none
        case let other:
            throw DecodingError.dataCorruptedError(
                forKey: .method, in: values, debugDescription: "`\(other)` is no way to authenticate")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Keys.self)
        switch self {
        case .code(let mac, let salt, let rounds):
            try values.encode("hmac-sha256", forKey: .method)
            try values.encode(mac, forKey: .mac)
            try values.encode(salt, forKey: .salt)
            try values.encode(rounds, forKey: .rounds)
        case .signature(let text):
            try values.encode("ssh", forKey: .method)
            try values.encode(text, forKey: .signature)
        case .none: try values.encode("unauthenticated", forKey: .method)
        }
    }

    /// Takes the value out of a manifest's text, whatever it is, and puts another in its place.
    /// - Parameter value: JSON on one line.
    /// - Returns: the text with `value`, and what stood there; `nil` where the text has not exactly one such line.
    static func replace(in text: [UInt8], with value: [UInt8]) -> (text: [UInt8], old: [UInt8])? {
        let starts = text.indices.filter { text[$0] == 10 && text[$0...].starts(with: prefix) }
        guard starts.count == 1, let start = starts.first.map({ $0 + prefix.count }) else { return nil }
        var end = text[start...].firstIndex(of: 10) ?? text.endIndex
        if end > start, text[end - 1] == UInt8(ascii: ",") { end -= 1 }
        return (Array(text[..<start]) + value + Array(text[end...]), Array(text[start..<end]))
    }

    static let null = Array("null".utf8)

    /// The bytes that a proof is over.
    static func unproven(_ manifest: ArchiveManifest) throws -> [UInt8] {
        struct Document: Encodable {
            var manifest: ArchiveManifest
            func encode(to encoder: any Encoder) throws {
                try manifest.encode(to: encoder)
                var container = encoder.container(keyedBy: Key.self)
                try container.encodeNil(forKey: .authentication)
            }
            enum Key: String, CodingKey { case authentication }
        }
        return try JSONDocument.text(of: Document(manifest: manifest)) + [10]
    }

    /// On one line.
    var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }
}
