import BackupModel
import Foundation
import Testing

/// A file system in memory, mounted for as long as a test needs it. Needs root.
struct SmallDisk {
    let path: String

    static func mounted(
        at path: String, megabytes: Int, inodes: Int? = nil, _ body: (SmallDisk) async throws -> Void
    ) async throws {
        let disk = SmallDisk(path: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try await disk.run(
            "/bin/mount", "-t", "tmpfs", "-o", "size=\(megabytes)m" + (inodes.map { ",nr_inodes=\($0)" } ?? ""),
            "tmpfs", path)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(disk))
        } catch {
            outcome = .failure(error)
        }
        try await disk.run("/bin/umount", "-l", path)
        try outcome.get()
    }

    /// To the last byte.
    func fill() async throws {
        let result = try await TestBench.runner.run(
            ToolCommand("dd", ["if=/dev/zero", "of=\(path)/filling", "bs=4k", "status=none"]))
        try #require(result.errors.text.contains("No space left"), "\(result.errors.text)")
    }

    func makeReadOnly() async throws { try await run("/bin/mount", "-o", "remount,ro", path) }

    private func run(_ program: String, _ arguments: String...) async throws {
        let result = try await TestBench.runner.run(ToolCommand(program, arguments))
        try #require(result.didItsWork, "\(result.command.displayed): \(result.errors.text)")
    }
}
