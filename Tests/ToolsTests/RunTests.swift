import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing
import Tools

/// One program at a time: faults A1 to A4, A7, A9 to A11 and A13 to A16 of process supervision.
struct RunTests {
    private let runner: SupervisedRunner
    private let folder: ScratchFolder

    init() throws {
        runner = try SupervisedRunner()
        folder = try ScratchFolder("run")
    }

    private func shell(_ script: String) -> ToolCommand { ToolCommand("sh", ["-c", script]) }

    @Test func `a program's outputs, exit code and cost come back`() async throws {
        let result = try await runner.run(shell("echo out; echo err >&2; exit 7"))
        #expect(result.termination == .exited(7))
        #expect(result.output.text == "out\n")
        #expect(result.errors.text == "err\n")
        #expect(!result.didItsWork)
        #expect(result.usage.bytesWritten == 8)
        #expect(result.producedBytes == 4)
        #expect(result.usage.peakMemory > .kibibytes(500))
        #expect(result.usage.wall > .zero)
    }

    @Test func `a bad exit without a word is a failure with its code`() async throws {
        let result = try await runner.run(shell("exit 7"))
        #expect(result.termination == .exited(7) && result.errors.totalBytes == 0 && !result.didItsWork)
        var tolerant = shell("exit 7")
        tolerant.acceptedExitCodes = [0, 7]
        #expect(try await runner.run(tolerant).didItsWork)
    }

    @Test func `a child killed by a signal is told apart from exit code 9`() async throws {
        let killed = try await runner.run(shell("kill -9 $$"))
        #expect(killed.termination == .signaled(9))
        #expect(killed.termination.description.contains("out of memory"))
        #expect(try await runner.run(shell("exit 9")).termination == .exited(9))
    }

    @Test func `a child that ignores every polite signal is killed with its whole group in bound time`() async throws {
        let stubborn = try FakeTool(
            "stubborn", in: folder, "ignore INT TERM", "spawn-sleeper 60", "stdout ready", "sleep 60")
        var command = ToolCommand(stubborn.path)
        command.limits = .init(total: .seconds(3))
        command.teardown = [
            TeardownStep(.interrupt, grace: .milliseconds(150)), TeardownStep(.terminate, grace: .milliseconds(150)),
        ]
        let result = try await runner.run(command)
        #expect(result.termination == .signaled(9))
        #expect(result.stopped == .totalLimit)
        #expect(result.output.text == "ready\n")
        #expect(result.usage.wall >= .milliseconds(3280) && result.usage.wall < .seconds(8))
    }

    @Test func `a grandchild that holds the output does not hold up the result, and is killed`() async throws {
        let start = SuspendingClock.now
        let result = try await runner.run(shell("sleep 61 & echo $!; exit 0"))
        #expect(result.didItsWork)
        #expect(SuspendingClock.now - start < .seconds(30))
        let pid = try #require(Int32(result.output.text.dropLast()))
        #expect(await isGone(pid))
    }

    @Test func `a member of the group that outlives its leader in a teardown is killed`() async throws {
        var command = shell("trap '' INT TERM; (sleep 62) >/dev/null 2>&1 & echo $!; trap - INT TERM; sleep 62")
        command.limits = .init(total: .seconds(2))
        let result = try await runner.run(command)
        #expect(result.stopped == .totalLimit)
        let pid = try #require(Int32(result.output.text.dropLast()))
        #expect(await isGone(pid))
    }

    @Test func `an output closed early is not taken for the end`() async throws {
        let result = try await runner.run(shell("exec >&- 2>&-; sleep 0.3; exit 5"))
        #expect(result.termination == .exited(5))
        #expect(result.usage.wall >= .milliseconds(300))
    }

    @Test func `500 MB of diagnostics are drained and kept within bounds`() async throws {
        let result = try await runner.run(shell("echo first >&2; yes x | head -c 500000000 >&2; echo last >&2"))
        #expect(result.didItsWork)
        #expect(result.errors.totalBytes == ByteCount(500_000_011))
        #expect(result.errors.head.count == 65536 && result.errors.tail.count == 65536)
        #expect(result.errors.text.hasPrefix("first\nx\n") && result.errors.text.hasSuffix("x\nlast\n"))
    }

