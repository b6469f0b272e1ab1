import BackupModel

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What `lstat(2)` or `stat(2)` says of a file.
struct FileStatus: Sendable, Equatable {
    enum Kind: Sendable, Equatable { case file, folder, link, other }

    /// The same file, whatever it is called.
    struct Identity: Sendable, Hashable {
        var device: UInt64
        var inode: UInt64
    }

    var kind: Kind
    var identity: Identity
    var size: Int64
    var mode: UInt32
    var owner: UInt32
    var group: UInt32
    var modifiedSeconds: Int
    var modifiedNanoseconds: Int

    /// - Throws: the error number.
    init(_ path: String, followingLinks: Bool) throws(SystemError) {
        var info = stat()
        guard (followingLinks ? stat(path, &info) : lstat(path, &info)) == 0 else { throw SystemError(errno) }
        self.init(info)
    }

    /// The entry at `path` itself; `nil` when there is none, or it cannot be seen.
    static func seen(_ path: String) -> FileStatus? { seen(Array(path.utf8)) }

    static func seen(_ path: [UInt8]) -> FileStatus? {
        var info = stat()
        let result = (path + [0]).withUnsafeBytes { lstat($0.assumingMemoryBound(to: CChar.self).baseAddress!, &info) }
        return result == 0 ? FileStatus(info) : nil
    }

    /// The room that the entry at `path` takes in bytes: less than its size where it has holes. No part of the status, for it changes
    /// when written data is given its place, long after the file did. `nil` when it cannot be seen.
    static func allocatedBytes(_ path: [UInt8]) -> Int64? {
        var info = stat()
        let result = (path + [0]).withUnsafeBytes { lstat($0.assumingMemoryBound(to: CChar.self).baseAddress!, &info) }
        return result == 0 ? Int64(info.st_blocks) * 512 : nil
    }

    init(_ info: stat) {
        kind =
            switch mode_t(info.st_mode) & mode_t(S_IFMT) {
            case mode_t(S_IFREG): .file
            case mode_t(S_IFDIR): .folder
            case mode_t(S_IFLNK): .link
            default: .other
            }
        identity = Identity(device: UInt64(info.st_dev), inode: UInt64(info.st_ino))
        size = Int64(info.st_size)
        mode = UInt32(info.st_mode) & 0o7777
        owner = info.st_uid
        group = info.st_gid
        modifiedSeconds = Int(info.st_mtim.tv_sec)
        modifiedNanoseconds = Int(info.st_mtim.tv_nsec)
    }
}

/// An error number of the system's, with its text.
struct SystemError: Error, Equatable, CustomStringConvertible {
    var code: Int32
    init(_ code: Int32) { self.code = code }
    var description: String { String(cString: strerror(code)) }
    var isMissing: Bool { code == ENOENT || code == ENOTDIR }

    /// As an error about reading `path`.
    func reading(_ path: String, hint: String? = nil) -> SourceError {
        isMissing ? .missing(path, hint: hint) : .unreadable(path, reason: description)
    }
}

/// Calls of the system that sources need, with errors that are thrown.
enum System {
    /// The path with every symbolic link resolved.
    static func resolve(_ path: String) throws(SystemError) -> String {
        guard let resolved = realpath(path, nil) else { throw SystemError(errno) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Where a symbolic link points.
    static func target(ofLink path: String) throws(SystemError) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let length = readlink(path, &buffer, buffer.count)
        guard length >= 0 else { throw SystemError(errno) }
        return String(decoding: buffer[..<length], as: UTF8.self)
    }

    /// The first `count` bytes, or fewer where the file is shorter. Never waits for a FIFO.
    static func firstBytes(of path: String, count: Int) throws(SystemError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { throw SystemError(errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = read(descriptor, &bytes, count)
        guard got >= 0 else { throw SystemError(errno) }
        return Array(bytes[..<got])
    }

    /// The last `count` bytes, or all where the file is shorter.
    static func lastBytes(of path: String, count: Int) throws(SystemError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else { throw SystemError(errno) }
        defer { close(descriptor) }
        let end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0 else { throw SystemError(errno) }
        var bytes = [UInt8](repeating: 0, count: min(count, Int(end)))
        let got = pread(descriptor, &bytes, bytes.count, end - off_t(bytes.count))
        guard got >= 0 else { throw SystemError(errno) }
        return Array(bytes[..<got])
    }

    static func isEmptyFolder(_ path: String) throws(SystemError) -> Bool {
        guard let stream = opendir(path) else { throw SystemError(errno) }
        defer { closedir(stream) }
        var entries = 0
        while entries < 3, readdir(stream) != nil { entries += 1 }
        return entries < 3
    }

    /// `fnmatch(3)` on the whole path or on its last component.
    static func matches(_ path: String, pattern: String) -> Bool {
        fnmatch(pattern, path, 0) == 0 || !pattern.contains("/") && fnmatch(pattern, baseName(path), 0) == 0
    }

    /// Makes an empty file that only we can read.
    static func createPrivateFile(_ path: String) throws(SystemError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw SystemError(errno) }
        close(descriptor)
    }

    /// Makes a folder and those above it that are missing.
    static func createFolder(_ path: String) throws(SystemError) {
        guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw SystemError(errno)
        }
        try createFolder(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw SystemError(errno) }
    }

    /// Removes a file; that it is gone already is fine.
    static func remove(_ path: String) throws(SystemError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw SystemError(errno) }
    }

