import BackupModel
import Foundation
import Synchronization

struct LockFileError: Error { var reason: String }

/// An open lock file. Closed, and with it unlocked, when the last reference goes.
final class LockFile: Sendable {
    /// Enough for what we write; a file that anybody may write to is never read further.
    private static let holderLimit = 4096

    private let descriptor: Int32
    private let path: String
    private let isWritable: Bool

    /// Opens `path`, creating it where it is missing.
    ///
    /// It is created only when it does not exist and exclusively, because in sticky folders the kernel refuses `O_CREAT` on
    /// another user's file, and so that nothing that was planted there is ever followed or filled.
    /// - Source: proc_sys_fs(5) on `protected_regular`, man-pages 6.9.
    init(at path: String, mode: mode_t) throws(LockFileError) {
        let flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        for _ in 0..<10 {
            var descriptor = open(path, O_RDWR | flags)
            if descriptor < 0, errno == ENOENT {
                descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | flags, mode)
                // The umask must not keep other users out of a lock that is meant for all.
                if descriptor >= 0, fchmod(descriptor, mode) != 0 {
                    let cause = reason(errno)
                    close(descriptor)
                    throw LockFileError(reason: "\(path): \(cause)")
                }
                if descriptor < 0, errno == EEXIST { continue }
            }
            let isWritable = descriptor >= 0
            if descriptor < 0, errno == EACCES || errno == EROFS || errno == EPERM {
                descriptor = open(path, O_RDONLY | flags)
            }
            guard descriptor >= 0 else { throw LockFileError(reason: "\(path): \(LockFile.openFailure(errno))") }
            self.descriptor = descriptor
            self.path = path
            self.isWritable = isWritable
            try checkKind()
            return
        }
        throw LockFileError(reason: "\(path) comes and goes")
    }

    /// Opens a file that is there already, to look at it.
    init(existing path: String) throws(LockFileError) {
        descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        self.path = path
        isWritable = false
        guard descriptor >= 0 else { throw LockFileError(reason: "\(path): \(LockFile.openFailure(errno))") }
        try checkKind()
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func openFailure(_ code: Int32) -> String {
        code == ELOOP ? "a symbolic link stands in its place" : reason(code)
    }

    private func checkKind() throws(LockFileError) {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw LockFileError(reason: "\(path): \(reason(errno))") }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw LockFileError(reason: "\(path) is not a regular file") }
        // A second name could be somebody's precious file, and we write into it.
        guard facts.st_nlink <= 1 else { throw LockFileError(reason: "\(path) has more than one name") }
    }

    /// - Returns: `nil` when somebody else holds it, or the file was replaced meanwhile; try again with a new one.
    func lock(_ mode: LockMode, key: LockKey) throws(LockError) -> LockFile? {
        var code: Int32
        repeat {
            code = flock(descriptor, (mode == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB)
        } while code != 0 && errno == EINTR
        if code != 0 {
            guard errno == EWOULDBLOCK else { throw .unavailable(key, reason: "\(path): \(reason(errno))") }
            return nil
        }
        var ours = stat()
        var named = stat()
        guard fstat(descriptor, &ours) == 0, lstat(path, &named) == 0, ours.st_ino == named.st_ino,
            ours.st_dev == named.st_dev
        else { return nil }
        return self
    }

    /// True when anybody holds it in either mode.
    var isHeld: Bool {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
            flock(descriptor, LOCK_UN)
            return false
        }
        return errno == EWOULDBLOCK
    }

    func unlock() { flock(descriptor, LOCK_UN) }

    /// Who last wrote into it. Anybody may have, so it is cut and cleaned of control characters. Where nothing legible stands,
    /// the process is 0.
    func readHolder() -> LockHolder {
        var buffer = [UInt8](repeating: 0, count: LockFile.holderLimit)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .millisecondsSince1970
        // What cannot be decoded was written by another program, or half: the lock is the kernel's and holds without it.
        guard count > 0, let holder = try? decoder.decode(LockHolder.self, from: Data(buffer.prefix(count))) else {
            return LockHolder(
                process: ProcessIdentity(pid: 0, startTime: 0, bootID: ""), user: "unknown", since: modified,
                purpose: "unknown")
        }
        return LockHolder(
            process: holder.process, user: LockFile.printable(holder.user), since: holder.since,
            purpose: LockFile.printable(holder.purpose))
    }

    /// A file that belongs to somebody else may be closed to writing; then the lock holds all the same and tells nobody why.
    func write(_ holder: LockHolder?) {
        guard isWritable else { return }
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .millisecondsSince1970
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A date that JSON has no number for is the one thing that cannot be encoded; an empty file tells nobody anything wrong.
        guard let holder, let bytes = try? encoder.encode(holder) else {
            _ = ftruncate(descriptor, 0)
            return
        }
        let count = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        _ = ftruncate(descriptor, off_t(max(count, 0)))
    }

    private var modified: Date {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return Date(timeIntervalSince1970: 0) }
        #if os(Linux)
            return Date(timeIntervalSince1970: Double(facts.st_mtim.tv_sec))
        #else
            return Date(timeIntervalSince1970: Double(facts.st_mtimespec.tv_sec))
        #endif
    }

    private static func printable(_ text: String) -> String {
        String(text.unicodeScalars.filter { !$0.properties.isControl }.prefix(200).map(Character.init))
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isControl: Bool {
        switch generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: true
        default: false
        }
    }
}

/// A lock that is held, until it is released or forgotten.
final class FileLock: HeldLock {
    private let state: Mutex<(file: LockFile?, holder: LockHolder)>

    init(file: LockFile, holder: LockHolder) {
        state = Mutex((file, holder))
        file.write(holder)
    }

    func update(purpose: String) {
        state.withLock { state in
            state.holder.purpose = purpose
            state.file?.write(state.holder)
        }
    }

    func release() {
        state.withLock { state in
            guard let file = state.file else { return }
            // Of several who share it the last writer is named; only he takes his name out again.
            if file.readHolder().process == state.holder.process { file.write(nil) }
            file.unlock()
            state.file = nil
        }
    }
}
