import BackupModel
import Digests
import Foundation

/// The file that makes a folder an archive repository: `.holdfast-archive.json`.
struct ArchiveHeader: Codable, Sendable, Equatable {
    static let fileName = ".holdfast-archive.json"
    static let currentFormat = "holdfast-archive"
    static let currentVersion = 1

    struct Key: Codable, Sendable, Equatable {
        /// Hexadecimal.
        var salt: String
        var rounds: Int
        /// What only the right passphrase makes: a wrong one is told before anything is encrypted with it.
        var check: String

        var saltBytes: [UInt8]? { ArchiveHeader.bytes(salt) }

        static func derive(_ passphrase: Secret, salt: [UInt8], rounds: Int) throws(DigestError) -> AuthenticationKey {
            try AuthenticationKey(passphrase: passphrase.reveal(for: .comparison), salt: salt, rounds: rounds)
        }

        static func check(_ key: AuthenticationKey) throws(DigestError) -> String {
            try key.code(of: Array("holdfast-archive: the passphrase is right".utf8)).description
        }
    }

    var format = ArchiveHeader.currentFormat
    var version = ArchiveHeader.currentVersion
    /// 64 random hexadecimal digits.
    var id: String
    var keys: [Key]
    /// Folders that were there before, with archives that another program made; they are nobody's business here.
    var older: [String]?

    static func random(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func bytes(_ hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }
}
