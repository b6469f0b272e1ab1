package import BackupModel
import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a restore into place does with names: look, move, and have it on the disk.
extension LocalHost {
    package func entry(at path: String) throws(Failure) -> PlaceEntry? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw Failure("\(path) cannot be looked at: \(reason(errno))")
        }
        let kind: PlaceEntry.Kind =
            switch facts.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            case S_IFLNK: .link
            default: .other
            }
        #if canImport(Darwin)
            let seconds = facts.st_mtimespec.tv_sec
        #else
            let seconds = facts.st_mtim.tv_sec
        #endif
        return PlaceEntry(
            kind: kind, identity: FileIdentity(device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino)),
            owner: facts.st_uid, size: kind == .file ? Int64(facts.st_size) : 0,
            modified: Date(timeIntervalSince1970: Double(seconds)))
    }

    package func names(in folder: String) throws(Failure) -> [String] {
        let names: [FileName]
        do throws(ScratchError) { names = try FolderHandle(path: folder).names() } catch {
            throw Failure("\(error.path) cannot be read: \(error.reason)")
        }
        for name in names where Array(name.text.utf8CString) != name.bytes {
            throw Failure(
                "\(folder) has an entry whose name is not UTF-8: \(name.text)",
                hint: "restore with --to DIR, and move what is there yourself")
        }
        return names.map(\.text).sorted()
    }

    package func move(_ path: String, to target: String) throws(Failure) {
        guard NameExchange.rename(path, to: target) else {
            let cause = errno == EEXIST ? "something is there already" : reason(errno)
            throw Failure("\(path) cannot be moved to \(target): \(cause)", kind: LocalHost.kind(errno))
        }
        LocalHost.flushFolder(of: path)
        LocalHost.flushFolder(of: target)
    }

    package func flush(_ path: String) throws(Failure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure("\(path) cannot be opened: \(reason(errno))") }
        defer { close(descriptor) }
        #if os(Linux)
            guard let syncfs = LocalHost.syncfs else { return sync() }
            guard syncfs(descriptor) == 0 else {
                throw Failure("\(path) cannot be brought to the disk: \(reason(errno))", kind: LocalHost.kind(errno))
            }
        #else
            sync()
        #endif
    }

    package func disinherit(_ folder: String) { InheritedAccess.remove(from: folder) }

    package func mounts(below path: String) -> [String] {
        guard let real = realpath(path, nil) else { return [] }
        defer { free(real) }
        let place = String(cString: real)
        let prefix = place == "/" ? "/" : place + "/"
        return Array(Set(Kernel.mounts().map(\.path).filter { $0.hasPrefix(prefix) && $0 != place })).sorted()
    }

    package func writers(below paths: [String]) -> [FileWriter] { Kernel.writers(below: paths, limit: 20) }

    #if os(Linux)
        /// The C library has it since glibc 2.14, and its header keeps it from Swift.
        private static let syncfs: (@convention(c) (Int32) -> Int32)? = dlsym(nil, "syncfs").map {
            // SAFETY: the type is that of the function's declaration.
            unsafeBitCast($0, to: (@convention(c) (Int32) -> Int32).self)
        }
    #endif

    /// A rename is on the disk when its folder is. Where that cannot be had, the rename still is one.
    static func flushFolder(of path: String) {
        let descriptor = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        close(descriptor)
    }

    private static func kind(_ code: Int32) -> FailureKind {
        switch code {
        case ENOSPC, EDQUOT: .destinationFull
        case EROFS: .destinationReadOnly
        default: .failed
        }
    }
}

extension Kernel {
    /// Looks through what every process has open. What belongs to others is hidden from an ordinary user.
    /// - Source: proc_pid_fd(5), proc_pid_fdinfo(5), man-pages 6.9: `flags` is octal, its low two bits the access mode.
    static func writers(below paths: [String], limit: Int) -> [FileWriter] {
        #if os(Linux)
            var found: [FileWriter] = []
            let own = getpid()
            for name in list("/proc") {
                guard let pid = Int32(name), pid != own else { continue }
                for number in list("/proc/\(pid)/fd") {
                    guard let target = linkTarget("/proc/\(pid)/fd/\(number)"), target.hasPrefix("/"),
                        paths.contains(where: { target == $0 || target.hasPrefix($0 + "/") }),
                        isWriting("/proc/\(pid)/fdinfo/\(number)")
                    else { continue }
                    found.append(FileWriter(pid: pid, program: executableName(of: pid) ?? "?", path: target))
                    if found.count == limit { return found }
                    break
                }
            }
            return found
        #else
            return []
        #endif
    }

    #if os(Linux)
        private static func list(_ folder: String) -> [String] {
            guard let stream = opendir(folder) else { return [] }
            defer { closedir(stream) }
            var names: [String] = []
            while let entry = readdir(stream) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name.first?.isNumber == true { names.append(name) }
            }
            return names
        }

        private static func linkTarget(_ path: String) -> String? {
            var buffer = [CChar](repeating: 0, count: 4096)
            let length = readlink(path, &buffer, buffer.count)
            guard length > 0 else { return nil }
            return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        private static func isWriting(_ path: String) -> Bool {
            // Its process or its descriptor is gone by now, or is not ours to look at.
            guard let text = try? String(contentsOfFile: path, encoding: .utf8),
                let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags:") }),
                let flags = Int(line.dropFirst(6).trimmingCharacters(in: .whitespaces), radix: 8)
            else { return false }
            return flags & 3 != 0
        }
    #endif
}
