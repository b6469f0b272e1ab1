import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Cancelling")
struct CancellationTests {
    /// A run that is cancelled at the beginning of a step.
    private func backup(
        cancelledAt place: RunStep, _ bench: Bench, retention: RetentionPolicy = RetentionPolicy()
    ) async -> RunRecord {
        let running = Mutex<Task<RunRecord, Never>?>(nil)
        let (ready, go) = AsyncStream<Void>.makeStream()
        let task = Task {
            for await _ in ready { break }
            return await bench.backup(
                retention: retention,
                failpoint: { step in
                    if step == place { running.withLock { $0?.cancel() } }
                })
        }
        running.withLock { $0 = task }
        go.yield()
        return await task.value
    }

    @Test(arguments: RunStep.allCases.filter { $0.isOfBackup && ![.finish, .release].contains($0) })
    func `at any step it ends as interrupted and gives everything back`(step: RunStep) async throws {
        let bench = try Bench(followers: [MemoryFollower()])
        await bench.backup()
        let run = await backup(cancelledAt: step, bench, retention: RetentionPolicy(last: 1))
        #expect(run.outcome == .interrupted)
        #expect(run.exitStatus(strict: false) == .interrupted)
        #expect(try bench.store.run(run.id) == run)
        #expect(try bench.isClean)
        let isStored = bench.manifests.contains { $0.stamp?.run == run.id }
        #expect(isStored == [.feed, .retention].contains(step))
        #expect(run.isCommitted == isStored)
        #expect(await bench.backup().outcome == .succeeded)
    }

    @Test(arguments: [RunStep.finish, .release])
    func `when all is done it comes too late`(step: RunStep) async throws {
        let bench = try Bench()
        #expect(await backup(cancelledAt: step, bench).outcome == .succeeded)
        #expect(try bench.isClean)
    }

    @Test func `one that waits for a lock stops waiting`() async throws {
        let bench = try Bench()
        let other = try await bench.locks.acquire(.profile(Bench.profile), mode: .exclusive, purpose: "x", wait: .zero)
        let task = Task { await bench.backup { $0.lockWait = .seconds(1_000_000_000) } }
        while bench.clock.sleeps.isEmpty { await Task.yield() }
        task.cancel()
        #expect(await task.value.outcome == .interrupted)
        other.release()
    }

    @Test func `a run that takes longer than its limit fails and says so`() async throws {
        let bench = try Bench()
        let clock = TestClock(at: Bench.start)
        var settings = ProfileSettings()
        settings.timeLimit = .seconds(7200)
        let source = ScriptedSource("db") { _, _ throws(SourceError) in
            while clock.sleeperCount == 0 { await Task.yield() }
            clock.advance(by: .seconds(7200))
            while !Task.isCancelled { await Task.yield() }
            throw .cancelled
        }
        let run = await BackupRun(bench.engine([source], settings: settings, clock: clock), BackupRequest()).run()
        #expect(run.outcome == .failed)
        #expect(run.says("stopped after 2 hours (`time-limit`)"))
        #expect(run.exitStatus(strict: false) == .failed)
        #expect(try bench.isClean)
        #expect(bench.manifests.isEmpty)
    }

    @Test func `a run within its limit is not troubled by it`() async throws {
        let bench = try Bench()
        let clock = TestClock(at: Bench.start)
        var settings = ProfileSettings()
        settings.timeLimit = .seconds(7200)
        let run = await BackupRun(bench.engine(settings: settings, clock: clock), BackupRequest()).run()
        #expect(run.outcome == .succeeded)
        #expect(clock.sleeperCount == 0)
    }
}
