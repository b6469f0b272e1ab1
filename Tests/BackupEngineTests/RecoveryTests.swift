import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Recovery")
struct RecoveryTests {
    private let dead = ProcessIdentity(pid: 900, startTime: 5, bootID: FakeHost.Machine().bootID)

    /// A record as a run leaves it that is killed.
    @discardableResult
    private func begin(_ bench: Bench, process: ProcessIdentity? = nil) throws -> RunRecord {
        let run = RunRecord(
            id: RunID(startedAt: bench.clock.now, entropy: 77), profile: Bench.profile, operation: .backup,
            started: bench.clock.now, process: process ?? dead, user: "tester", profileDigest: "")
        try bench.store.begin(run)
        bench.clock.advance(by: .seconds(60))
        return run
    }

    @Test func `a killed run is recorded as interrupted, and its folder removed`() async throws {
        let bench = try Bench()
        let killed = try begin(bench)
        let folder = try bench.scratch.create(for: killed.id, root: nil)
        try bench.journal.add(
            JournalEntry(
                id: "scratch", run: killed.id, profile: Bench.profile, order: 0, process: dead,
                action: .removeFolder(folder)))
        let run = await bench.backup()
        #expect(run.outcome == .succeeded)
        #expect(try bench.store.run(killed.id)?.outcome == .interrupted)
        #expect(!FileManager.default.fileExists(atPath: folder))
        #expect(try bench.isClean)
    }

    @Test func `a run that is alive is left alone`() async throws {
        let bench = try Bench()
        bench.host.change { $0.processes[900] = (5, "holdfast") }
        let alive = try begin(bench)
        let folder = try bench.scratch.create(for: alive.id, root: nil)
        #expect(await bench.backup().outcome == .succeeded)
        #expect(try bench.store.run(alive.id)?.finished == nil)
        #expect(FileManager.default.fileExists(atPath: folder))
    }

    @Test(arguments: [(UInt64(6), FakeHost.Machine().bootID), (5, "another boot")])
    func `a number that is used again, or of another boot, is not the run's process`(start: UInt64, boot: String)
        async throws
    {
        let bench = try Bench()
        bench.host.change { $0.processes[900] = (start, "something") }
        let killed = try begin(bench, process: ProcessIdentity(pid: 900, startTime: 5, bootID: boot))
        await bench.backup()
        let record = try #require(try bench.store.run(killed.id))
        #expect(record.outcome == .interrupted)
        #expect(record.says("restarted since") == (boot == "another boot"))
    }

    @Test func `a run that was killed after its manifest did succeed`() async throws {
        let bench = try Bench()
        var run = await bench.backup()
        let whole = run
        run.finished = nil
        run.outcome = nil
        run.parts = []
        run.process = dead
        try bench.store.update(run)
        let next = await bench.backup()
        #expect(next.says("it counts"))
        let record = try #require(try bench.store.run(run.id))
        #expect(record.outcome == .succeeded)
        #expect(record.parts == whole.parts)
    }

    @Test func `one that had a gap did not succeed for being killed`() async throws {
        let bench = try Bench()
        let broken = ScriptedSource("web") { _, _ throws(SourceError) in throw .unmounted(path: "/srv") }
        var run = await bench.backup([ScriptedSource("db"), broken])
        run.finished = nil
        run.outcome = nil
        run.process = dead
        try bench.store.update(run)
        await bench.backup()
        #expect(try bench.store.run(run.id)?.outcome == .failed)
    }

    @Test func `the look is taken again when a run fails before it came to it`() async throws {
        let bench = try Bench()
        var run = await bench.backup()
        run.finished = nil
        run.outcome = nil
        run.process = dead
        try bench.store.update(run)
        bench.repository.change { $0.failures[.inspect] = .unreachable(location: "/b", detail: "gone") }
        #expect(await bench.backup().outcome == .failed)
        #expect(try bench.store.run(run.id)?.outcome == .interrupted)
        bench.repository.change { $0.failures[.inspect] = nil }
        await bench.backup()
        #expect(try bench.store.run(run.id)?.outcome == .succeeded)
    }

    @Test func `what a killed run left in the repository is named, and never used`() async throws {
        let bench = try Bench()
        bench.repository.change { $0.failures[.storeManifest] = .unreachable(location: "/b", detail: "gone") }
        var run = await bench.backup()
        bench.repository.change { $0.failures[.storeManifest] = nil }
        run.finished = nil
        run.outcome = nil
        run.process = dead
        try bench.store.update(run)
        #expect(await bench.backup().says("left 1 snapshot that no manifest names"))
        // Once a complete run made up for it, nobody speaks of it again.
        #expect(await !bench.backup().says("no manifest names"))
    }

    @Test func `left-overs that resist do not keep a backup from being taken`() async throws {
        let bench = try Bench()
        try bench.journal.add(
            JournalEntry(
                id: "old", run: RunID(startedAt: Bench.start, entropy: 901), profile: Bench.profile, order: 0,
                process: dead,
                action: .removeFolder("/elsewhere/holdfast-old")))
        let run = await bench.backup(failpoint: { step in
            switch step {
            case .recover: bench.scratch.fail(with: ScratchError(path: "/elsewhere", reason: "read-only"))
            case .lockRepository: bench.scratch.fail(with: nil)
            default: break
            }
        })
        #expect(run.outcome == .succeeded)
        #expect(run.says("left for the next run to sweep"))
        #expect(try bench.journal.entries(profile: Bench.profile).map(\.id) == ["old"])
    }

    @Test func `recover does it by itself, without a repository too`() async throws {
        let bench = try Bench()
        let killed = try begin(bench)
        let record = await RecoverRun(bench.engine()).run()
        #expect(record.outcome == .failed)
        #expect(record.kind == .noRepository)
        #expect(try bench.store.run(killed.id)?.outcome == .interrupted)
        await bench.backup()
        #expect(await RecoverRun(bench.engine()).run().outcome == .succeeded)
        #expect(try bench.isClean)
    }

    @Test func `recover takes its locks in the order in which a backup does`() async throws {
        let bench = try Bench()
        await bench.backup()
        let count = bench.locks.history.count
        _ = await RecoverRun(bench.engine()).run()
        #expect(
            bench.locks.history.dropFirst(count).filter { $0.hasPrefix("acquire") } == [
                "acquire exclusive profile home", "acquire exclusive repository /backups/home",
            ])
    }
}
