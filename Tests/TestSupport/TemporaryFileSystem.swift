import BackupModel
import Foundation

/// A file system in memory, small enough to be filled. Needs root.
package struct TemporaryFileSystem {
    private let path: String

    package init(at path: String, kibibytes: Int) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try TemporaryFileSystem.run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(kibibytes)k,mode=700", "tmpfs", path])
    }

    package func remount(readOnly: Bool) throws {
        try TemporaryFileSystem.run("/bin/mount", ["-o", "remount,\(readOnly ? "ro" : "rw")", path])
    }

    /// Lazily: a file still open does not keep the test folder from being removed.
    package func unmount() {
        // A mount that stays behind is the next test's visible problem, not this one's failure.
        try? TemporaryFileSystem.run("/bin/umount", ["-l", path])
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure("\(program) \(arguments.joined(separator: " ")) failed")
        }
    }
}
