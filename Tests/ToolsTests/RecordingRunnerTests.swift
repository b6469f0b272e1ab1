import BackupModel
import TestSupport
import Testing

struct RecordingRunnerTests {
    @Test func `it records commands and answers in order`() async throws {
        let runner = RecordingRunner(scripted: [(0, "a\n\nb\n", ""), (3, "", "oops")])
        let lines = LineCollector()
        #expect(try await runner.run(ToolCommand("one"), reading: lines).didItsWork)
        #expect(lines.lengths == [1, 0, 1])
        let second = try await runner.run(ToolCommand("two"))
        #expect(second.termination == .exited(3) && second.errors.text == "oops")
        #expect(runner.commands.map(\.program) == ["one", "two"])
    }

    @Test func `a chain commits only when all its answers are good`() async throws {
        let stages = [ToolCommand("dump"), ToolCommand("store")]
        let good = try await RecordingRunner(scripted: [(0, "data", "")]).pipeline(
            stages, refusingEmpty: true, reading: nil)
        #expect(good.committed)
        let empty = try await RecordingRunner().pipeline(stages, refusingEmpty: true, reading: nil)
        #expect(empty.wasEmpty && !empty.committed && empty.firstFailure == 0)
        let bad = try await RecordingRunner(scripted: [(1, "data", "")]).pipeline(
            stages, refusingEmpty: true, reading: nil)
        #expect(bad.firstFailure == 0 && bad.stages[1].stopped == .pipelineFailed)
    }

    @Test func `a missing program is not found, and conversations are recorded`() async throws {
        let runner = RecordingRunner(missing: ["restic"]) { RecordingRunner.ended($0, output: "hello\n") }
        #expect(runner.locate("restic") == nil && runner.locate("psql") == "/usr/bin/psql")
        await #expect(throws: ToolError.self) { try await runner.run(ToolCommand("restic")) }
        let line = try await runner.converse(with: ToolCommand("psql")) { talk in
            try await talk.send("select 1;\n")
            return try await talk.nextLine(within: .seconds(1))
        }
        #expect(line == "hello" && runner.sent == ["select 1;\n"])
    }
}