    /// Removes a folder with all that is in it, as far as that can be done, without following links.
    static func removeTree(_ path: String) {
        if unlink(path) == 0 { return }
        if let entries = FolderEntries(Array(path.utf8)) {
            var names: [String] = []
            while let entry = entries.next() { names.append(entry.name) }
            for name in names { removeTree("\(path)/\(name)") }
        }
        rmdir(path)
    }

    /// Copies the bytes of a file into one that exists and is empty.
    static func copyBytes(from source: String, to target: String) throws(SystemError) {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw SystemError(errno) }
        defer { close(input) }
        let output = open(target, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
        guard output >= 0 else { throw SystemError(errno) }
        defer { close(output) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let got = read(input, &buffer, buffer.count)
            guard got >= 0 else { throw SystemError(errno) }
            if got == 0 { return }
            var done = 0
            while done < got {
                let wrote = buffer.withUnsafeBytes { write(output, $0.baseAddress! + done, got - done) }
                guard wrote >= 0 else { throw SystemError(errno) }
                done += wrote
            }
        }
    }

    /// Gives `path` the mode, owner and modification time of another file. As an ordinary user the owner stays ours.
    static func applyAttributes(of status: FileStatus, to path: String) throws(SystemError) {
        if geteuid() == 0, chown(path, status.owner, status.group) != 0 { throw SystemError(errno) }
        guard chmod(path, mode_t(status.mode)) == 0 else { throw SystemError(errno) }
        var times = [
            timespec(tv_sec: status.modifiedSeconds, tv_nsec: status.modifiedNanoseconds),
            timespec(tv_sec: status.modifiedSeconds, tv_nsec: status.modifiedNanoseconds),
        ]
        guard utimensat(AT_FDCWD, path, &times, AT_SYMLINK_NOFOLLOW) == 0 else { throw SystemError(errno) }
    }

    /// Gives a finished file its name for good, never replacing anything, and makes that durable.
    static func publish(_ partial: String, as path: String) throws(SystemError) {
        if link(partial, path) == 0 {
            try remove(partial)
        } else {
            // Some file systems have no hard links; there the name is looked at just before.
            guard errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS else { throw SystemError(errno) }
            if access(path, F_OK) == 0 { throw SystemError(EEXIST) }
            guard rename(partial, path) == 0 else { throw SystemError(errno) }
        }
        let folder = open(parentFolder(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw SystemError(errno) }
        defer { close(folder) }
        guard fsync(folder) == 0 || errno == EINVAL else { throw SystemError(errno) }
    }

    /// Whether a regular file begins with these bytes; false when it cannot be read.
    static func begins(_ path: [UInt8], with magic: [UInt8]) -> Bool {
        let descriptor = (path + [0]).withUnsafeBytes {
            open($0.assumingMemoryBound(to: CChar.self).baseAddress!, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        }
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: magic.count)
        return read(descriptor, &bytes, bytes.count) == magic.count && bytes == magic
    }

    /// The entries of a folder below /proc whose names are numbers.
    static func numbers(in folder: String) -> [Int32] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var numbers: [Int32] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = Int32(name) { numbers.append(number) }
        }
        return numbers
    }

    /// Files that this very process has open. To open and close such a file once more would drop the record locks that a
    /// library holds on it.
    /// - Source: fcntl(2), "Record locking"
    static func openFiles() -> Set<FileStatus.Identity> {
        var identities: Set<FileStatus.Identity> = []
        for number in numbers(in: "/proc/self/fd") {
            var info = stat()
            if fstat(number, &info) == 0 { identities.insert(FileStatus(info).identity) }
        }
        return identities
    }
}