    @Test func `one line of 10 MB arrives cut and those after it whole`() async throws {
        let lines = LineCollector()
        let result = try await runner.run(
            shell("echo a; head -c 10000000 /dev/zero | tr '\\0' y; echo; printf b"), reading: lines)
        #expect(result.output.totalBytes == ByteCount(10_000_004))
        #expect(lines.lengths == [1, 1 << 20, 1])
        #expect(lines.last == "b")
    }

    @Test func `a program that asks on the terminal finds none`() async throws {
        let result = try await runner.run(shell("test -t 0 && exit 1; (: </dev/tty) && exit 2; cat; exit 0"))
        #expect(result.didItsWork && result.output.totalBytes == 0)
        #expect(result.errors.text.contains("/dev/tty"))
        #expect(result.usage.wall < .seconds(5))
    }

    @Test func `silence passes the stall limit`() async throws {
        var command = shell("echo begun; sleep 30")
        command.limits = .init(stall: .milliseconds(600))
        let result = try await runner.run(command)
        #expect(result.stopped == .stallLimit && !result.didItsWork)
        #expect(result.usage.wall >= .milliseconds(600) && result.usage.wall < .seconds(5))
    }

    @Test(arguments: [
        "for i in 1 2 3 4 5 6; do sleep 0.6; echo; done",
        "sh -c 'i=0; while [ $i -lt 900000 ]; do i=$((i+1)); done'; true",
        "(for i in 1 2 3 4 5 6; do sleep 0.6; echo > /dev/null; done); true",
    ])
    func `output, computing or writing elsewhere, by a grandchild too, counts as life`(script: String) async throws {
        var command = shell(script)
        command.limits = .init(stall: .milliseconds(2500))
        let result = try await runner.run(command)
        #expect(result.didItsWork, "\(result.usage.wall)")
    }

    @Test func `children get default signals and an empty mask although we ignore some`() async throws {
        signal(SIGUSR2, SIG_IGN)
        defer { signal(SIGUSR2, SIG_DFL) }
        let result = try await runner.run(shell("grep -E '^Sig(Ign|Blk|Cgt)' /proc/self/status"))
        #expect(result.output.text.contains("SigIgn:\t0000000000000000"))
        #expect(result.output.text.contains("SigBlk:\t0000000000000000"))
    }

    @Test func `a child leads its own session, shuts others out and leaves no core`() async throws {
        let result = try await runner.run(
            shell("umask; ulimit -c; echo $$; cut -d' ' -f5,6 /proc/$$/stat; ls /proc/self/fd | tr '\\n' ' '"))
        let lines = result.output.text.split(separator: "\n")
        #expect(lines[0] == "0077" && lines[1] == "0")
        #expect(lines[3] == "\(lines[2]) \(lines[2])")
        // Standard descriptors and the one by which ls reads the folder.
        #expect(lines[4] == "0 1 2 3 ")
    }

    @Test func `nice is added`() async throws {
        var command = shell("nice")
        let before = try await runner.run(command).output.text
        command.niceness = 5
        let after = try await runner.run(command).output.text
        #expect(Int(after.dropLast()) == Int(before.dropLast()).map { min($0 + 5, 19) })
    }

    @Test func `the working directory is the one asked for`() async throws {
        var command = shell("pwd")
        command.workingDirectory = folder.path
        #expect(try await runner.run(command).output.text == folder.path + "\n")
    }

    @Test func `two hundred at a time all come back`() async throws {
        let outputs = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<200 {
                group.addTask { try await runner.run(shell("sleep 0.5; echo \(number)")).output.text }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(outputs == Set((0..<200).map { "\($0)\n" }))
    }
}

/// Collects lines for a test.
final class LineCollector: LineReader {
    private let lines = Mutex<(lengths: [Int], last: String)>(([], ""))
    func read(line bytes: UnsafeRawBufferPointer) {
        lines.withLock {
            $0.lengths.append(bytes.count)
            $0.last = String(decoding: bytes.prefix(4096), as: UTF8.self)
        }
    }
    var lengths: [Int] { lines.withLock { $0.lengths } }
    var last: String { lines.withLock { $0.last } }
}

/// Waits a little for a process to vanish; a zombie that awaits its collection counts as gone.
func isGone(_ pid: Int32) async -> Bool {
    for _ in 0..<100 {
        let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        if stat.isEmpty || stat.contains(") Z ") { return true }
        try? await Task.sleep(for: .milliseconds(20))
    }
    return false
}
