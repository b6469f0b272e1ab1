package import BackupModel
import Foundation
import Synchronization

/// A log file that several processes add lines to, and that is put aside when it has grown: `PATH` becomes `PATH.1`, that
/// `PATH.2`, and so on.
///
/// Every line is one `write(2)` at the end of the file. Whoever writes holds a lock on the file that bears the name; whoever puts
/// it aside holds it too, so nobody is in the middle of a line, and everybody notices that the name has gone to another file.
/// - Source: flock(2), rename(2); open(2) on O_APPEND, man-pages 6.9.
package final class RotatingFile: Sendable {
    private let path: String
    private let limit: Int64
    private let keep: Int
    private let descriptor = Mutex<Int32>(-1)

    /// How long to wait for somebody else's line, in attempts of a millisecond; then it is written without the lock, and nothing
    /// is put aside. A process that is stopped must not stop ours.
    private static let patience = 300

    /// - Parameter keep: how many older files stay; at least 1.
    package init(path: String, limit: ByteCount, keep: Int) {
        self.path = path
        self.limit = limit.bytes
        self.keep = max(1, keep)
    }

    deinit { descriptor.withLock { if $0 >= 0 { close($0) } } }

    /// Adds lines, which begin and end with the text.
    package func append(_ text: String) throws(Failure) {
        let bytes = Array(text.utf8)
        let failure = descriptor.withLock { descriptor -> Failure? in
            do throws(Failure) {
                try append(bytes, &descriptor)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    private func append(_ bytes: [UInt8], _ descriptor: inout Int32) throws(Failure) {
        // Others may put it aside as often as they like while we wait.
        for _ in 0..<100 {
            if descriptor < 0 { descriptor = try opened() }
            let isLocked = lock(descriptor)
            guard bearsTheName(descriptor) else {
                close(descriptor)
                descriptor = -1
                continue
            }
            defer { if isLocked, descriptor >= 0 { flock(descriptor, LOCK_UN) } }
            var facts = stat()
            let isFull =
                fstat(descriptor, &facts) == 0 && facts.st_size > 0 && Int64(facts.st_size) + Int64(bytes.count) > limit
            if isFull, isLocked {
                try putAside()
                close(descriptor)
                descriptor = -1
                continue
            }
            guard let code = PublishedFile.writeAll(bytes, to: descriptor) else { return }
            // A disk that became full half way must not leave half a line before somebody else's.
            if isLocked { _ = ftruncate(descriptor, facts.st_size) }
            throw failure(code)
        }
        throw Failure("the log \(path) comes and goes")
    }

    private func lock(_ descriptor: Int32) -> Bool {
        for _ in 0..<RotatingFile.patience {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            guard errno == EWOULDBLOCK || errno == EINTR else { return false }
            usleep(1000)
        }
        return false
    }

    private func bearsTheName(_ descriptor: Int32) -> Bool {
        var ours = stat()
        var named = stat()
        return fstat(descriptor, &ours) == 0 && lstat(path, &named) == 0 && ours.st_ino == named.st_ino
            && ours.st_dev == named.st_dev
    }

    /// The oldest goes. Those behind a gap, which a kill half way leaves, stay where they are.
    private func putAside() throws(Failure) {
        var facts = stat()
        let gap = (1..<keep).first { lstat("\(path).\($0)", &facts) != 0 } ?? keep
        for number in stride(from: gap - 1, to: 0, by: -1) { rename("\(path).\(number)", "\(path).\(number + 1)") }
        guard rename(path, "\(path).1") == 0 else { throw failure(errno) }
    }

    private func opened() throws(Failure) -> Int32 {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        var descriptor = open(path, flags, 0o600)
        if descriptor < 0, errno == ENOENT {
            let folder = (path as NSString).deletingLastPathComponent
            do { try PrivateFolder.make(folder) } catch {
                throw Failure("the log \(path) cannot be written: \(error.path): \(error.reason)")
            }
            descriptor = open(path, flags, 0o600)
        }
        guard descriptor >= 0 else { throw failure(errno) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_nlink <= 1 else {
            close(descriptor)
            throw Failure("the log \(path) is not a regular file with one name")
        }
        guard facts.st_uid == geteuid() || facts.st_uid == 0 else {
            close(descriptor)
            throw Failure("the log \(path) belongs to another user (\(facts.st_uid))")
        }
        return descriptor
    }

    private func failure(_ code: Int32) -> Failure {
        Failure(
            "the log \(path) cannot be written: "
                + (code == ELOOP ? "a symbolic link stands in its place" : reason(code)))
    }
}
