package import BackupModel
import Foundation

/// A file of ours that others read: at any time the old one or the new one, whole.
package enum PublishedFile {
    /// Unfinished ones older than this are nobody's any more, in seconds.
    private static let leftoverAge = 3600

    /// Writes beside the target and puts that in its place, with mode 0644 whatever the umask says. A link there is replaced
    /// and not followed. The unfinished file's name begins with a dot and ends otherwise, so that whoever collects files by
    /// their ending never sees it.
    /// - Parameter mark: begins every such file; one that is there and does not begin so is somebody else's and is left alone.
    package static func write(_ text: String, to path: String, mark: String) throws(Failure) {
        let folder = (path as NSString).deletingLastPathComponent
        let name = (path as NSString).lastPathComponent
        try requireOurs(path, mark)
        let draft = "\(folder)/.\(name).\(getpid()).\(UInt32.random(in: .min ... .max)).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let code = errno
            throw Failure(
                "\(path) cannot be written: \(reason(code))",
                hint: code == ENOENT ? "make the folder \(folder), or correct the path in the profile" : nil)
        }
        var failure = writeAll(Array(text.utf8), to: descriptor)
        // Readable by all only now that it is whole; what a power cut leaves of an unsynchronised one is an empty file.
        if failure == nil, fsync(descriptor) != 0 || fchmod(descriptor, 0o644) != 0 { failure = errno }
        if close(descriptor) != 0, failure == nil { failure = errno }
        if failure == nil, rename(draft, path) != 0 { failure = errno }
        if let failure {
            unlink(draft)
            throw Failure("\(path) cannot be written: \(reason(failure))")
        }
        removeLeftovers(of: name, in: folder)
    }

    /// Runs `body` while nobody else does so for this folder, so that the newest figures are written last. Waits no longer than
    /// two seconds: a process that is stopped must not stop ours.
    package static func oneAtATime<Value>(in folder: String, _ body: () -> Value) -> Value {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        if descriptor >= 0 {
            for _ in 0..<200 {
                if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { break }
                usleep(10_000)
            }
        }
        return body()
    }

    /// - Returns: the error number of what failed.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count < 0 ? errno : EIO }
            rest = rest.dropFirst(count)
        }
        return nil
    }

    private static func requireOurs(_ path: String, _ mark: String) throws(Failure) {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ELOOP { return }
            throw Failure("\(path) is in the way: \(reason(errno))")
        }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: mark.utf8.count)
        let count = read(descriptor, &buffer, buffer.count)
        guard count != 0, buffer.prefix(max(0, count)) != Array(mark.utf8)[...] else { return }
        throw Failure(
            "\(path) is there and was not written by this profile, so it is left alone",
            hint: "name another file in the profile, or remove that one")
    }

    /// What was killed while it wrote; that it cannot be removed harms nothing.
    private static func removeLeftovers(of name: String, in folder: String) {
        guard let stream = opendir(folder) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let found = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard found.hasPrefix(".\(name)."), found.hasSuffix(".new") else { continue }
            var facts = stat()
            guard lstat("\(folder)/\(found)", &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { continue }
            #if os(Linux)
                let written = facts.st_mtim.tv_sec
            #else
                let written = facts.st_mtimespec.tv_sec
            #endif
            if time(nil) - written > leftoverAge { unlink("\(folder)/\(found)") }
        }
    }
}
