import BackupModel
import Foundation

/// What only the kernel knows. The one place that differs from system to system: on other systems than Linux these facts
/// are unknown, and callers do without.
enum Kernel {
    #if os(Linux)
        static func mounts() -> [MountPoint] { contents("/proc/self/mountinfo").map(MountTable.parse) ?? [] }

        static func machineID() -> String? {
            for path in ["/etc/machine-id", "/var/lib/dbus/machine-id"] {
                // `uninitialized` stands there during the first boot of an image.
                if let id = contents(path)?.trimmingCharacters(in: .whitespacesAndNewlines), id.utf8.count == 32 {
                    return id
                }
            }
            return nil
        }

        static func bootID() -> String {
            contents("/proc/sys/kernel/random/boot_id")?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        }

        static func bootTime() -> Date? {
            contents("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
                .flatMap { Double($0.dropFirst(6)) }.map(Date.init(timeIntervalSince1970:))
        }

        static func startTime(of pid: Int32) -> UInt64? { contents("/proc/\(pid)/stat").flatMap(startTime(inStat:)) }

        static func executableName(of pid: Int32) -> String? {
            var buffer = [CChar](repeating: 0, count: 4096)
            let length = readlink("/proc/\(pid)/exe", &buffer, buffer.count)
            guard length > 0 else { return nil }
            return executableName(
                inLink: String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
    #else
        static func mounts() -> [MountPoint] { [] }
        static func machineID() -> String? { nil }
        static func bootID() -> String { "" }
        static func bootTime() -> Date? { nil }
        static func startTime(of pid: Int32) -> UInt64? { nil }
        static func executableName(of pid: Int32) -> String? { nil }
    #endif

    /// Field 22 of `/proc/PID/stat`, counted behind the program's name, which stands in parentheses and may hold any
    /// character, parentheses and newlines among them. `nil` for a zombie, which runs no more.
    /// - Source: proc_pid_stat(5), man-pages 6.9.
    static func startTime(inStat text: String) -> UInt64? {
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }

    /// File name at the end of the target of `/proc/PID/exe`, which gets ` (deleted)` when the file was replaced.
    static func executableName(inLink target: String) -> String {
        let path = target.hasSuffix(" (deleted)") ? String(target.dropLast(10)) : target
        return (path as NSString).lastPathComponent
    }

    /// Files in `/proc` have no size, so they are read to their end.
    private static func contents(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            // A process that ends while it is read answers ESRCH.
            guard count >= 0 else { return nil }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer.prefix(count)
        }
    }
}
