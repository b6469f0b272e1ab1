/// The file that makes a folder an rsync repository: `.holdfast-rsync.json`.
struct RsyncHeader: Codable, Sendable, Equatable {
    static let fileName = ".holdfast-rsync.json"
    static let currentFormat = "holdfast-rsync"
    static let currentVersion = 1

    var format = RsyncHeader.currentFormat
    var version = RsyncHeader.currentVersion
    /// 64 random hexadecimal digits.
    var id: String
}
