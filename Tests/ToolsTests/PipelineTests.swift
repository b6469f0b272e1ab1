import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing
import Tools

/// The rule of a chain: no consumer sees end of file as success unless all before it did their work.
struct PipelineTests {
    private let runner: SupervisedRunner
    private let folder: ScratchFolder

    init() throws {
        runner = try SupervisedRunner()
        folder = try ScratchFolder("pipeline")
    }

    private func shell(_ script: String) -> ToolCommand { ToolCommand("sh", ["-c", script]) }

    /// Fails when `flag` is there: a consumer takes a moment to be deaf.
    private func failing(onceReady flag: String) -> ToolCommand {
        shell("until [ -e '\(flag)' ]; do sleep 0.01; done; echo data; exit 1")
    }

    private func pipe(_ stages: ToolCommand..., refusingEmpty: Bool = true) async throws -> PipelineResult {
        try await runner.pipeline(stages, refusingEmpty: refusingEmpty, reading: nil)
    }

    /// Commits what it read to `path` when it sees end of file, as restic does; cleans up on SIGINT.
    private func committer(_ name: String = "committer") throws -> ToolCommand {
        let tool = try FakeTool(
            name, in: folder, "on INT 130 signal interrupt received, cleaning up", "read-stdin \(folder["read"])",
            "log-pid \(folder["committed"])", "exit 0")
        return ToolCommand(tool.path)
    }

    private var isCommitted: Bool { FileManager.default.fileExists(atPath: folder["committed"]) }

    @Test func `three good stages commit, with exact bytes`() async throws {
        let result = try await pipe(shell("head -c 5000000 /dev/zero"), ToolCommand("cat"), ToolCommand("wc", ["-c"]))
        #expect(result.committed && result.firstFailure == nil)
        #expect(result.stages.map(\.termination) == [.exited(0), .exited(0), .exited(0)])
        #expect(result.stages[2].output.text == "5000000\n")
        #expect(result.stages[0].producedBytes == 5_000_000)
        #expect(result.stages[1].producedBytes == 5_000_000)
    }

    @Test(arguments: [
        "echo data; exit 3", "echo data; sleep 0.2; kill -9 $$", "exit 1", "head -c 3000000 /dev/zero; exit 1",
    ])
    func `a producer that fails leaves nothing committed`(script: String) async throws {
        let result = try await pipe(shell(script), try committer())
        #expect(!result.committed && result.firstFailure == 0)
        #expect(result.stages[0].stopped == nil)
        #expect(result.stages[1].stopped == .pipelineFailed)
        #expect(!isCommitted)
    }

    @Test func `a consumer two stages on is stopped before end of file reaches it`() async throws {
        let result = try await pipe(
            shell("head -c 200000 /dev/zero; sleep 1; exit 1"), ToolCommand("cat"), try committer())
        #expect(result.firstFailure == 0 && !result.committed && !isCommitted)
        #expect(result.stages[2].termination == .exited(130))
    }

    @Test func `a middle stage that fails is the one to blame`() async throws {
        let result = try await pipe(
            shell("yes"), shell("head -c 100000; exit 4"), try committer())
        #expect(result.firstFailure == 1)
        #expect(result.stages[1].termination == .exited(4))
        #expect(!isCommitted)
    }

    @Test func `a consumer that fails is to blame, not its producer`() async throws {
        for _ in 0..<10 {
            let result = try await pipe(
                shell("yes || exit 1"), shell("head -c 100000 >/dev/null; echo full >&2; exit 9"))
            #expect(result.firstFailure == 1)
            #expect(result.stages[1].termination == .exited(9) && result.stages[1].stopped == nil)
            #expect(result.stages[1].errors.text == "full\n")
        }
    }

    @Test func `a silent producer is ended when its consumer is gone`() async throws {
        let result = try await pipe(shell("echo; exec sleep 60"), shell("exit 2"))
        #expect(result.firstFailure == 1)
        // One that is slow to begin finds its reader gone by itself.
        #expect([.signaled(SIGTERM), .signaled(SIGPIPE)].contains(result.stages[0].termination))
        #expect(result.stages[0].usage.wall < .seconds(20))
    }

    @Test func `a consumer that ends well without reading all has failed`() async throws {
        for consumer in ["head -c 10 >/dev/null", "sleep 0.3; head -c 10 >/dev/null"] {
            let result = try await pipe(ToolCommand("head", ["-c", "300000", "/dev/zero"]), shell(consumer))
            #expect(!result.committed && result.firstFailure == 1, "\(consumer)")
            #expect(result.stages[1].termination == .exited(0))
        }
    }

    @Test func `a consumer that read all and ended before its producer is no failure`() async throws {
        let result = try await pipe(shell("echo all; sleep 0.5"), shell("head -n 1"))
        #expect(result.committed && result.stages[1].output.text == "all\n")
    }

    @Test func `nothing written is refused where that was asked for`() async throws {
        let refused = try await pipe(shell("echo note >&2; exit 0"), try committer())
        #expect(refused.wasEmpty && refused.firstFailure == 0 && !refused.committed && !isCommitted)
        let allowed = try await pipe(shell("exit 0"), ToolCommand("wc", ["-c"]), refusingEmpty: false)
        #expect(allowed.committed && !allowed.wasEmpty && allowed.stages[1].output.text == "0\n")
    }

