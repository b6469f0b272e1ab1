import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Restore points that vanish")
struct VanishedPointsTests {
    private func bench() throws -> Bench {
        let bench = try Bench()
        bench.repository.change { $0.isChangedByUsAlone = true }
        return bench
    }

    private func verify(_ bench: Bench) async -> RunRecord {
        await VerifyRun(bench.engine(), VerifyRequest(depth: .structure)).run().record
    }

    private func takeAway(_ run: RunRecord, _ bench: Bench) {
        for snapshot in bench.repository.contents where snapshot.stamp?.run == run.id {
            bench.repository.remove(snapshot.id)
        }
    }

    @Test func `a test of what is left tells what is gone, also when a list has seen it before`() async throws {
        let bench = try bench()
        let first = await bench.backup()
        await bench.backup()
        #expect(await verify(bench).outcome == .succeeded)
        takeAway(first, bench)
        let list = try await PointList(bench.engine()).load(loadingManifests: true)
        #expect(list.points.count == 1)
        #expect(list.notices.contains { $0.contains("gone") && $0.contains(first.id.rawValue) })
        for _ in 0..<2 {
            let run = await verify(bench)
            #expect(run.outcome == .failed && run.kind == .damaged)
            #expect(run.says(first.id.rawValue) && run.failures[0].hint?.contains("ack repository:local") == true)
        }
        let matters = try MatterReview(bench.engine()).matters()
        #expect(matters.map(\.kind).contains(.vanished))
    }

    @Test func `nothing is removed until the loss is accepted, and then it is spoken of no more`() async throws {
        let bench = try bench()
        let first = await bench.backup()
        for _ in 0..<3 { await bench.backup() }
        takeAway(first, bench)
        #expect(await verify(bench).outcome == .failed)
        let policy = RetentionPolicy(last: 1)
        let before = bench.manifests.count
        let kept = await bench.backup(retention: policy)
        #expect(bench.manifests.count == before + 1 && kept.says("found the repository damaged"))
        let accepted = try MatterReview(bench.engine()).acknowledge(nil, by: "me", note: "an old disk")
        #expect(accepted.map(\.subject) == ["repository:local"])
        #expect(await verify(bench).outcome == .succeeded)
        #expect(try MatterReview(bench.engine()).matters() == [])
        await bench.backup(retention: policy)
        #expect(bench.manifests.count == 1)
    }

    @Test func `what comes back has not vanished`() async throws {
        let bench = try bench()
        let first = await bench.backup()
        let away = bench.repository.contents
        await bench.backup()
        takeAway(first, bench)
        #expect(await verify(bench).outcome == .failed)
        for snapshot in away { bench.repository.add(snapshot) }
        #expect(await verify(bench).outcome == .succeeded)
    }

    @Test func `what retention removes has not vanished, not even when it was killed before it could say so`()
        async throws
    {
        let bench = try bench()
        for _ in 0..<3 { await bench.backup(retention: RetentionPolicy(last: 2)) }
        #expect(await verify(bench).outcome == .succeeded)
        let doomed = try #require(bench.parts.min { $0.time < $1.time })
        let key = MemoryRepository.identity.id
        try bench.store.noteRemoval(of: [doomed.id], from: key)
        bench.repository.remove(doomed.id)
        #expect(await verify(bench).outcome == .succeeded)
    }

    @Test func `parts of a run that was killed are no restore point`() async throws {
        let bench = try bench()
        await bench.backup()
        let stamp = SnapshotStamp(
            host: RepositoryContents.host, profile: Bench.profile, run: RunID(startedAt: Bench.start, entropy: 9),
            content: .part, source: SourceName(unchecked: "db"), part: PartPath(rawValue: "/data"))
        let part = Snapshot(
            id: SnapshotID(rawValue: "ff"), time: Bench.start, host: stamp.host, paths: ["/data"], tags: stamp.tags)
        bench.repository.add(part)
        _ = try await PointList(bench.engine()).load(loadingManifests: true)
        bench.repository.remove(part.id)
        #expect(await verify(bench).outcome == .succeeded)
    }

    @Test func `where others may remove things too, as a hub does, nothing is missed`() async throws {
        let bench = try Bench()
        let first = await bench.backup()
        await bench.backup()
        takeAway(first, bench)
        let run = await verify(bench)
        #expect(run.outcome == .succeeded && !run.says("gone"))
        #expect(await !bench.backup().says("gone"))
        #expect(try MatterReview(bench.engine()).matters() == [])
    }

    @Test func `a follower that bears its leader's id has a list of its own`() async throws {
        let bench = try bench()
        await bench.backup()
        let nas = MemoryRepository(
            "nas", following: FollowSpec(leader: bench.repository.spec.name), clock: bench.clock)
        nas.change {
            $0.identity = MemoryRepository.identity
            $0.isChangedByUsAlone = true
        }
        _ = try await PointList(bench.engine().at(nas)).load(loadingManifests: true)
        #expect(await verify(bench).outcome == .succeeded)
        #expect(try await PointList(bench.engine()).load(loadingManifests: true).points.count == 1)
    }

    @Test func `what a follower was fed and has no more is missed there`() async throws {
        let bench = try bench()
        let run = await bench.backup()
        let nas = MemoryRepository(
            "nas", following: FollowSpec(leader: bench.repository.spec.name), clock: bench.clock)
        nas.change {
            $0.identity = MemoryRepository.identity
            $0.isChangedByUsAlone = true
        }
        let ids = Set(bench.repository.contents.map(\.id))
        try bench.store.setDeliveries(ids, from: MemoryRepository.identity.id, to: nas.spec.name)
        let test = await VerifyRun(bench.engine().at(nas), VerifyRequest(depth: .structure)).run().record
        #expect(test.outcome == .failed && test.says("nas") && test.says(run.id.rawValue))
        // And the loss of the primary names who has it still.
        takeAway(run, bench)
        #expect(await verify(bench).says("nas had it still"))
    }
}
