import BackupModel
import Foundation
import TestSupport
import Testing
import Tools

/// How children end when we want them to, and when we are no more (A3, A5, B2).
struct EndingTests {
    private let runner: SupervisedRunner
    private let folder: ScratchFolder

    init() throws {
        runner = try SupervisedRunner()
        folder = try ScratchFolder("ending")
    }

    private func waitForPid(_ name: String = "pid") async throws -> Int32 {
        for _ in 0..<500 {
            if let text = try? String(contentsOfFile: folder[name], encoding: .utf8), text.hasSuffix("\n") {
                return try #require(Int32(text.dropLast()))
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw ToolError.conversationEnded(program: name, detail: "it never came up")
    }

    private func polite() throws -> ToolCommand {
        let tool = try FakeTool(
            "polite", in: folder, "on INT 130 cleaned up", "log-pid \(folder["pid"])", "sleep 60")
        return ToolCommand(tool.path)
    }

    @Test func `cancelling lets a child clean up and returns what it said`() async throws {
        let command = try polite()
        let task = Task { try await runner.run(command) }
        let pid = try await waitForPid()
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        let result = try await task.value
        #expect(result.stopped == .cancelled && result.termination == .exited(130))
        #expect(result.errors.text == "cleaned up\n" && !result.didItsWork)
        #expect(await isGone(pid))
    }

    @Test func `a stopped child is woken to clean up`() async throws {
        let command = try polite()
        let task = Task { try await runner.run(command) }
        let pid = try await waitForPid()
        try await Task.sleep(for: .milliseconds(50))
        kill(pid, SIGSTOP)
        task.cancel()
        #expect(try await task.value.termination == .exited(130))
    }

    @Test func `what is cancelled before it starts is not started`() async throws {
        let path = folder["started"]
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await runner.run(ToolCommand("touch", ["--", path]))
        }
        #expect(try await task.value.stopped == .cancelled)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `the second request kills everything at once`() async throws {
        let stubborn = try FakeTool(
            "stubborn", in: folder, "ignore INT TERM", "log-pid \(folder["pid"])", "sleep 60")
        let task = Task {
            try await runner.pipeline(
                [ToolCommand("yes"), ToolCommand(stubborn.path)], refusingEmpty: false, reading: nil)
        }
        let pid = try await waitForPid()
        task.cancel()
        try await Task.sleep(for: .milliseconds(200))
        runner.killEverything()
        let result = try await task.value
        #expect(result.stages[1].usage.wall < .seconds(8))
        #expect(result.stages[1].termination == .signaled(SIGKILL) && result.stages[1].stopped == .cancelled)
        #expect(!result.committed && result.stages.map(\.stopped) == [.cancelled, .cancelled])
        #expect(await isGone(pid))
        #expect(try await runner.run(ToolCommand("true")).didItsWork)
    }

    @Test func `when we are killed, a child gets its orphan signal`() async throws {
        let tool = try FakeTool(
            "orphan", in: folder, "on INT 130 interrupted", "log-pid \(folder["pid"])", "sleep 60")
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = tool.path as String, log = folder["pid"] as String] in
            let runner = try SupervisedRunner()
            let task = Task { try await runner.run(ToolCommand(path)) }
            while !FileManager.default.fileExists(atPath: log) { try await Task.sleep(for: .milliseconds(10)) }
            kill(getpid(), SIGKILL)
            _ = try await task.value
        }
        #expect(await isGone(try await waitForPid()))
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `when we are killed in the middle of a dump, no snapshot comes of it`(restic: RealTools.Restic) async throws {
        var base = ToolCommand(restic.path, ["--repo", folder["repository"], "--no-cache"])
        base.secrets = [.memoryFileArgument("--password-file=", Secret("correct horse"))]
        try QuickRepository.lay(at: folder["repository"])
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = restic.path as String, root = folder.path as String] in
            let runner = try SupervisedRunner()
            var store = ToolCommand(
                path, ["--repo", root + "/repository", "--no-cache", "backup", "--stdin", "--stdin-filename", "/d"])
            store.secrets = [.memoryFileArgument("--password-file=", Secret("correct horse"))]
            let slow = "echo $$ >'\(root)/pid'; for i in 1 2 3; do head -c 900000 /dev/urandom || exit 1; sleep 1; done"
            let stages = [ToolCommand("sh", ["-c", slow]), store]
            let task = Task { try await runner.pipeline(stages, refusingEmpty: true, reading: nil) }
            try await Task.sleep(for: .milliseconds(1800))
            kill(getpid(), SIGKILL)
            _ = try await task.value
        }
        let producer = try await waitForPid()
        for _ in 0..<60 where kill(producer, 0) == 0 { try await Task.sleep(for: .milliseconds(100)) }
        #expect(await isGone(producer))
        var list = base
        list.arguments += ["snapshots", "--json", "--no-lock"]
        let listed = try await runner.run(list)
        #expect(!listed.output.text.contains("short_id"), "\(listed.output.text)")
    }
}
