#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The entries of one folder, one after the other, without making anything of a name that nobody asks for: a walk over
/// many files spends its time here.
final class FolderEntries {
    private let stream: OpaquePointer
    private let descriptor: Int32

    /// `nil` when the folder cannot be read, or is a link.
    init?(_ path: [UInt8]) {
        let descriptor = (path + [0]).withUnsafeBytes {
            open(
                $0.assumingMemoryBound(to: CChar.self).baseAddress!,
                O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        }
        guard descriptor >= 0 else { return nil }
        guard let stream = fdopendir(descriptor) else {
            close(descriptor)
            return nil
        }
        self.stream = stream
        self.descriptor = descriptor
    }

    deinit { closedir(stream) }

    /// Whether reading failed before the last entry.
    private(set) var isCutShort = false

    /// `nil` after the last, and where reading fails: ``isCutShort`` tells which. An entry is gone with the next call.
    func next() -> Entry? {
        while true {
            // readdir(3) says the same of the end and of a failure, but for this.
            errno = 0
            guard let entry = readdir(stream) else {
                isCutShort = errno != 0
                return nil
            }
            // SAFETY: the name lies in the entry, ends in a zero byte, and stays until the next readdir(3) of this stream.
            let name = UnsafeRawPointer(entry).advanced(by: Entry.nameOffset).assumingMemoryBound(to: CChar.self)
            if strcmp(name, ".") != 0, strcmp(name, "..") != 0 { return Entry(pointer: name, folder: descriptor) }
        }
    }

    struct Entry: ~Copyable {
        fileprivate static let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
        fileprivate let pointer: UnsafePointer<CChar>
        fileprivate let folder: Int32

        /// Repaired where it is not UTF-8.
        var name: String { String(cString: pointer) }

        func isNamed(_ text: String) -> Bool { strcmp(pointer, text) == 0 }

        func path(in folder: [UInt8]) -> [UInt8] {
            let length = strlen(pointer)
            var path = folder
            path.reserveCapacity(folder.count + length + 1)
            path.append(47)
            path.append(contentsOf: UnsafeRawBufferPointer(start: pointer, count: length))
            return path
        }

        /// Of the entry itself, not of what a link points to; `nil` when it went in the meantime.
        var status: FileStatus? {
            var info = stat()
            return fstatat(folder, pointer, &info, AT_SYMLINK_NOFOLLOW) == 0 ? FileStatus(info) : nil
        }
    }
}
