import BackupModel
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The names that tar is to take, each ended by a NUL, in a private file: a million of them need no memory of ours.
final class ArchiveNameList {
    let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var failure: SystemFailure?

    private static let prefix = "names-"
    private static let portion = 1 << 16

    /// - Parameter folder: private.
    init(in folder: String, _ host: any HostFacts) throws(RepositoryError) {
        ArchiveNameList.sweep(folder, host)
        let own = host.currentProcess()
        path = "\(folder)/\(ArchiveNameList.prefix)\(own.pid)-\(own.startTime)-\(UUID().uuidString.prefix(8))"
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw .unsupported("\(path) cannot be made: \(String(cString: strerror(errno)))")
        }
        buffer.reserveCapacity(ArchiveNameList.portion + 8192)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func remove() { unlink(path) }

    func append(_ name: ArraySlice<UInt8>) {
        buffer += name
        buffer.append(0)
        if buffer.count >= ArchiveNameList.portion { flush() }
    }

    private func flush() {
        var done = 0
        while done < buffer.count, failure == nil {
            let count = buffer.withUnsafeBytes { write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count < 0 { failure = .last(path) } else { done += count }
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Everything is in the file when this returns.
    func finish() throws(RepositoryError) {
        flush()
        if let failure { throw .unsupported("\(path) cannot be written: \(failure.reason)") }
    }

    /// Calls `body` for each name, repaired where it is no UTF-8, a portion of the file at a time.
    func forEach(_ body: (String) -> Void) throws(RepositoryError) {
        guard let file = FileHandle(forReadingAtPath: path) else { throw .unsupported("\(path) cannot be read") }
        defer { file.closeFile() }
        var rest = Data()
        do {
            while let portion = try file.read(upToCount: ArchiveNameList.portion), !portion.isEmpty {
                rest += portion
                let names = rest.split(separator: 0, omittingEmptySubsequences: false)
                for name in names.dropLast() { body(String(decoding: name, as: UTF8.self)) }
                rest = Data(names.last ?? Data())
            }
        } catch {
            throw .unsupported("\(path) cannot be read: \(error.localizedDescription)")
        }
    }

    /// Removes the lists of processes that were killed.
    private static func sweep(_ folder: String, _ host: any HostFacts) {
        // What cannot be read or removed now is for the next one to sweep.
        guard let names = try? SystemFolder.names(in: folder) else { return }
        for name in names where name.hasPrefix(prefix) {
            let parts = name.dropFirst(prefix.count).split(separator: "-")
            guard parts.count == 3, let pid = Int32(parts[0]), let start = UInt64(parts[1]),
                host.process(pid)?.startTime != start
            else { continue }
            unlink("\(folder)/\(name)")
        }
    }
}
