import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Feeding followers")
struct FeedingTests {
    private let offsite = RepositoryName(unchecked: "offsite")

    @Test func `parts go before the manifest that names them, the oldest run first`() async throws {
        let follower = MemoryFollower()
        let bench = try Bench(followers: [follower])
        follower.fail(with: .unreachable(location: "there", detail: "no route"))
        await bench.backup([ScriptedSource("db"), ScriptedSource("web")])
        follower.fail(with: nil)
        let run = await bench.backup([ScriptedSource("db"), ScriptedSource("web")])
        let stored = bench.repository.contents.sorted { $0.time < $1.time }
        let kinds = try #require(follower.feeds.last).compactMap { id in stored.first { $0.id == id }?.stamp?.content }
        #expect(kinds == [.part, .part, .manifest, .part, .part, .manifest])
        #expect(run.feeds == [FeedRecord(follower: offsite, outcome: .succeeded, delivered: 6)])
        #expect(run.outcome == .succeeded && run.step(.feed, "offsite")?.outcome == .succeeded)
        #expect(try bench.isClean)
    }

    @Test func `one that fails degrades the run, and harms neither the others nor the backup`() async throws {
        let (good, bad) = (MemoryFollower("good"), MemoryFollower("bad"))
        let bench = try Bench(followers: [bad, good])
        await bench.backup()
        bad.fail(with: .denied(location: "s3", detail: "403"))
        let run = await bench.backup()
        #expect(run.outcome == .degraded && run.isCommitted && run.failures.isEmpty)
        #expect(run.exitStatus(strict: false) == .success && run.exitStatus(strict: true) == .degraded)
        #expect(run.feeds?.map(\.outcome) == [.degraded, .succeeded])
        #expect(run.feeds?.map(\.behind) == [2, 0] && run.says("bad was not fed and is 2 snapshots behind"))
        #expect(good.present.count == 4 && bad.present.count == 2)
        #expect(try bench.isClean)
    }

    @Test func `what vanished from one is told of as tampering, and sent again`() async throws {
        let follower = MemoryFollower()
        let bench = try Bench(followers: [follower])
        await bench.backup()
        follower.lose(try #require(follower.present.first))
        let run = await bench.backup()
        #expect(run.outcome == .degraded && run.feeds?.first?.failure?.kind == .damaged && run.isCommitted)
        #expect(run.says("1 snapshot that offsite had") && run.says("went there again"))
        #expect(follower.present.count == 4)
        #expect(await bench.backup().outcome == .succeeded)
    }

    @Test func `one that hangs is given up after its limit`() async throws {
        let follower = MemoryFollower(timeLimit: .seconds(30))
        let bench = try Bench(followers: [follower])
        follower.hang()
        let run = await bench.backup()
        #expect(run.outcome == .degraded && run.isCommitted && run.says("within 30 seconds (`time-limit`)"))
        #expect(try bench.isClean)
    }

    @Test func `one that is fed on request waits for it`() async throws {
        let follower = MemoryFollower(feed: .onRequest)
        let bench = try Bench(followers: [follower])
        let plain = await bench.backup()
        #expect(follower.feeds.isEmpty && plain.feeds == nil)
        let asked = await bench.backup { $0.offsite = true }
        #expect(follower.present.count == 4 && asked.feeds?.count == 1)
    }

    @Test func `what a follower lacks is held back from retention, and no longer than the profile says`() async throws {
        let follower = MemoryFollower(hold: .seconds(9000))
        let bench = try Bench(followers: [follower])
        let policy = RetentionPolicy(last: 1)
        follower.fail(with: .unreachable(location: "there", detail: "no route"))
        for _ in 0..<3 { await bench.backup(retention: policy) }
        #expect(bench.parts.count == 3)
        let late = await bench.backup(retention: policy)
        #expect(late.says("offsite has lacked 1 part for longer than 2 hours"))
        #expect(bench.parts.count == 3)
        follower.fail(with: nil)
        await bench.backup(retention: policy)
        #expect(bench.parts.count == 1)
    }

    @Test func `nobody waits for a follower on request that was never fed`() async throws {
        let bench = try Bench(followers: [MemoryFollower(feed: .onRequest)])
        for _ in 0..<3 { await bench.backup(retention: RetentionPolicy(last: 1)) }
        #expect(bench.parts.count == 1)
    }

    @Test(arguments: [FollowSpec.Feed.always, .onRequest])
    func `one that begins to expire degrades every run until that is over`(feed: FollowSpec.Feed) async throws {
        let follower = MemoryFollower(feed: feed)
        let bench = try Bench(followers: [follower])
        follower.alarm("generation g-20261121 begins to expire")
        let run = await bench.backup()
        #expect(run.outcome == .degraded && run.says("offsite: generation g-20261121 begins to expire"))
        #expect(run.feeds?.map(\.outcome) == [.degraded])
        #expect(follower.present.count == (feed == .always ? 2 : 0))
        follower.alarm(nil)
        #expect(await bench.backup().outcome == .succeeded)
    }

    @Test func `one that reads files once more is not waited for once it cannot get them any more`() async throws {
        let follower = MemoryFollower(method: .backup)
        let bench = try Bench(followers: [follower])
        var files = ScriptedSource("web")
        files.capturing = { _, store throws(SourceError) in
            var report = try await ScriptedSource.part("/tree", store)
            report.restoreNotes[ManifestPart.rootsNote] = "[]"
            return [report]
        }
        let policy = RetentionPolicy(last: 1)
        await bench.backup([files])
        follower.fail(with: .unreachable(location: "there", detail: "no route"))
        let missed = await bench.backup([files], retention: policy)
        #expect(missed.feeds?.first?.behind == 2 && bench.parts.map(\.stamp?.run) == [missed.id])
        follower.fail(with: nil)
        follower.passOver(missed.id)
        let run = await bench.backup([files], retention: policy)
        #expect(run.outcome == .succeeded && run.feeds?.first?.behind == 0, "\(run)")
        #expect(bench.parts.count == 1)
    }

    @Test func `a run with gaps feeds what it has`() async throws {
        let follower = MemoryFollower()
        let bench = try Bench(followers: [follower])
        var broken = ScriptedSource("web")
        broken.preflightFailure = .missing("/srv/web", hint: nil)
        let run = await bench.backup([ScriptedSource("db"), broken])
        #expect(run.outcome == .failed && follower.present.count == 2, "\(run.failures)")
    }
}
