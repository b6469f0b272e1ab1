import BackupModel
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Tells databases that somebody may be writing from those at rest.
enum LiveDatabases {
    /// How fresh a change makes a database count as in use.
    static let recent: Duration = .seconds(3600)

    /// In use is what has a -wal, -shm or -journal beside it, what a process has open, and what was changed within the last
    /// hour (programs that open their database for each request).
    static func split(
        _ databases: [TreeWalk.Database], now: Date
    ) -> (live: [TreeWalk.Database], atRest: [TreeWalk.Database]) {
        let isFresh = { (database: TreeWalk.Database) in
            now.timeIntervalSince1970 - Double(database.status.modifiedSeconds) < recent.inSeconds
        }
        let quiet = databases.filter { !$0.hasSideFiles && !isFresh($0) }
        let open = quiet.isEmpty ? [] : filesOpenAnywhere(among: Set(quiet.map(\.status.identity)))
        let atRest = quiet.filter { !open.contains($0.status.identity) }
        let resting = Set(atRest.map(\.path))
        return (databases.filter { !resting.contains($0.path) }, atRest)
    }

    /// Those of the files that some process has open, as far as we may look; containers share the kernel and are seen too.
    private static func filesOpenAnywhere(among wanted: Set<FileStatus.Identity>) -> Set<FileStatus.Identity> {
        var found: Set<FileStatus.Identity> = []
        for process in System.numbers(in: "/proc") {
            for descriptor in System.numbers(in: "/proc/\(process)/fd") {
                var info = stat()
                guard stat("/proc/\(process)/fd/\(descriptor)", &info) == 0 else { continue }
                let identity = FileStatus(info).identity
                if wanted.contains(identity) { found.insert(identity) }
            }
        }
        return found
    }
}
