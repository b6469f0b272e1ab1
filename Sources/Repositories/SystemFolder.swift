import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// An error of the operating system, by its number.
struct SystemFailure: Error, Equatable {
    var code: Int32
    var path: String
    var reason: String { String(cString: strerror(code)) }

    static func last(_ path: String) -> SystemFailure { SystemFailure(code: errno, path: path) }
}

/// Reads folders and files of this machine by plain system calls, which keep the cause of a failure.
enum SystemFolder {
    struct Status: Equatable {
        enum FileType: Equatable { case file, folder, link, other }
        var type: FileType
        var size: Int64
        var modifiedNanoseconds: Int64

        init(_ facts: stat) {
            type =
                switch facts.st_mode & S_IFMT {
                case S_IFREG: .file
                case S_IFDIR: .folder
                case S_IFLNK: .link
                default: .other
                }
            size = Int64(facts.st_size)
            #if canImport(Glibc)
                let modified = facts.st_mtim
            #else
                let modified = facts.st_mtimespec
            #endif
            modifiedNanoseconds = Int64(modified.tv_sec) * 1_000_000_000 + Int64(modified.tv_nsec)
        }
    }

    /// What is at `path`; a link is not followed unless asked. `nil` when nothing is there.
    static func status(_ path: String, following: Bool = false) throws(SystemFailure) -> Status? {
        var facts = stat()
        guard (following ? stat(path, &facts) : lstat(path, &facts)) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw .last(path)
        }
        return Status(facts)
    }

    /// Names in a folder, sorted, without `.` and `..`.
    static func names(in path: String) throws(SystemFailure) -> [String] {
        guard let folder = opendir(path) else { throw .last(path) }
        defer { closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(folder) else {
                if errno != 0 { throw .last(path) }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func remove(_ path: String) throws(SystemFailure) {
        guard unlink(path) == 0 || errno == ENOENT else { throw .last(path) }
    }

    /// Copies a file to a path where nothing is, making folders above it that are missing; durable when it returns. One that
    /// is there already stays.
    /// - Returns: false when one was.
    static func copyDurably(_ source: String, to path: String) throws(SystemFailure) -> Bool {
        if try status(path) != nil { return false }
        let folder = (path as NSString).deletingLastPathComponent
        try makeFolders(folder)
        let draft = path + "-tmp-\(getpid())"
        let input = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard input >= 0 else { throw .last(source) }
        defer { close(input) }
        let output = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard output >= 0 else { throw .last(draft) }
        do throws(SystemFailure) {
            try copyBytes(input, output, source, draft)
            guard fsync(output) == 0 else { throw .last(draft) }
        } catch {
            close(output)
            unlink(draft)
            throw error
        }
        guard close(output) == 0 else { throw .last(draft) }
        try rename(draft, to: path)
        let handle = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard handle >= 0 else { throw .last(folder) }
        defer { close(handle) }
        guard fsync(handle) == 0 || errno == EINVAL else { throw .last(folder) }
        return true
    }

    private static func copyBytes(
        _ input: Int32, _ output: Int32, _ source: String, _ draft: String
    ) throws(SystemFailure) {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let got = read(input, &buffer, buffer.count)
            guard got >= 0 else { throw .last(source) }
            if got == 0 { return }
            var done = 0
            while done < got {
                let wrote = buffer.withUnsafeBytes { write(output, $0.baseAddress! + done, got - done) }
                guard wrote >= 0 else { throw .last(draft) }
                done += wrote
            }
        }
    }

    private static func makeFolders(_ path: String) throws(SystemFailure) {
        guard mkdir(path, 0o700) != 0, errno != EEXIST else { return }
        guard errno == ENOENT, path.contains("/"), path != "/" else { throw .last(path) }
        try makeFolders((path as NSString).deletingLastPathComponent)
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last(path) }
    }

    static func rename(_ path: String, to other: String) throws(SystemFailure) {
        #if canImport(Glibc)
            let result = Glibc.rename(path, other)
        #else
            let result = Darwin.rename(path, other)
        #endif
        guard result == 0 else { throw .last(path) }
    }

    /// Fails where files could not be made in a folder.
    static func requireWritable(_ path: String) throws(SystemFailure) {
        guard access(path, W_OK | X_OK) == 0 else { throw .last(path) }
    }

    static func requireReadable(_ path: String) throws(SystemFailure) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .last(path) }
        defer { close(file) }
        var byte: UInt8 = 0
        guard read(file, &byte, 1) >= 0 else { throw .last(path) }
    }

    /// Makes or replaces a small file.
    static func makeFile(_ bytes: [UInt8], at path: String) throws(SystemFailure) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .last(path) }
        defer { close(file) }
        guard write(file, bytes, bytes.count) == bytes.count else { throw .last(path) }
    }

    /// Makes a folder and those above it, for us alone.
    static func makePrivate(_ path: String) throws(SystemFailure) {
        guard mkdir(path, 0o700) != 0 else { return }
        if errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else { throw .last(path) }
        try makePrivate(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last(path) }
    }

    /// The machine's own name: what restic writes into its locks, whatever name snapshots bear.
    static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension SystemFailure {
    static let noEntry = ENOENT
    static let noSpace = ENOSPC
    static let noAccess = EACCES
    static let notPermitted = EPERM
    static let readOnly = EROFS
    static let inputOutput = EIO
    static let noFolder = ENOTDIR
}
