import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("What a repository holds")
struct RepositoryCatalogTests {
    private func list(_ bench: Bench) async throws -> PointList.Contents {
        try await PointList(bench.engine()).load(loadingManifests: true)
    }

    @Test func `an unchanged list starts nothing`() async throws {
        let bench = try Bench()
        await bench.backup()
        let starts = bench.repository.toolStarts
        #expect(try await list(bench).points.count == 1)
        #expect(bench.repository.toolStarts == starts)
    }

    @Test func `snapshots that vanished are dropped without starting anything`() async throws {
        let bench = try Bench()
        await bench.backup()
        await bench.backup()
        let starts = bench.repository.toolStarts
        let gone = bench.parts[0].id
        bench.repository.remove(gone)
        #expect(try await list(bench).points.count == 1)
        #expect(bench.repository.toolStarts == starts)
        #expect(try !bench.store.snapshots(of: MemoryRepository.identity.id).contains { $0.id == gone })
    }

    @Test func `what is removed from a follower is not missed there afterwards`() async throws {
        let bench = try Bench()
        await bench.backup()
        let home = MemoryRepository.identity.id
        let (kept, removed) = (bench.repository.contents[0], bench.repository.contents[1])
        let offsite = MemoryRepository(
            "offsite", following: FollowSpec(leader: bench.repository.spec.name), clock: bench.clock)
        var identity = MemoryRepository.identity
        identity.id = String(repeating: "2e", count: 32)
        let copy = Snapshot(
            id: SnapshotID(rawValue: String(repeating: "3f", count: 32)), time: removed.time, host: removed.host,
            paths: removed.paths, tags: removed.tags, original: removed.id)
        let key = RepositoryCatalog.key(offsite.spec, identity)
        try bench.store.replaceSnapshots(of: key, with: [copy])
        try bench.store.setDeliveries([kept.id, removed.id], from: home, to: offsite.spec.name)
        let catalog = RepositoryCatalog(bench.engine().at(offsite), repository: offsite, identity: identity)
        try catalog.forgetKnowledge(of: [copy.id])
        #expect(try bench.store.deliveries(from: home) == [offsite.spec.name: [kept.id]])
        #expect(try bench.store.snapshots(of: key).isEmpty)
    }

    @Test func `a history that was lost is rebuilt, runs included`() async throws {
        let old = try Bench()
        await old.backup()
        await old.backup([
            ScriptedSource("db"), ScriptedSource("web") { _, _ throws(SourceError) in throw .unmounted(path: "/w") },
        ])
        let bench = try Bench(historyWasLost: true)
        bench.repository.change { $0.identity = MemoryRepository.identity }
        for snapshot in old.repository.contents {
            bench.repository.add(snapshot)
            if let bytes = old.repository.content(of: snapshot.id) {
                bench.repository.replaceContent(of: snapshot.id, with: bytes)
            }
        }
        let contents = try await list(bench)
        #expect(contents.points.count == 2)
        #expect(contents.notices.contains { $0.contains("runs that stored nothing are gone") })
        let runs = try bench.store.runs(RunQuery(profile: Bench.profile))
        let before = try old.store.runs(RunQuery(profile: Bench.profile))
        #expect(runs.map(\.id) == before.map(\.id))
        #expect(runs.map(\.outcome) == before.map(\.outcome))
        #expect(runs.map(\.parts) == before.map(\.parts))
        #expect(runs.allSatisfy { $0.isRebuilt && $0.user == "root" && $0.finished != nil })
        #expect(runs.first?.failures.first?.description.contains("nothing is mounted at /w") == true)
    }

    @Test func `a run that history knows is not overwritten by its manifest`() async throws {
        let bench = try Bench()
        let run = await bench.backup()
        try bench.store.replaceSnapshots(of: MemoryRepository.identity.id, with: [])
        _ = try await list(bench)
        #expect(try bench.store.run(run.id) == run)
    }

    @Test func `a manifest that cannot be read is named, and the others are listed`() async throws {
        let bench = try Bench()
        await bench.backup()
        await bench.backup()
        bench.repository.replaceContent(of: bench.manifests[0].id, with: Array("{".utf8))
        try bench.store.replaceSnapshots(of: MemoryRepository.identity.id, with: [])
        let contents = try await list(bench)
        #expect(contents.points.count == 2)
        #expect(contents.notices.contains { $0.contains("left out") })
        let plan = try await RetentionReview(bench.engine(retention: RetentionPolicy(last: 1))).plan()
        #expect(plan.removals.isEmpty)
    }

    @Test func `trouble with the repository itself is not taken for a bad manifest`() async throws {
        let bench = try Bench()
        await bench.backup()
        try bench.store.replaceSnapshots(of: MemoryRepository.identity.id, with: [])
        bench.repository.change { $0.failures[.read] = .wrongPassword(location: "/b") }
        await #expect(throws: RepositoryError.self) { try await self.list(bench) }
    }

    @Test func `manifests of other hosts and snapshots of other tools are left alone`() async throws {
        let bench = try Bench()
        await bench.backup()
        let stamp = SnapshotStamp(
            host: "attic", profile: Bench.profile, run: RunID(startedAt: Bench.start, entropy: 99), content: .manifest)
        bench.repository.add(
            Snapshot(
                id: SnapshotID(rawValue: "c1"), time: Bench.start, host: "attic", paths: ["/manifest.json"],
                tags: stamp.tags))
        bench.repository.add(
            Snapshot(
                id: SnapshotID(rawValue: "c2"), time: Bench.start, host: "vault", paths: ["/srv"], tags: ["nightly"]))
        bench.repository.forgetCalls()
        let contents = try await list(bench)
        #expect(Set(contents.foreign.map(\.id.rawValue)) == ["c1", "c2"])
        #expect(!bench.repository.calls.contains { $0.hasPrefix("read") })
    }

    @Test func `a repository that shows no files is listed by its tool`() async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change { $0.showsFiles = false }
        bench.repository.forgetCalls()
        #expect(try await list(bench).points.count == 1)
        #expect(bench.repository.calls.contains("snapshots"))
    }
}
