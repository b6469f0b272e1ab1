import BackupModel

/// The mounts of a machine, as `/proc/self/mountinfo` lists them.
/// - Source: proc_pid_mountinfo(5), man-pages 6.9: fields 3 (major:minor), 5 (mount point, octal escapes), 6 (options), and
///   after a lone `-` the file system type, the source and the super options.
package enum MountTable {
    /// Lines that do not have the documented form are passed over.
    static func parse(_ text: String) -> [MountPoint] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: false)
            guard let separator = fields.dropFirst(6).firstIndex(of: "-"), fields.count > separator + 1 else {
                return nil
            }
            let numbers = fields[2].split(separator: ":").compactMap { UInt64($0) }
            guard numbers.count == 2 else { return nil }
            let source = fields.count > separator + 2 ? unescaped(fields[separator + 2]) : ""
            let superOptions = fields.count > separator + 3 ? fields[separator + 3] : ""
            return MountPoint(
                path: unescaped(fields[4]), device: deviceNumber(major: numbers[0], minor: numbers[1]),
                fileSystem: String(fields[separator + 1]),
                isReadOnly: [fields[5], superOptions].contains { $0.split(separator: ",").contains("ro") },
                source: source)
        }
    }

    /// The longest mount point above `path`; of several at the same place the last, which covers the others.
    static func mount(containing path: String, in mounts: [MountPoint]) -> MountPoint? {
        var best: MountPoint?
        for mount in mounts where covers(mount.path, path) && mount.path.utf8.count >= (best?.path.utf8.count ?? 0) {
            best = mount
        }
        return best
    }

    private static func covers(_ mountPoint: String, _ path: String) -> Bool {
        mountPoint == "/" || path == mountPoint || path.hasPrefix(mountPoint + "/")
    }

    /// `\040` and its like.
    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// As `st_dev` has it.
    /// - Source: makedev(3), glibc 2.36.
    private static func deviceNumber(major: UInt64, minor: UInt64) -> UInt64 {
        (major & 0xfff) << 8 | (major & ~0xfff) << 32 | (minor & 0xff) | (minor & ~0xff) << 12
    }
}
