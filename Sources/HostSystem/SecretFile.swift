import BackupModel
import Foundation

/// Files that hold a secret.
enum SecretFile {
    /// Reads a file that nobody but root and we could have written, and that is closed to others.
    ///
    /// A link may lead to it, as password tools and credential managers make them: what counts is the file that was opened.
    /// It must be a regular file of root's or our own. Its group may read it (an arrangement of the operator's) but not
    /// write; others may do neither, nor may they write to the folder that it lies in, unless that is sticky.
    static func read(_ path: String, for reference: SecretReference) throws(SecretError) -> [UInt8] {
        guard path.hasPrefix("/") else { throw .unreadable(reference, reason: "\(path) is not an absolute path") }
        // Not blocking, for a FIFO in its place would keep us waiting for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { throw .missing(reference) }
            throw .unreadable(reference, reason: reason(errno))
        }
        defer { close(descriptor) }
        try check(descriptor, reference)
        try checkFolder(of: path, reference)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while bytes.count <= SecretResolver.sizeLimit {
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(reference, reason: reason(errno)) }
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return bytes
    }

    private static func check(_ descriptor: Int32, _ reference: SecretReference) throws(SecretError) {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw .unreadable(reference, reason: reason(errno)) }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable(reference, reason: "it is not a regular file")
        }
        guard facts.st_uid == 0 || facts.st_uid == geteuid() else {
            let owner = UserDatabase.user(id: facts.st_uid)?.name ?? String(facts.st_uid)
            throw .exposed(reference, reason: "it belongs to \(owner)")
        }
        guard facts.st_mode & 0o007 == 0 else {
            throw .exposed(reference, reason: "its mode \(octal(facts.st_mode)) opens it to everybody")
        }
        guard facts.st_mode & 0o020 == 0 else {
            throw .exposed(reference, reason: "its mode \(octal(facts.st_mode)) lets its group write to it")
        }
    }

    private static func checkFolder(of path: String, _ reference: SecretReference) throws(SecretError) {
        guard let real = realpath(path, nil) else { throw .unreadable(reference, reason: reason(errno)) }
        defer { free(real) }
        let folder = (String(cString: real) as NSString).deletingLastPathComponent
        var facts = stat()
        guard stat(folder, &facts) == 0 else { throw .unreadable(reference, reason: reason(errno)) }
        guard facts.st_mode & 0o002 == 0 || facts.st_mode & 0o1000 != 0 else {
            throw .exposed(
                reference, reason: "everybody may put another file in its place, for \(folder) is open to all")
        }
    }

    /// Writes a new file, 0600, durably; its folder is made where it is missing.
    static func create(_ path: String, _ text: String) throws(SecretError) {
        let reference = SecretReference.file(path)
        let folder = (path as NSString).deletingLastPathComponent
        do {
            try PrivateFolder.make(folder)
        } catch {
            throw .unreadable(reference, reason: "\(error.path): \(error.reason)")
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .unreadable(
                reference, reason: errno == EEXIST ? "it exists already and is left as it is" : reason(errno))
        }
        let failure = write(Array(text.utf8), to: descriptor)
        let closing = close(descriptor) == 0 ? nil : errno
        if let code = failure ?? closing ?? synchronize(folder: folder) {
            // Half a password would be taken for a whole one by the next run.
            unlink(path)
            throw .unreadable(reference, reason: "it could not be written: \(reason(code))")
        }
    }

    /// See ``SecretStore/replace(_:with:keeping:)``.
    static func replace(_ path: String, with draft: String, keeping kept: String) throws(SecretError) {
        let reference = SecretReference.file(path)
        func fail(_ what: String) -> SecretError { .unreadable(reference, reason: "\(what): \(reason(errno))") }
        var facts = stat()
        guard lstat(path, &facts) == 0 else { throw fail("it is not there") }
        guard chown(draft, facts.st_uid, facts.st_gid) == 0, chmod(draft, facts.st_mode & 0o750) == 0 else {
            throw fail("the new one cannot be given its owner and mode")
        }
        var older = stat()
        // A crash may have come between this and the exchange: then the very same file has both names already.
        if lstat(kept, &older) == 0, (older.st_ino, older.st_dev) != (facts.st_ino, facts.st_dev) {
            #if os(Linux)
                let seconds = older.st_mtim.tv_sec
            #else
                let seconds = older.st_mtimespec.tv_sec
            #endif
            let date = UTCTime(Date(timeIntervalSince1970: Double(seconds))).compact
            guard rename(kept, "\(kept)-\(date)") == 0 else { throw fail("\(kept) cannot be put aside") }
        }
        guard link(path, kept) == 0 || errno == EEXIST else { throw fail("it cannot be kept as \(kept)") }
        let folder = (path as NSString).deletingLastPathComponent
        if let code = synchronize(folder: folder) {
            errno = code
            throw fail("it cannot be kept as \(kept)")
        }
        guard rename(draft, path) == 0 else { throw fail("the new one cannot be put in its place") }
        if let code = synchronize(folder: folder) {
            errno = code
            throw fail("the new one is in its place, and not yet for certain on disk")
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count < 0 ? errno : EIO }
            rest = rest.dropFirst(count)
        }
        guard fchmod(descriptor, 0o600) == 0, fsync(descriptor) == 0 else { return errno }
        return nil
    }

    private static func synchronize(folder: String) -> Int32? {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return fsync(descriptor) == 0 ? nil : errno
    }

    private static func octal(_ mode: mode_t) -> String {
        let digits = String(mode & 0o7777, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
