package import BackupModel
import Foundation

/// Small files that are either the old or the new one, whole, whatever happens while they are written.
package enum DurableFile {
    /// What writes bytes to a descriptor: `write(2)`, or a test's.
    package typealias Writer = (Int32, UnsafeRawPointer, Int) -> Int
    /// What makes written bytes durable: `fsync(2)`, or a test's.
    package typealias Synchronizer = (Int32) -> Int32

    /// State files are a few kilobytes, records of runs at most some megabytes.
    static let sizeLimit = 64 << 20
    /// Unfinished files older than this are nobody's any more.
    private static let leftoverAge = 3600

    /// Writes beside the target, makes that durable, puts it in the target's place and makes the name durable: 0600, never
    /// through a link. After an error the target is what it was, except when only the last step failed.
    package static func write(
        _ bytes: [UInt8], to path: String, using writer: Writer = { Foundation.write($0, $1, $2) },
        synchronizer: Synchronizer = { fsync($0) }
    ) throws(StoreError) {
        let folder = (path as NSString).deletingLastPathComponent
        let name = (path as NSString).lastPathComponent
        try checkTarget(path)
        let draft = "\(folder)/.\(name).\(getpid()).\(UInt32.random(in: .min ... .max)).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw stateError(path, errno) }
        do throws(StoreError) {
            try fill(descriptor, with: bytes, for: path, using: writer, synchronizer)
            guard rename(draft, path) == 0 else { throw stateError(path, errno, doing: "rename") }
        } catch {
            unlink(draft)
            throw error
        }
        try StateFolder.synchronize(folder)
        removeLeftovers(in: folder)
    }

    /// Closes the descriptor.
    private static func fill(
        _ descriptor: Int32, with bytes: [UInt8], for path: String, using writer: Writer, _ synchronizer: Synchronizer
    ) throws(StoreError) {
        var rest = bytes[...]
        var failure: Int32?
        while !rest.isEmpty, failure == nil {
            let count = rest.withUnsafeBytes { writer(descriptor, $0.baseAddress!, $0.count) }
            if count < 0 {
                if errno != EINTR { failure = errno }
            } else if count == 0 {
                failure = EIO
            } else {
                rest = rest.dropFirst(count)
            }
        }
        // The umask may have taken rights away, never given any; a failing fsync is a loss and is not tried again.
        if failure == nil, fchmod(descriptor, 0o600) != 0 || synchronizer(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0, failure == nil { failure = errno }
        if let failure { throw stateError(path, failure, doing: "writing") }
    }

    /// Refuses what is no regular file of ours or root's; nothing there is fine.
    static func checkTarget(_ path: String) throws(StoreError) {
        var facts = stat()
        guard lstat(path, &facts) == 0 else {
            if errno == ENOENT { return }
            throw stateError(path, errno)
        }
        try check(facts, path)
    }

    private static func check(_ facts: stat, _ path: String) throws(StoreError) {
        if facts.st_mode & S_IFMT == S_IFLNK {
            throw .unsafe(path: path, reason: "a symbolic link stands in its place")
        }
        guard facts.st_mode & S_IFMT == S_IFREG else { throw .unsafe(path: path, reason: "it is not a regular file") }
        guard facts.st_uid == 0 || facts.st_uid == geteuid() else {
            throw .unsafe(path: path, reason: "it belongs to another user (\(facts.st_uid))")
        }
        guard facts.st_mode & 0o022 == 0 else { throw .unsafe(path: path, reason: "others may write to it") }
    }

    /// `nil` when there is no such file.
    package static func read(_ path: String) throws(StoreError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw stateError(path, errno)
        }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw stateError(path, errno) }
        try check(facts, path)
        guard facts.st_size <= sizeLimit else { throw .unusable(path: path, reason: "it is far too large to be ours") }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw stateError(path, errno) }
            guard count > 0 else { return bytes }
            bytes += buffer.prefix(count)
        }
    }

    /// Durably; a file that is not there is no error.
    package static func remove(_ path: String) throws(StoreError) {
        guard unlink(path) == 0 else {
            if errno == ENOENT { return }
            throw stateError(path, errno)
        }
        try StateFolder.synchronize((path as NSString).deletingLastPathComponent)
    }

    /// What a crash left, of whichever file: an entry of the journal is never written twice, so nobody else would clear up after
    /// it. Nothing depends on its going, so a failure here is none of the writer's.
    private static func removeLeftovers(in folder: String) {
        guard let stream = opendir(folder) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let found = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard found.hasPrefix("."), found.hasSuffix(".new") else { continue }
            var facts = stat()
            guard lstat("\(folder)/\(found)", &facts) == 0, isAbandoned(found, facts) else { continue }
            unlink("\(folder)/\(found)")
        }
    }

    /// Whether the process that wrote the draft `.NAME.PROCESS.RANDOM.new` is gone, or it is too old to be anybody's.
    private static func isAbandoned(_ draft: String, _ facts: stat) -> Bool {
        #if os(Linux)
            let written = facts.st_mtim.tv_sec
        #else
            let written = facts.st_mtimespec.tv_sec
        #endif
        if time(nil) - written > leftoverAge { return true }
        let fields = draft.split(separator: ".")
        guard fields.count >= 4, let process = pid_t(fields[fields.count - 3]), process > 0 else { return false }
        return kill(process, 0) != 0 && errno == ESRCH
    }
}