    @Test func `an accepted exit code releases end of file`() async throws {
        var producer = shell("echo data; exit 1")
        producer.acceptedExitCodes = [0, 1]
        #expect(try await pipe(producer, ToolCommand("cat")).committed)
    }

    @Test func `without an acknowledgement end of file comes after 1.5 seconds`() async throws {
        let deaf = try FakeTool(
            "deaf", in: folder, "ignore INT", "log-pid \(folder["deaf.ready"])", "read-stdin", "stderr saw the end",
            "exit 1")
        let result = try await pipe(failing(onceReady: folder["deaf.ready"]), ToolCommand(deaf.path))
        #expect(result.stages[1].errors.text.contains("saw the end"))
        #expect(result.stages[1].usage.wall >= .milliseconds(1400) && result.stages[1].usage.wall < .seconds(6))
    }

    @Test func `an acknowledgement lets end of file through at once`() async throws {
        let tool = try FakeTool(
            "slow", in: folder, "ignore INT", "stderr \\esignal interrupt received, cleaning up", "read-stdin",
            "exit 130")
        // Says so before it is asked; the phrase counts only afterwards.
        let early = try await pipe(shell("echo data; sleep 0.3; exit 1"), ToolCommand(tool.path))
        #expect(early.stages[1].usage.wall >= .milliseconds(1600))

        let polite = shell(
            "trap 'echo signal interrupt received, cleaning up >&2; cat >/dev/null; exit 130' INT; while :; do sleep 0.05; done"
        )
        let result = try await pipe(shell("echo data; sleep 1; exit 1"), polite)
        #expect(result.stages[1].termination == .exited(130))
        #expect(result.stages[1].usage.wall < .milliseconds(2400))
    }

    @Test func `a program that is missing at the front stops what was started behind it`() async throws {
        let consumer = try committer()
        await #expect(throws: ToolError.self) { try await pipe(ToolCommand("no-such-program"), consumer) }
        #expect(!isCommitted)
        await #expect(throws: ToolError.self) { try await pipe(shell("yes"), ToolCommand("no-such-program")) }
    }

    @Test func `a limit of one stage ends all of them safely`() async throws {
        var producer = shell("echo data; exec sleep 60")
        producer.limits = .init(total: .seconds(2))
        let result = try await pipe(producer, try committer())
        #expect(result.firstFailure == 0 && !result.committed && !isCommitted)
        #expect(result.stages[0].stopped == .totalLimit)
        #expect(result.stages[1].stopped == .pipelineFailed && result.stages[1].termination == .exited(130))
    }

    @Test func `of two silent neighbours the one that holds up the other is charged`() async throws {
        let limit = ToolCommand.Limits(stall: .milliseconds(600))
        var (stuck, patient) = (shell("echo data; exec sleep 60"), ToolCommand("cat"))
        (stuck.limits, patient.limits) = (limit, limit)
        let first = try await pipe(stuck, patient)
        #expect(first.firstFailure == 0 && first.stages[0].stopped == .stallLimit)

        var (busy, hung) = (shell("yes"), shell("exec sleep 60"))
        (busy.limits, hung.limits) = (limit, limit)
        let second = try await pipe(busy, hung)
        #expect(second.firstFailure == 1 && second.stages[1].stopped == .stallLimit)
    }

    @Test func `a stage that waits for a busy neighbour has not stalled`() async throws {
        var waiting = ToolCommand("wc", ["-c"])
        waiting.limits = .init(stall: .seconds(3))
        var producer = shell("echo a; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; done; echo b")
        producer.limits = .init(stall: .seconds(3))
        let result = try await pipe(producer, waiting)
        #expect(result.committed, "\(result.stages.map(\.stopped))")
    }

    @Test func `cancelling commits nothing and leaves nobody`() async throws {
        let consumer = try committer()
        let task = Task { try await pipe(shell("echo $$ > '\(folder["pid"])'; yes"), consumer) }
        while !FileManager.default.fileExists(atPath: folder["pid"]) { try await Task.sleep(for: .milliseconds(10)) }
        try await Task.sleep(for: .milliseconds(200))
        task.cancel()
        let result = try await task.value
        #expect(result.stages.map(\.stopped) == [.cancelled, .cancelled])
        #expect(!result.committed && result.firstFailure == nil && !isCommitted)
        let pid = try #require(Int32(try String(contentsOfFile: folder["pid"], encoding: .utf8).dropLast()))
        #expect(await isGone(pid))
    }

    @Test func `stages switch the orphan signal: none for the producer, an interrupt for consumers`() async throws {
        let show =
            "grep -q . /proc/self/status; python3 -c 'import ctypes; n = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(n)); print(n.value)'"
        try #require(runner.locate("python3") != nil)
        let result = try await pipe(
            shell("exec " + show.split(separator: "; ", maxSplits: 1)[1]),
            shell("cat; exec " + show.split(separator: "; ", maxSplits: 1)[1]))
        #expect(result.stages[1].output.text == "0\n\(SIGINT)\n")
    }
}
