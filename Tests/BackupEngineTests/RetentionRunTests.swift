import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Retention in a run, and prune")
struct RetentionRunTests {
    private static let one = RetentionPolicy(last: 1)

    @Test func `what no rule keeps is forgotten, its room freed, and history told`() async throws {
        let bench = try Bench()
        await bench.backup()
        let run = await bench.backup(retention: Self.one)
        #expect(run.outcome == .succeeded)
        #expect(run.says("retention removed 2 snapshots"))
        #expect(bench.parts.count == 1 && bench.manifests.count == 1)
        #expect(bench.parts[0].stamp?.run == run.id)
        #expect(bench.repository.calls.suffix(2) == ["forget 2", "prune"])
        #expect(
            Set(try bench.store.snapshots(of: MemoryRepository.identity.id).map(\.id))
                == Set(bench.repository.contents.map(\.id)))
        #expect(run.step(.retention)?.toolOutput["prune"] == "freed 1 MiB")
        #expect(bench.locks.history.last { $0.contains("acquire") } == "acquire exclusive repository /backups/home")
    }

    @Test func `a run without retention removes nothing`() async throws {
        let bench = try Bench()
        await bench.backup()
        await bench.backup(retention: Self.one) { $0.retention = false }
        #expect(bench.parts.count == 2)
    }

    @Test func `a gap keeps everything`() async throws {
        let bench = try Bench()
        await bench.backup([ScriptedSource("db"), ScriptedSource("web")])
        let broken = ScriptedSource("web") { _, _ throws(SourceError) in throw .unmounted(path: "/srv") }
        let run = await bench.backup([ScriptedSource("db"), broken], retention: Self.one)
        #expect(run.says("removed nothing because this run has gaps"))
        #expect(run.step(.retention)?.outcome == .skipped)
        #expect(bench.parts.count == 3)
        #expect(!bench.repository.calls.contains { $0.hasPrefix("forget") })
    }

    @Test(arguments: [PartCondition.partial, .damaged])
    func `a newest part that is not good keeps its group`(condition: PartCondition) async throws {
        let bench = try Bench()
        await bench.backup()
        let source = ScriptedSource("db") { _, store throws(SourceError) in
            [try await ScriptedSource.part("/data", store, condition: condition)]
        }
        let run = await bench.backup([source], retention: Self.one)
        #expect(run.says("left db /data alone"))
        #expect(bench.parts.count == 2)
    }

    @Test func `a part that is far from the usual size is noted in the record, and in no other`() async throws {
        let bench = try Bench()
        let policy = RetentionPolicy(last: 20)
        for _ in 0..<6 { #expect(await bench.backup(retention: policy).anomalies == nil) }
        let huge = ScriptedSource("db") { _, store throws(SourceError) in
            var part = try await ScriptedSource.part("/data", store)
            part.stored.bytes = .mebibytes(500)
            return [part]
        }
        let run = await bench.backup([huge], retention: policy)
        #expect(run.outcome == .succeeded && run.anomalies?.count == 1)
        #expect(run.anomalies?.first?.detail.contains("far from the usual") == true)
    }

    @Test func `a clock that went back keeps everything`() async throws {
        let bench = try Bench()
        await bench.backup()
        await bench.backup()
        bench.host.change {
            $0.currentPID = 5000
            $0.processes[5000] = (7, "holdfast")
        }
        bench.clock.jump(to: Bench.start.addingTimeInterval(-86_400))
        let run = await bench.backup(retention: Self.one)
        #expect(run.says("the clock says"))
        #expect(bench.parts.count == 3)
    }

    @Test func `damage that a test found keeps everything until a test shows the repository whole`() async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change { $0.verify = VerifyReport(isSound: false, damagedFiles: ["data/ab/abcd"]) }
        _ = await VerifyRun(bench.engine(), VerifyRequest(depth: .data(percent: 50))).run()
        bench.repository.change { $0.verify = VerifyReport(isSound: true) }
        // A test of the structure alone says nothing of the data.
        _ = await VerifyRun(bench.engine(), VerifyRequest(depth: .structure)).run()
        let run = await bench.backup(retention: Self.one)
        #expect(run.outcome == .succeeded && run.says("found the repository damaged"))
        #expect(bench.parts.count == 2)
        let request = PruneRequest(dryRun: false, allowedRemovals: nil, lockWait: nil)
        #expect(await PruneRun(bench.engine(), request).run().record.kind == .damaged)
        #expect(!bench.repository.calls.contains("prune"))

        _ = await VerifyRun(bench.engine(), VerifyRequest(depth: .data(percent: 100))).run()
        await bench.backup(retention: Self.one)
        #expect(bench.parts.count == 1)
    }

    @Test func `a repository in use postpones it`() async throws {
        let bench = try Bench()
        await bench.backup()
        let key = LockKey.repository(location: bench.repository.location)
        let other = try await bench.locks.acquire(key, mode: .shared, purpose: "verify", wait: .zero)
        let run = await bench.backup(retention: Self.one)
        other.release()
        #expect(run.outcome == .succeeded)
        #expect(run.says("retention waits for the next run"))
        #expect(run.step(.retention)?.outcome == .skipped)
        #expect(bench.parts.count == 2)
        #expect(try bench.isClean)
    }

    @Test(arguments: [MemoryRepository.Forgetting.refused, .silent])
    func `snapshots that did not go are said to be still there`(forgetting: MemoryRepository.Forgetting) async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change { $0.forgetting = forgetting }
        let run = await bench.backup(retention: Self.one)
        #expect(run.says("2 snapshots that retention dropped are still there"))
        #expect(!run.says("retention removed"))
        #expect(!bench.repository.calls.contains("prune"))
        #expect(try bench.store.snapshots(of: MemoryRepository.identity.id).count == 4)
    }

    @Test func `trouble in retention says that the backup is whole`() async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change { $0.failures[.prune] = .full(location: "/b", detail: "no space", free: 0) }
        let run = await bench.backup(retention: Self.one)
        #expect(run.outcome == .failed)
        #expect(run.exitStatus(strict: false) == .destinationFull)
        #expect(run.says("the backup itself is stored and complete"))
        #expect(run.isCommitted)
        #expect(run.step(.retention)?.outcome == .failed)
    }

    @Test func `a dry run counts the snapshot that the backup would add`() async throws {
        let bench = try Bench()
        await bench.backup()
        var source = ScriptedSource("db")
        source.preview.parts = [PartPath(rawValue: "/data")]
        let preview = try await BackupPreview(bench.engine([source], retention: Self.one), BackupRequest()).make()
        #expect(preview.retention?.removals == bench.parts.map(\.id))
        #expect(preview.retention?.groups.flatMap(\.decisions).count == 1)
    }

    @Test func `a dry run of a backup changes nothing`() async throws {
        let bench = try Bench()
        let preview = try await BackupPreview(bench.engine(), BackupRequest()).make()
        #expect(preview.destinationState.hasPrefix("no repository yet"))
        #expect(bench.repository.calls == ["inspect"])
        #expect(bench.store.written.isEmpty && bench.locks.history.isEmpty && bench.scratch.existing.isEmpty)
        #expect(try bench.pins.pin(profile: Bench.profile, repository: "local") == nil)
    }

    @Test func `a dry run of prune names what would go and removes nothing`() async throws {
        let bench = try Bench()
        await bench.backup()
        await bench.backup()
        bench.repository.forgetCalls()
        let report = await PruneRun(
            bench.engine(retention: Self.one), PruneRequest(dryRun: true, allowedRemovals: nil, lockWait: nil)
        ).run()
        #expect(report.record.outcome == .succeeded)
        #expect(report.plan?.removals == [bench.parts[0].id])
        #expect(bench.repository.calls == ["inspect", "prune dry"])
        #expect(bench.parts.count == 2)
    }

    private func prune(_ bench: Bench) async -> PruneRun.Report {
        await PruneRun(bench.engine(), PruneRequest(dryRun: false, allowedRemovals: nil, lockWait: nil)).run()
    }

    @Test func `prune removes what runs left that are over, and nothing else`() async throws {
        let bench = try Bench()
        bench.repository.change { $0.failures[.storeManifest] = .unreachable(location: "/b", detail: "gone") }
        await bench.backup()
        bench.repository.change { $0.failures[.storeManifest] = nil }
        let good = await bench.backup()
        let report = await prune(bench)
        #expect(report.incomplete.count == 1)
        #expect(report.record.says("removed 1 snapshot that no restore point uses"))
        #expect(bench.parts.map { $0.stamp?.run } == [good.id])
    }

    @Test(arguments: [true, false])
    func `prune leaves what a run has stored that is alive`(isAlive: Bool) async throws {
        let bench = try Bench()
        await bench.backup()
        let id = RunID(startedAt: bench.clock.now, entropy: 500)
        let process = ProcessIdentity(pid: 900, startTime: 5, bootID: bench.host.bootID)
        if isAlive { bench.host.change { $0.processes[900] = (5, "holdfast") } }
        try bench.store.begin(
            RunRecord(
                id: id, profile: Bench.profile, operation: .backup, started: bench.clock.now, process: process,
                user: "tester", profileDigest: ""))
        let stamp = SnapshotStamp(
            host: RepositoryContents.host, profile: Bench.profile, run: id, content: .part, source: "db",
            part: PartPath(rawValue: "/data"))
        bench.repository.add(
            Snapshot(
                id: SnapshotID(rawValue: "dd"), time: bench.clock.now, host: stamp.host, paths: ["/data"],
                tags: stamp.tags))
        _ = await prune(bench)
        #expect(bench.repository.contents.contains { $0.id.rawValue == "dd" } == isAlive)
    }

    @Test(arguments: [3600.0, 90_000.0])
    func `what a run left that history does not know is given a day`(age: Double) async throws {
        let bench = try Bench()
        await bench.backup()
        let time = bench.clock.now.addingTimeInterval(-age)
        let stamp = SnapshotStamp(
            host: RepositoryContents.host, profile: Bench.profile, run: RunID(startedAt: time, entropy: 500),
            content: .part, source: "db", part: PartPath(rawValue: "/data"))
        bench.repository.add(
            Snapshot(id: SnapshotID(rawValue: "dd"), time: time, host: stamp.host, paths: ["/data"], tags: stamp.tags))
        _ = await prune(bench)
        #expect(bench.repository.contents.contains { $0.id.rawValue == "dd" } == (age < 86_400))
    }
}
