import BackupModel
import Foundation
import Programs

/// The folder that a snapshot is restored below, and what of the snapshot goes there.
struct RestoreTarget: Sendable {
    var directory: String
    /// Paths in the snapshot; empty is all.
    var patterns: [String]

    init(directory: String, include: [String]) {
        self.directory = directory
        patterns = include.contains("/") ? [] : include
    }

    struct Tally: Sendable {
        var files: Int64 = 0
        var bytes: Int64 = 0
        /// One sentence for each item that is not as it should be; capped at 100.
        var errors: [String] = []
        /// Those of the chosen paths that the snapshot has.
        var reached: Set<String> = []
        /// Files that lie under a flat name (``ResticPartName``).
        var flat: [String] = []
        private var known: Set<String> = []

        init(failed: [UnreadableItem]) {
            for item in failed { add(item.path, item.reason) }
        }

        mutating func add(_ path: String, _ reason: String) {
            guard errors.count < 100, known.insert(path).inserted else { return }
            errors.append("\(path): \(reason)")
        }
    }

    func covers(_ path: String) -> Bool {
        patterns.isEmpty || patterns.contains { ExactPath($0).holds(path) }
    }

    /// True also for the folders above what is chosen.
    func leadsToCovered(_ path: String) -> Bool { covers(path) || patterns.contains { ExactPath(path).holds($0) } }

    func isOccupied() throws(RepositoryError) -> Bool {
        do throws(SystemFailure) {
            guard let status = try SystemFolder.status(directory) else { return false }
            guard status.type == .folder else {
                throw SystemFailure(code: SystemFailure.noFolder, path: directory)
            }
            return try !SystemFolder.names(in: directory).isEmpty
        } catch {
            throw .unsupported("\(directory) cannot be restored into: \(error.reason)")
        }
    }

    func isLink(_ path: String) -> Bool {
        // What cannot be looked at cannot be passed through either: restic will say why.
        (try? SystemFolder.status(directory + path))??.type == .link
    }

    /// Looks whether an entry of the snapshot is there, with the right type and size.
    func compare(_ entry: SnapshotEntry, _ tally: inout Tally) {
        for pattern in patterns where ExactPath(entry.path) == ExactPath(pattern) { tally.reached.insert(pattern) }
        var status: SystemFolder.Status?
        do throws(SystemFailure) {
            status = try SystemFolder.status(directory + entry.path)
        } catch {
            tally.add(entry.path, error.reason)
            return
        }
        // Names that are no UTF-8 are repaired in the listing.
        if status == nil, entry.path.unicodeScalars.contains("\u{fffd}") {
            let found = RepairedPath.entries(entry.path, below: directory).map(SystemFolder.Status.init)
            // Names that differ in such bytes alone are shown alike.
            status = found.first { $0.size == entry.size } ?? found.first
        }
        switch entry.type {
        case .file:
            guard let status, status.type == .file else { return tally.add(entry.path, "was not restored") }
            guard status.size == entry.size else {
                return tally.add(entry.path, "has \(status.size) bytes instead of \(entry.size)")
            }
            if ResticPartName.partPath(entry.path) != entry.path { tally.flat.append(entry.path) }
            tally.files += 1
            tally.bytes += status.size
        case .directory: if status?.type != .folder { tally.add(entry.path, "was not restored") }
        case .symlink: if status?.type != .link { tally.add(entry.path, "was not restored") }
        // Devices and pipes need rights that a restore may not have; restic itself tells of them.
        case .other: break
        }
    }

    /// Moves a part that was stored under a flat name to its own path.
    func unflatten(_ path: String) throws(RepositoryError) {
        let place = directory + ResticPartName.partPath(path)
        do throws(SystemFailure) {
            try SystemFolder.makePrivate((place as NSString).deletingLastPathComponent)
            try SystemFolder.rename(directory + path, to: place)
        } catch {
            throw .unsupported("\(error.path) cannot be given its own name again: \(error.reason)")
        }
    }
}
