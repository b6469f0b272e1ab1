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

        var saltBytes: [UInt8]? { Hexadecimal.bytes(salt) }

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
}
