import BackupModel
import Digests
import Foundation
import Synchronization

/// Standard input as a new file, hashed and counted while it is written. Until it is complete and durable it may vanish at any
/// moment; then it stays.
final class KeptFile: Sendable {
    struct Account {
        var digest: SHA256Digest
        var bytes: Int64
    }

    private enum State { case nothing, unfinished, complete }

    private let path: String
    private let state = Mutex(State.nothing)

    init(_ path: String) { self.path = path }

    /// - Throws: ``Failure`` or ``DigestError``; the file is gone then.
    func fill() throws -> Account {
        let file = try create()
        do {
            let account = try copy(to: file)
            try Self.require(close(file) == 0, "cannot be written", path)
            try synchronizeFolder()
            state.withLock { $0 = .complete }
            return account
        } catch {
            abandon()
            throw error
        }
    }

    /// Removes the file, unless it is complete.
    /// - Returns: false when it is.
    @discardableResult func abandon() -> Bool {
        state.withLock { state in
            switch state {
            case .complete: return false
            case .nothing: return true
            case .unfinished:
                unlink(path)
                state = .nothing
                return true
            }
        }
    }

    private func create() throws(Failure) -> Int32 {
        let (file, code) = state.withLock { state in
            let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
            let code = errno
            if file >= 0 { state = .unfinished }
            return (file, code)
        }
        guard file < 0 else { return file }
        if code == EEXIST { throw Failure("\(path) is there already, and is left as it is") }
        throw Failure("\(path) cannot be made: \(StandardStreams.reason(code))", kind: StandardStreams.kind(code))
    }

    private func copy(to file: Int32) throws -> Account {
        try Self.require(fchmod(file, 0o600) == 0, "cannot be made private", path)
        let input = StreamInput()
        let hash = try SHA256()
        var total: Int64 = 0
        var behind: Int64 = 0
        while try input.fill() {
            try hash.update(input.bytes)
            try write(input.bytes, to: file)
            total += Int64(input.bytes.count)
            input.take(input.bytes.count)
            if total - behind >= KeptFile.portion {
                KeptFile.beginWriting(file, behind, total - behind)
                behind = total
            }
        }
        try Self.require(fsync(file) == 0, "cannot be made durable", path)
        return Account(digest: try hash.finish(), bytes: total)
    }

    private func write(_ bytes: UnsafeRawBufferPointer, to file: Int32) throws(Failure) {
        var done = 0
        while done < bytes.count {
            let count = Foundation.write(file, bytes.baseAddress! + done, bytes.count - done)
            if count < 0, errno == EINTR { continue }
            try Self.require(count > 0, "cannot be written", path)
            done += count
        }
    }

    private func synchronizeFolder() throws(Failure) {
        // By hand: Foundation's own way crashes on a name of one letter.
        let parent = path.lastIndex(of: "/").map { path[...$0] } ?? "."
        let folder = open(String(parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        try Self.require(folder >= 0, "cannot be made durable", path)
        defer { close(folder) }
        // Some network file systems know no such thing.
        try Self.require(fsync(folder) == 0 || errno == EINVAL, "cannot be made durable", path)
    }

    /// - Throws: ``Failure`` with the system's words.
    private static func require(_ isSo: Bool, _ what: String, _ path: String) throws(Failure) {
        let code = errno
        guard !isSo else { return }
        let kind = StandardStreams.kind(code)
        throw Failure(
            "\(path) \(what): \(StandardStreams.reason(code))",
            hint: kind == .destinationFull ? "make room there; what was written is gone again" : nil, kind: kind)
    }

    private static let portion: Int64 = 16 << 20

    /// Lets the disk begin while more comes, so that the end need not wait for all of it.
    private static func beginWriting(_ file: Int32, _ start: Int64, _ count: Int64) {
        #if os(Linux)
            // Only the fsync at the end tells whether the bytes arrived.
            _ = synchronizeRange?(file, start, count, 2)
        #endif
    }

    #if os(Linux)
        private typealias SynchronizeRange = @convention(c) (Int32, Int64, Int64, UInt32) -> Int32

        /// With 2, `SYNC_FILE_RANGE_WRITE`, it begins and waits for nothing. Its header keeps it from Swift.
        /// - Source: sync_file_range(2), man-pages 6.9.
        private static let synchronizeRange: SynchronizeRange? = dlsym(nil, "sync_file_range").map {
            // SAFETY: the type is that of the function's declaration.
            unsafeBitCast($0, to: SynchronizeRange.self)
        }
    #endif
}
