import BackupModel
import Foundation

/// What lies in one run's folder, written last: `manifest.json`.
struct RsyncManifest: Codable, Sendable, Equatable {
    static let currentVersion = 1
    static let format = "holdfast-rsync-manifest"
    static let fileName = "manifest.json"
    /// The list of all digests; `sha256sum -c SHA256SUMS` checks a run.
    static let sumsName = "SHA256SUMS"

    /// One tree or file, or one that was here and has been dropped.
    struct Part: Codable, Sendable, Equatable {
        enum Content: String, Codable, Sendable { case tree, dump, file }

        /// The snapshot's.
        var id: String
        /// In the run's folder.
        var name: String
        var content: Content
        /// Of a file; of a tree, that of its records in the list.
        var sha256: String
        /// Regular files, each once, however many names it has.
        var files: Int64
        var bytes: Int64
        /// Of a tree, with folders and links.
        var entries: Int64?
        /// The folder that the names in a tree are relative to.
        var base: String?
        var source: String
        var part: String
        var captured: String
        var utcOffset: Int
        var tags: [String]
        /// Where its records are in the list.
        var offset: Int64
        var length: Int64
        var removed: Bool?

        /// The records of a tree, proven to be those that were written.
        /// - Parameter list: absolute.
        /// - Returns: `nil` where they are not.
        func records(in list: String) throws(SystemFailure) -> TreeListReader? {
            guard try FileSection(list, offset, length).digest() == sha256 else { return nil }
            return try TreeListReader(list, offset: offset, length: length, of: name)
        }

        func snapshot(host: String) -> Snapshot {
            var snapshot = Snapshot(
                id: SnapshotID(rawValue: id), time: Timestamp.parse(captured) ?? Date(timeIntervalSince1970: 0),
                utcOffset: utcOffset, host: host, paths: [part], tags: tags, bytes: ByteCount(bytes),
                files: content == .tree ? files : nil)
            snapshot.original = snapshot.stamp?.standsFor
            return snapshot
        }
    }

    var format = RsyncManifest.format
    var version = RsyncManifest.currentVersion
    /// Of the repository.
    var repository: String
    /// The name of the run's folder: a manifest that is moved elsewhere says so.
    var folder: String
    var created: String
    var utcOffset: Int
    var host: String
    var profile: String
    var run: String
    var tags: [String]
    var parts: [Part]
    /// Holdfast's own record of the run, as it was handed over.
    var manifest: PlainValue
    /// The size of that, for the list.
    var manifestBytes: Int64

    var present: [Part] { parts.filter { $0.removed != true } }
}
