import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

/// A lock in use is never removed, a dead one is, and nobody's process is signalled for it.
@Suite(.enabled(if: !RealTools.restics.isEmpty, "run scripts/install-tools --tests"))
struct ResticLockTests {
    @Test(arguments: RealTools.restics)
    func `a lock in use stays and is told with its owner`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let holder = LockHolder(bench)
        try await bench.waitForLock()
        let repository = try bench.repository()
        let lock = try #require(try await repository.locks().first)
        #expect(lock.pid == holder.pid)
        #expect(!lock.exclusive)
        #expect(abs(lock.time.timeIntervalSinceNow) < 60)
        #expect(try await repository.clearDeadLocks().isEmpty)
        #expect(try bench.files("locks").count == 1)

        // A prune needs the repository for itself.
        let error = await #expect(throws: RepositoryError.self) { try await repository.prune(dryRun: false) }
        guard case .locked(_, let locks, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(locks.first?.pid == lock.pid)
        await holder.kill()
    }

    @Test(arguments: RealTools.restics)
    func `the lock of a killed restic is cleared`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let holder = LockHolder(bench)
        try await bench.waitForLock()
        let pid = try #require(holder.pid)
        await holder.kill()
        let repository = try bench.repository()
        #expect(try await repository.clearDeadLocks().map(\.pid) == [pid])
        #expect(try bench.files("locks").isEmpty)
        let starts = repository.toolStarts
        #expect(try await repository.clearDeadLocks().isEmpty)
        #expect(repository.toolStarts == starts, "no lock needs no start")
    }

    @Test(.enabled(if: geteuid() == 0, "needs root for a host name of its own"), arguments: RealTools.oldestAndNewest)
    func `the lock of another machine stays until the operator removes it`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let holder = LockHolder(bench, through: ["/usr/bin/unshare", "--uts"], before: "hostname elsewhere; ")
        try await bench.waitForLock()
        await holder.kill()
        let repository = try bench.repository()
        #expect(try await repository.clearDeadLocks().isEmpty)
        let lock = try #require(try await repository.locks().first)
        #expect(lock.host == "elsewhere")
        await #expect(throws: RepositoryError.self) { try await repository.removeLocks(["ffff"]) }
        await #expect(throws: RepositoryError.self) { try await repository.removeLocks([""]) }
        try await repository.removeLocks([String(lock.id.prefix(8))])
        #expect(try bench.files("locks").isEmpty)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root for a process table of its own"), arguments: RealTools.restics)
    func `a process that now has the number of a dead owner is left in peace`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let seconds = "600.\(Int.random(in: 100_000...999_999))"
        let sleeper = Task { try await TestBench.runner.run(ToolCommand("/bin/sleep", [seconds])) }
        var innocent: Int32?
        for _ in 0..<200 where innocent == nil {
            try await Task.sleep(for: .milliseconds(10))
            innocent = TestProcess.find { $0.last == seconds }
        }
        let number = try #require(innocent)
        // In a process table of its own a restic can be given the very number that the innocent has outside.
        let holder = LockHolder(
            bench, through: ["/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
            before: "echo \(number - 1) > /proc/sys/kernel/ns_last_pid; ", inBackground: true)
        try await bench.waitForLock()
        await holder.kill()
        let repository = try bench.repository()
        #expect(try await repository.locks().map(\.pid) == [number])
        #expect(try await repository.clearDeadLocks().count == 1)
        #expect(TestProcess.find { $0.last == seconds } == number)
        sleeper.cancel()
        _ = try await sleeper.value
        #expect(try bench.files("locks").isEmpty)
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `a lock older than the machine's start is dead, and one whose owner cannot be looked at is not`(
        restic: RealTools.Restic
    ) async throws {
        var bench = try TestBench.prepared(restic)
        let holder = LockHolder(bench)
        try await bench.waitForLock()
        let lock = try #require(try bench.files("locks").first)
        let content = try Data(contentsOf: URL(fileURLWithPath: "\(bench.folder)/\(lock)"))
        bench.host.hidesPrograms = true
        #expect(try await bench.repository().clearDeadLocks().isEmpty)
        bench.host.assumedBootTime = Date(timeIntervalSinceNow: 3600)
        #expect(try await bench.repository().clearDeadLocks().count == 1)
        #expect(try bench.files("locks").isEmpty)
        await holder.kill()
        // The very lock again, as a crash would have left it.
        bench.host = TestHost()
        try bench.scratch.write(content, to: "repository/\(lock)")
        #expect(try await bench.repository().clearDeadLocks().map(\.id) == [(lock as NSString).lastPathComponent])
        #expect(try bench.files("locks").isEmpty)
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `a lock that goes away in time is waited for`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let holder = LockHolder(bench)
        try await bench.waitForLock()
        let task = Task { try await bench.repository(lockWait: .seconds(60)).prune(dryRun: false) }
        try await Task.sleep(for: .seconds(2))
        await holder.interrupt()
        _ = try await task.value
    }
}

/// A restic that holds a lock for as long as it is left alone: a backup of a stream that does not end.
final class LockHolder: Sendable {
    private let task: Task<PipelineResult, any Error>
    private let folder: String

    /// - Parameters:
    ///   - through: a program that runs a shell in other circumstances.
    ///   - before: shell text that goes first.
    ///   - inBackground: restic becomes a child of the shell instead of the shell itself.
    init(_ bench: TestBench, through: [String] = [], before: String = "", inBackground: Bool = false) {
        folder = bench.folder
        let restic = "\(bench.restic.path) --repo \(bench.folder) backup --stdin --stdin-filename waits"
        let script = before + (inBackground ? "exec 3<&0; \(restic) <&3 & wait" : "exec \(restic)")
        var words = through + ["/bin/sh", "-c", script]
        var command = ToolCommand(words.removeFirst(), words)
        command.environment = [
            "RESTIC_PASSWORD_FILE": bench.scratch["password"], "RESTIC_CACHE_DIR": bench.scratch["holder-cache"],
        ]
        var stream = ToolCommand("/bin/sleep", ["600"])
        stream.whenOrphaned = .leave
        let stages = [stream, command]
        task = Task { try await TestBench.runner.pipeline(stages, refusingEmpty: false, reading: nil) }
    }

    /// The number that this machine knows it by.
    var pid: Int32? {
        TestProcess.find { words in words.contains(folder) && words[0].hasSuffix("/restic") && words.last == "waits" }
    }

    /// As a crash would.
    func kill() async {
        if let pid { _ = Foundation.kill(pid, SIGKILL) } else { Issue.record("the holder of the lock is not running") }
        _ = await task.result
    }

    /// Lets it end well enough to give its lock back.
    func interrupt() async {
        task.cancel()
        _ = await task.result
    }
}

enum TestProcess {
    /// The process whose words are those wanted.
    static func find(_ isWanted: ([String]) -> Bool) -> Int32? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.first { pid in
            guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"), !data.isEmpty else {
                return false
            }
            return isWanted(data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
        }
    }
}
