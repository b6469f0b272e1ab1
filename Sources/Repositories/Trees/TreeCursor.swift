import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What is in a folder of this machine, entry by entry, in the order of ``SumLines/precedes(_:_:)``. Follows no link. Memory is
/// bounded by the names of the folders on the way.
struct TreeCursor {
    struct Entry {
        /// Relative to the folder.
        var path: [UInt8]
        var status: stat
        /// Why it, or what is in it, cannot be looked at.
        var failure: Int32?

        var isFolder: Bool { SelectionWalk.isFolder(status) }
        var isFile: Bool { SelectionWalk.isFile(status) }
        var isLink: Bool { mode_t(status.st_mode) & mode_t(S_IFMT) == mode_t(S_IFLNK) }
        var inode: UInt64 { UInt64(status.st_ino) }
        var modified: Date {
            #if canImport(Glibc)
                let time = status.st_mtim
            #else
                let time = status.st_mtimespec
            #endif
            return Date(timeIntervalSince1970: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
        }
    }

    private struct Level {
        var path: [UInt8]
        var names: ArraySlice<[UInt8]>
    }

    private let root: [UInt8]
    private var levels: [Level] = []

    /// - Parameter folder: absolute.
    /// - Throws: ``SystemFailure`` where it cannot be read.
    init(_ folder: String) throws(SystemFailure) {
        root = Array(folder.utf8)
        guard let names = SelectionWalk.names(in: root) else { throw .last(folder) }
        levels = [Level(path: [], names: names[...])]
    }

    /// The absolute path of an entry.
    func place(of path: [UInt8]) -> [UInt8] { root + [47] + path }

    mutating func next() -> Entry? {
        while let level = levels.last {
            guard let name = level.names.first else {
                levels.removeLast()
                continue
            }
            levels[levels.count - 1].names.removeFirst()
            let path = level.path.isEmpty ? name : level.path + [47] + name
            var entry = Entry(path: path, status: stat())
            guard SelectionWalk.look(place(of: path), &entry.status) == 0 else {
                entry.failure = errno
                return entry
            }
            if entry.isFolder {
                if let names = SelectionWalk.names(in: place(of: path)) {
                    levels.append(Level(path: path, names: names[...]))
                } else {
                    entry.failure = errno
                }
            }
            return entry
        }
        return nil
    }

    /// Where a link leads.
    static func target(of place: [UInt8]) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = (place + [0]).withUnsafeBytes { path in
            buffer.withUnsafeMutableBytes { buffer in
                readlink(
                    path.assumingMemoryBound(to: CChar.self).baseAddress!,
                    buffer.assumingMemoryBound(to: CChar.self).baseAddress!, buffer.count - 1)
            }
        }
        return count < 0 ? nil : Array(buffer[..<count])
    }
}
