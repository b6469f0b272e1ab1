import Foundation
import Synchronization

/// Digests of files that this process has written, taken of their bytes on the way. Read back at once they would come out of the
/// system's cache and tell nothing more.
final class WrittenFiles: Sendable {
    private struct Entry {
        var status: SystemFolder.Status
        var digest: String
    }
    private let entries = Mutex<[String: Entry]>([:])

    /// - Parameter path: its last part tells it from others, for the folder's name changes.
    func note(_ path: String, _ digest: String) {
        // What is not noted is read anew when its digest is wanted.
        guard let status = (try? SystemFolder.status(path)) ?? nil else { return }
        entries.withLock { $0[WrittenFiles.name(path)] = Entry(status: status, digest: digest) }
    }

    /// - Returns: `nil` for one that was not written by this process, or was touched since.
    func digest(of path: String) -> String? {
        // What cannot be looked at is not known to be the same.
        guard let entry = entries.withLock({ $0[WrittenFiles.name(path)] }),
            let status = (try? SystemFolder.status(path)) ?? nil, status == entry.status
        else { return nil }
        return entry.digest
    }

    private static func name(_ path: String) -> String { (path as NSString).lastPathComponent }
}
