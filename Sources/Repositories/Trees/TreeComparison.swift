import BackupModel
import Programs

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Holds a tree against its list: both are walked once, side by side.
struct TreeComparison {
    enum Finding: Sendable, Equatable {
        case missing
        /// There is something else, in words.
        case different(String)
        /// In the tree and not in the list.
        case extra
        /// What is in it cannot be seen.
        case closed(String)
    }

    struct File {
        /// Relative to the tree.
        var path: [UInt8]
        var size: Int64
        var digest: [UInt8]
        var entry: TreeCursor.Entry
    }

    /// - Parameters:
    ///   - list: of the tree.
    ///   - isWanted: says of a path in the list whether it is to be in the tree.
    ///   - file: called for every file that is there with the right size.
    ///   - found: called with what is amiss.
    /// - Throws: ``SystemFailure`` where the list or the tree cannot be read, and `ECANCELED`.
    static func compare(
        _ list: TreeListReader, with tree: String, stop: Blocking.Stop,
        isWanted: ([UInt8]) -> Bool = { _ in true },
        file: (File) throws(SystemFailure) -> Void, found: ([UInt8], Finding) -> Void
    ) throws(SystemFailure) {
        var cursor = try TreeCursor(tree)
        var entry = cursor.next()
        while let record = try list.next() {
            if stop.isWanted { throw SystemFailure(code: ECANCELED, path: tree) }
            guard isWanted(record.path) else { continue }
            while let current = entry, SumLines.precedes(current.path, record.path) {
                found(current.path, .extra)
                entry = cursor.next()
            }
            guard let current = entry, current.path == record.path else {
                found(record.path, .missing)
                continue
            }
            if let difference = difference(record, current, at: cursor.place(of: current.path)) {
                found(record.path, .different(difference))
            } else if case .file(let path, let size, let digest) = record {
                try file(File(path: path, size: size, digest: digest, entry: current))
            } else if let failure = current.failure {
                found(record.path, .closed(String(cString: strerror(failure))))
            }
            entry = cursor.next()
        }
        while let current = entry {
            found(current.path, .extra)
            entry = cursor.next()
        }
    }

    private static func difference(
        _ record: SumLines.Record, _ entry: TreeCursor.Entry, at place: [UInt8]
    ) -> String? {
        switch record {
        case .folder: return entry.isFolder ? nil : "it is no folder any more"
        case .link(_, let target):
            guard entry.isLink else { return "it is no symbolic link any more" }
            return TreeCursor.target(of: place) == target ? nil : "it leads elsewhere"
        case .file(_, let size, _):
            guard entry.isFile else { return "it is no file any more" }
            let found = Int64(entry.status.st_size)
            return found == size ? nil : "it has \(found) bytes instead of \(size)"
        }
    }
}
