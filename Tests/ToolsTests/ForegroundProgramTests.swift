import Foundation
import ProcessSpawn
import TestSupport
import Testing
import Tools

/// Programs that run in our place. What terminals and signals do to them is tested end to end, with a terminal.
@Suite("Programs in the foreground", .serialized)
struct ForegroundProgramTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder("foreground") }

    private func shell(_ script: String) async throws -> ForegroundProgram.End {
        try await ForegroundProgram.run("/bin/sh", ["sh", "-c", script], variables: ["POINT": "p1"])
    }

    private func refusal(_ program: String, path: String? = nil) -> ForegroundProgram.Refusal? {
        do throws(ForegroundProgram.Refusal) {
            _ = try ForegroundProgram.locate(program, path: path)
            return nil
        } catch {
            return error
        }
    }

    @Test func `its exit code is told, and the signal that ended it as shells tell it`() async throws {
        #expect(try await shell("exit 7") == .init(exitCode: 7, wasAskedToEnd: false))
        #expect(try await shell("kill -TERM $$") == .init(exitCode: 143, signal: 15, wasAskedToEnd: false))
    }

    @Test func `it gets our environment, our folder, and signals as we had them when we were started`() async throws {
        let file = folder["said"]
        let script = "{ echo $POINT $HOME; pwd; grep -E 'SigBlk|SigIgn' /proc/self/status; } > '\(file)'"
        #expect(try await shell(script).exitCode == 0)
        let said = try String(contentsOfFile: file, encoding: .utf8)
        #expect(said.hasPrefix("p1 \(ProcessInfo.processInfo.environment["HOME"] ?? "")\n"))
        #expect(said.contains(FileManager.default.currentDirectoryPath))
        #expect(said.contains("SigBlk:\t0000000000000000"), "\(said)")
        let ignored = said.split(separator: "\n").last.flatMap { UInt64($0.split(separator: "\t")[1], radix: 16) }
        let mine = try String(contentsOfFile: "/proc/\(getppid())/status", encoding: .utf8)
        let isOurs = mine.contains("SigIgn:\t0000000000000000")
        // SIGPIPE is ignored in this process, and the number 13 is the 12th bit.
        if isOurs { #expect((ignored ?? 0) & (1 << 12) == 0, "\(said)") }
    }

    @Test func `what is sent to us is sent on to it, and that somebody did so is told`() async throws {
        let file = folder["ready"]
        let running = Task {
            try await shell("trap 'exit 9' USR1; trap 'exit 8' TERM; touch '\(file)'; while :; do sleep 0.02; done")
        }
        while !FileManager.default.fileExists(atPath: file) { try await Task.sleep(for: .milliseconds(10)) }
        // One that ends nobody, so that this test is safe to run beside others.
        kill(getpid(), SIGUSR1)
        #expect(try await running.value == .init(exitCode: 9, wasAskedToEnd: false))
    }

    @Test func `what cannot be run is refused with the code of shells, before anything else is done`() throws {
        #expect(refusal("/nowhere/deploy")?.exitCode == 127)
        #expect(refusal("no-such-program-here")?.exitCode == 127)
        #expect(refusal("")?.exitCode == 127)
        let plain = try folder.write("#!/bin/sh\n", to: "plain", mode: 0o644)
        #expect(refusal(plain)?.exitCode == 126)
        #expect(refusal("plain", path: folder.path)?.exitCode == 126)
        #expect(refusal(folder.path)?.exitCode == 126)
        #expect(refusal("plain", path: "\(folder.path):/bin")?.exitCode == 126)
        #expect(refusal("sh", path: "\(folder.path)::/bin") == nil)
    }

    @Test func `a script without an interpreter is run by the shell, and one whose interpreter is missing is refused`()
        async throws
    {
        let bare = try folder.write("exit $(($1 + 1))\n", to: "bare", mode: 0o755)
        #expect(try await ForegroundProgram.run(bare, ["bare", "4"]).exitCode == 5)
        let lost = try folder.write("#!/nowhere/sh\n", to: "lost", mode: 0o755)
        await #expect(throws: ForegroundProgram.Refusal.self) { try await ForegroundProgram.run(lost, ["lost"]) }
    }
}
