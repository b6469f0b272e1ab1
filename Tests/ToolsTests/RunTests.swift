import BackupModel
import Testing
import Tools

struct RunTests {
    @Test func `a program's output and exit code come back`() async throws {
        let runner = try SupervisedRunner()
        let result = try await runner.run(ToolCommand("sh", ["-c", "echo out; echo err >&2; exit 7"]))
        #expect(result.termination == .exited(7))
        #expect(result.output.text == "out\n")
        #expect(result.errors.text == "err\n")
        #expect(!result.didItsWork)
        #expect(result.usage.bytesWritten == 8)
    }
}
