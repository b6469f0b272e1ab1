import BackupModel
import Foundation

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The names that a program is to take, each ended by a NUL, in a private file: a million of them need no memory of ours.
final class NameList {
    let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var failure: SystemFailure?
    private let omitsBase: Bool

    private static let prefix = "names-"
    private static let portion = 1 << 16

    /// - Parameters:
    ///   - folder: private.
    ///   - omitsBase: leaves out `.`, the folder itself that names are relative to.
    init(in folder: String, _ host: any HostFacts, omittingBase omitsBase: Bool = false) throws(RepositoryError) {
        self.omitsBase = omitsBase
        NameList.sweep(folder, host)
        let own = host.currentProcess()
        path = "\(folder)/\(NameList.prefix)\(own.pid)-\(own.startTime)-\(UUID().uuidString.prefix(8))"
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw .unsupported("\(path) cannot be made: \(String(cString: strerror(errno)))")
        }
        buffer.reserveCapacity(NameList.portion + 8192)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func remove() { unlink(path) }

    func append(_ name: ArraySlice<UInt8>) {
        if omitsBase, name.elementsEqual([46]) { return }
        buffer += name
        buffer.append(0)
        if buffer.count >= NameList.portion { flush() }
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

    /// Calls `body` with every name in a list.
    static func read(
        _ path: String, _ body: (ArraySlice<UInt8>) throws(SystemFailure) -> Void
    ) throws(SystemFailure) {
        let input = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard input >= 0 else { throw .last(path) }
        defer { close(input) }
        var buffer: [UInt8] = []
        var portion = [UInt8](repeating: 0, count: NameList.portion)
        while true {
            #if canImport(Glibc)
                let count = Glibc.read(input, &portion, portion.count)
            #else
                let count = Darwin.read(input, &portion, portion.count)
            #endif
            guard count >= 0 else { throw .last(path) }
            if count == 0 { return }
            buffer += portion[..<count]
            var start = 0
            while let end = buffer[start...].firstIndex(of: 0) {
                try body(buffer[start..<end])
                start = end + 1
            }
            buffer.removeFirst(start)
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
