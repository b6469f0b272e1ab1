import BackupModel

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Deletes a folder with all that is in it. Links are deleted and not followed.
enum TreeRemoval {
    /// - Important: deletes.
    /// - Parameter path: of a folder that nobody but us changes; absolute.
    /// - Returns: the room that this frees: of a file that has other names elsewhere, none.
    static func remove(_ path: String) throws(SystemFailure) -> ByteCount {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return .zero }
            throw .last(path)
        }
        var freed: Int64 = 0
        try remove(Array(path.utf8), status, &freed)
        return ByteCount(freed)
    }

    private static func remove(_ place: [UInt8], _ status: stat, _ freed: inout Int64) throws(SystemFailure) {
        // A stack of our own: trees may be deep.
        var stack: [(place: [UInt8], names: ArraySlice<[UInt8]>)] = []
        func enter(_ place: [UInt8], _ status: stat) throws(SystemFailure) {
            // A folder may have come without the right to change it, for its owner too.
            if status.st_mode & 0o700 != 0o700 { call(place) { chmod($0, status.st_mode & 0o7777 | 0o700) } }
            guard let names = SelectionWalk.names(in: place) else { throw failure(place) }
            stack.append((place, names[...]))
        }
        guard SelectionWalk.isFolder(status) else { return try unlink(place, status, &freed) }
        try enter(place, status)
        while let level = stack.last {
            guard let name = level.names.first else {
                guard call(level.place, { rmdir($0) }) == 0 || errno == ENOENT else { throw failure(level.place) }
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].names.removeFirst()
            let child = level.place + [47] + name
            var status = stat()
            guard SelectionWalk.look(child, &status) == 0 else {
                if errno == ENOENT { continue }
                throw failure(child)
            }
            if SelectionWalk.isFolder(status) { try enter(child, status) } else { try unlink(child, status, &freed) }
        }
    }

    private static func unlink(_ place: [UInt8], _ status: stat, _ freed: inout Int64) throws(SystemFailure) {
        guard call(place, { Self.unlinkFile($0) }) == 0 || errno == ENOENT else { throw failure(place) }
        if status.st_nlink == 1 { freed += Int64(status.st_blocks) * 512 }
    }

    private static func unlinkFile(_ path: UnsafePointer<CChar>) -> Int32 {
        #if canImport(Glibc)
            Glibc.unlink(path)
        #else
            Darwin.unlink(path)
        #endif
    }

    @discardableResult
    private static func call(_ place: [UInt8], _ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
        (place + [0]).withUnsafeBytes { body($0.assumingMemoryBound(to: CChar.self).baseAddress!) }
    }

    private static func failure(_ place: [UInt8]) -> SystemFailure { .last(String(decoding: place, as: UTF8.self)) }
}
