import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

/// The same rule with the program that it is for, in every version there is.
struct ResticPipeTests {
    private let runner: SupervisedRunner
    private let folder: ScratchFolder
    private let secret = Secret("correct horse")

    init() throws {
        runner = try SupervisedRunner()
        folder = try ScratchFolder("restic-pipe")
    }

    private func restic(_ tool: RealTools.Restic, _ arguments: String...) -> ToolCommand {
        var command = ToolCommand(tool.path, ["--repo", folder["repository"], "--no-cache"] + arguments)
        command.secrets = [.memoryFileArgument("--password-file=", secret)]
        return command
    }

    /// What is in the repository: snapshots, and locks that are held or were left.
    private func contents(_ tool: RealTools.Restic) async throws -> (snapshots: Int, locks: Int) {
        // Interrupted while it makes its lock, 0.14 leaves it: a stale one, of a dead process of this host.
        if tool.version.hasPrefix("0.14.") { try #require(try await runner.run(restic(tool, "unlock")).didItsWork) }
        let listed = try await runner.run(restic(tool, "snapshots", "--json", "--no-lock"))
        try #require(listed.didItsWork, "\(listed.errors.text)")
        let snapshots = listed.output.text.components(separatedBy: "\"short_id\"").count - 1
        return (snapshots, try FileManager.default.contentsOfDirectory(atPath: folder["repository"] + "/locks").count)
    }

    @Test(arguments: RealTools.restics)
    func `a dump is committed whole or not at all`(tool: RealTools.Restic) async throws {
        try QuickRepository.lay(at: folder["repository"])
        let store = restic(tool, "backup", "--json", "--stdin", "--stdin-filename", "/dump.sql")
        let failures = [
            "killed": "head -c 8000000 /dev/urandom; kill -9 $$",
            "killed with its pipe held by another": "head -c 3000000 /dev/urandom; sleep 1 & sleep 0.5; kill -9 $$",
            "late": "head -c 5000000 /dev/urandom; sleep 1; exit 1",
            "at once": "exit 1",
            "small": "echo begun; exit 1",
            "empty": "exit 0",
        ]
        for (name, script) in failures.sorted(by: { $0.key < $1.key }) {
            let result = try await runner.pipeline(
                [ToolCommand("sh", ["-c", script]), store], refusingEmpty: true, reading: nil)
            #expect(!result.committed && result.firstFailure == 0, "\(name)")
            #expect(result.wasEmpty == (name == "empty"))
            #expect(try await contents(tool) == (0, 0), "\(name): \(result.stages[1].errors.text)")
        }
        let dump = try folder.write(Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 5) }), to: "dump")
        let result = try await runner.pipeline(
            [ToolCommand("cat", ["--", dump]), store], refusingEmpty: true, reading: nil)
        #expect(result.committed, "\(result.stages[1].errors.text)")
        #expect(result.stages[1].output.text.contains("\"message_type\":\"summary\""))
        #expect(try await contents(tool) == (1, 0))
        let compared = try await runner.pipeline(
            [restic(tool, "dump", "latest", "/dump.sql"), ToolCommand("cmp", ["--", "-", dump])], refusingEmpty: true,
            reading: nil)
        #expect(compared.committed, "\(compared.stages.map { $0.errors.text })")
    }

    @Test func `there are three versions to try`() { #expect(RealTools.restics.count >= 3) }
}
