import BackupModel
import Foundation

/// What the kernel has counted for a process: any change of it is a sign of life.
/// - Source: proc(5), /proc/PID/io and /proc/PID/stat, Linux 6.1.
struct ProcessAccount: Equatable {
    /// Text of `/proc/PID/io`; empty where we may not read it.
    private var transfers: [[UInt8]] = []
    private var ticks: UInt64 = 0

    init(transfers: [[UInt8]], ticks: UInt64) {
        self.transfers = transfers
        self.ticks = ticks
    }

    /// The account of a process and of all its descendants: a shell that waits for a busy program is not idle.
    init(tree pid: Int32) {
        var pending = [pid]
        var seen = 0
        // A bound, should somebody fork faster than we walk.
        while let next = pending.popLast(), seen < 256 {
            seen += 1
            transfers.append(readWhole("/proc/\(next)/io") ?? [])
            ticks &+= ProcessAccount.ticks(of: next)
            pending += ProcessAccount.children(of: next)
        }
    }

    /// Bytes that it read and wrote, in files, pipes and connections.
    var transferred: Int64 {
        transfers.reduce(0) { sum, text in
            sum &+ (ProcessAccount.value("rchar: ", text) ?? 0) &+ (ProcessAccount.value("wchar: ", text) ?? 0)
        }
    }

    /// Its time on the CPU.
    var computed: Duration { .milliseconds(Int64(clamping: ticks) * 1000 / Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))) }

    /// Bytes passed to write calls, children that it reaped included.
    /// - Parameter transfers: its `/proc/PID/io`, opened while it lived.
    static func bytesWritten(_ transfers: Descriptor) -> ByteCount? {
        readWhole(transfers).flatMap { value("wchar: ", $0) }.map { ByteCount($0) }
    }

    private static func value(_ name: String, _ text: [UInt8]) -> Int64? {
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        return lines.first { $0.hasPrefix(name) }.flatMap { Int64($0.dropFirst(name.count)) }
    }

    /// User and system time, of reaped children too.
    private static func ticks(of pid: Int32) -> UInt64 {
        guard let text = readWhole("/proc/\(pid)/stat") else { return 0 }
        // The name may hold spaces and brackets; the fields follow its last bracket, the state first.
        let fields = String(decoding: text, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 14 else { return 0 }
        return fields[11...14].reduce(0) { $0 &+ (UInt64($1) ?? 0) }
    }

    private static func children(of pid: Int32) -> [Int32] {
        guard let text = readWhole("/proc/\(pid)/task/\(pid)/children") else { return [] }
        return String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
    }
}

/// A small file of /proc, which has no size before it is read; `nil` when it cannot be opened or read.
private func readWhole(_ path: String) -> [UInt8]? {
    let number = open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { return nil }
    return readWhole(Descriptor(owning: number))
}

private func readWhole(_ file: Descriptor) -> [UInt8]? {
    let bytes = [UInt8](unsafeUninitializedCapacity: 8192) { buffer, count in
        count = max(read(file.number, buffer.baseAddress, buffer.count), 0)
    }
    return bytes.isEmpty ? nil : bytes
}
