import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

/// Backups as timers start them. The clock of the bench begins at 2026-11-21T02:00:00Z, a Saturday.
@Suite struct ScheduledRunTests {
    private func schedules(_ backup: String = "daily 02:00", offsite: String? = nil) throws -> ProfileSchedules {
        var schedules = ProfileSchedules()
        schedules.backup = try Schedule(backup)
        schedules.offsite = try offsite.map { try Schedule($0) }
        return schedules
    }

    private func source(_ name: String, _ cadence: String? = nil) throws -> ScriptedSource {
        var source = ScriptedSource(name)
        source.spec.cadence = try cadence.map { try Schedule($0) }
        return source
    }

    /// One tick of a timer.
    /// - Returns: `nil` where nothing was due.
    @discardableResult
    private func tick(
        _ bench: Bench, _ schedules: ProfileSchedules, _ sources: [ScriptedSource] = [ScriptedSource("db")],
        retention: RetentionPolicy = RetentionPolicy()
    ) async throws -> RunRecord? {
        var engine = bench.engine(sources, retention: retention)
        engine.profile.schedules = schedules
        let due = try DueReview(engine).backup()
        guard due.isDue else { return nil }
        var request = BackupRequest()
        request.trigger = "scheduled"
        request.notDue = due.notDue
        request.slot = due.slot?.verdict.slot
        request.offsite = due.feedsOffsite
        return await BackupRun(engine, request).run()
    }

    @Test func `the first tick takes a backup, the next ones do not, the next slot's does`() async throws {
        let bench = try Bench()
        #expect(try await tick(bench, schedules())?.outcome == .succeeded)
        for _ in 0..<23 {
            bench.clock.advance(by: .seconds(3600))
            #expect(try await tick(bench, schedules()) == nil)
        }
        bench.clock.advance(by: .seconds(3600))
        #expect(try await tick(bench, schedules())?.outcome == .succeeded)
    }

    @Test func `an operator's whole backup serves the slot, one for a reason or of one source does not`() async throws {
        for (serves, reason, sources) in [(true, nil, nil), (false, "pre-deploy", nil), (false, nil, ["db"])]
            as [(Bool, String?, [String]?)]
        {
            let bench = try Bench()
            await bench.backup {
                $0.reason = reason
                $0.sources = sources?.map(SourceName.init(unchecked:))
            }
            #expect(try await (tick(bench, schedules()) == nil) == serves)
        }
    }

    @Test func `days that were missed are caught up once`() async throws {
        let bench = try Bench()
        try await tick(bench, schedules())
        bench.clock.advance(by: .seconds(4 * 86_400 + 7 * 3600))
        var engine = bench.engine()
        engine.profile.schedules = try schedules()
        #expect(try DueReview(engine).missed(.backup).slots.count == 3)
        #expect(try await tick(bench, schedules()) != nil)
        #expect(try await tick(bench, schedules()) == nil)
    }

    @Test func `a failure is tried again later and not at once`() async throws {
        let bench = try Bench()
        let bad = ScriptedSource("db") { _, _ throws(SourceError) in
            throw .unreachable("db", detail: "away", hint: nil)
        }
        #expect(try await tick(bench, schedules(), [bad])?.outcome == .failed)
        bench.clock.advance(by: .seconds(600))
        #expect(try await tick(bench, schedules()) == nil)
        bench.clock.advance(by: .seconds(1300))
        #expect(try await tick(bench, schedules())?.outcome == .succeeded)
    }

    @Test func `a run that was killed is tried again, at once after a restart`() async throws {
        let bench = try Bench()
        var dead = bench.engine().newRecord(.backup, trigger: "scheduled")
        dead.process = ProcessIdentity(pid: 77, startTime: 1, bootID: bench.host.bootID)
        try bench.store.begin(dead)
        bench.clock.advance(by: .seconds(60))
        #expect(try await tick(bench, schedules()) == nil)
        bench.host.change { $0.bootID = "22222222-2222-3333-4444-555555555555" }
        #expect(try await tick(bench, schedules())?.outcome == .succeeded)
    }

    @Test func `two ticks at the same moment are one backup`() async throws {
        let bench = try Bench()
        var engine = bench.engine()
        engine.profile.schedules = try schedules()
        var request = BackupRequest()
        request.trigger = "scheduled"
        request.slot = try DueReview(engine).backup().slot?.verdict.slot
        let first = await BackupRun(engine, request).run()
        let second = await BackupRun(engine, request).run()
        #expect(first.outcome == .succeeded && second.outcome == .skipped && second.says("run \(first.id) has served"))
    }

    @Test func `without a schedule a scheduled backup is always taken`() async throws {
        let bench = try Bench()
        for _ in 0..<2 { #expect(try await tick(bench, ProfileSchedules()) != nil) }
    }

    // MARK: Cadences

    @Test func `a weekly source is taken once a week, and a restore point without it has the older one`() async throws {
        let bench = try Bench()
        let sources = [try source("state"), try source("voice", "weekly")]
        var taken: [String] = []
        for _ in 0..<12 {
            let run = try #require(try await tick(bench, schedules("02:00,14:00"), sources))
            #expect(run.outcome == .succeeded && run.gaps.isEmpty)
            if run.parts.contains(where: { $0.source.rawValue == "voice" }) {
                taken.append(UTCTime(run.started).dayInWords)
            } else {
                #expect(run.notDue?.map(\.source.rawValue) == ["voice"])
            }
            bench.clock.advance(by: .seconds(12 * 3600))
        }
        // At first, and then with the first run of the week.
        #expect(taken == ["2026-11-21", "2026-11-23"])
        let manifest = try #require(try bench.manifest())
        #expect(manifest.gaps.isEmpty && manifest.notDue?.map(\.source.rawValue) == ["voice"])
        let list = try await PointList(bench.engine(sources)).load(loadingManifests: true)
        let newest = try #require(list.points.first)
        #expect(newest.gaps.isEmpty && newest.notDue.map(\.source.rawValue) == ["voice"])
        let voice = try #require(newest.entries.first { $0.part.source.rawValue == "voice" })
        #expect(UTCTime(voice.part.capturedAt).dayInWords == "2026-11-23" && voice.notice == nil)
        var options = RestoreOptions(directory: "/tmp/x")
        options.only = [SourceName(unchecked: "voice")]
        let plan = try RestorePlan(newest, options, sources: sources.map(\.spec.name))
        #expect(plan.items.count == 1 && plan.items[0].run == voice.run && plan.missing.isEmpty)
    }

    @Test func `a weekly source whose only copy has gone from the repository is due at once`() async throws {
        let bench = try Bench()
        let sources = try [source("db"), source("voice", "weekly")]
        _ = try await tick(bench, schedules(), sources)
        bench.clock.advance(by: .seconds(86_400))
        #expect(try await tick(bench, schedules(), sources)?.notDue?.map(\.source.rawValue) == ["voice"])
        for snapshot in bench.parts where snapshot.stamp?.source?.rawValue == "voice" {
            bench.repository.remove(snapshot.id)
        }
        bench.clock.advance(by: .seconds(86_400))
        let run = try #require(try await tick(bench, schedules(), sources))
        #expect(Set(run.parts.map(\.source.rawValue)) == ["db", "voice"] && run.notDue?.isEmpty != false)
    }

    @Test func `an operator's backup takes all sources, and counts for the week`() async throws {
        let bench = try Bench()
        let sources = [try source("state"), try source("voice", "monthly")]
        let run = await bench.backup(sources)
        #expect(run.parts.count == 2 && run.notDue == [])
        bench.clock.advance(by: .seconds(86_400))
        #expect(try await tick(bench, schedules(), sources)?.parts.count == 1)
    }

    @Test func `a named source is taken whatever its cadence says`() async throws {
        let bench = try Bench()
        let sources = [try source("state"), try source("voice", "monthly")]
        await bench.backup(sources)
        let again = await bench.backup(sources) { $0.sources = [SourceName(unchecked: "voice")] }
        #expect(again.parts.map(\.source.rawValue) == ["voice"])
    }

    @Test func `a source that failed is due again with the next run`() async throws {
        let bench = try Bench()
        var bad = ScriptedSource("voice") { _, _ throws(SourceError) in
            throw .unreachable("voice", detail: "away", hint: nil)
        }
        bad.spec.cadence = try Schedule("weekly")
        #expect(try await tick(bench, schedules(), [try source("state"), bad])?.outcome == .failed)
        bench.clock.advance(by: .seconds(1801))
        let again = try #require(
            try await tick(bench, schedules(), [try source("state"), try source("voice", "weekly")]))
        #expect(again.parts.count == 2)
    }

    @Test func `where no source is due nothing runs`() async throws {
        let bench = try Bench()
        let sources = [try source("voice", "monthly")]
        #expect(try await tick(bench, schedules(), sources) != nil)
        bench.clock.advance(by: .seconds(86_400))
        #expect(try await tick(bench, schedules(), sources) == nil)
    }

    @Test func `a source that is left out is no gap to retention`() async throws {
        let bench = try Bench()
        let sources = [try source("state"), try source("voice", "monthly")]
        let policy = RetentionPolicy(last: 2)
        for _ in 0..<5 {
            try await tick(bench, schedules(), sources, retention: policy)
            bench.clock.advance(by: .seconds(86_400))
        }
        let left = Dictionary(grouping: bench.parts) { $0.stamp?.source?.rawValue ?? "" }.mapValues(\.count)
        #expect(left == ["state": 2, "voice": 1])
    }

    // MARK: Followers and other work

    @Test func `followers on request are fed from the offsite time on, until it has worked`() async throws {
        let follower = MemoryFollower("offsite", feed: .onRequest)
        let bench = try Bench(followers: [follower])
        var fed: [Bool] = []
        for day in 0..<10 {
            follower.fail(with: day == 2 ? .unreachable(location: "s3", detail: "away") : nil)
            let run = try #require(try await tick(bench, schedules(offsite: "weekly")))
            fed.append(!(run.feeds ?? []).isEmpty)
            bench.clock.advance(by: .seconds(86_400))
        }
        // Saturday, the first; Monday, which failed; Tuesday; Monday.
        #expect(fed == [true, false, true, true, false, false, false, false, false, true])
    }

    @Test func `where every backup is to go offsite, one that has not serves no slot`() async throws {
        let bench = try Bench(followers: [MemoryFollower("offsite", feed: .onRequest)])
        var engine = bench.engine()
        engine.profile.schedules = try schedules()
        await bench.backup()
        #expect(try !DueReview(engine).backup().isDue)
        #expect(try DueReview(engine, offsite: true).backup().isDue)
        await bench.backup { $0.offsite = true }
        #expect(try !DueReview(engine, offsite: true).backup().isDue)
    }

    @Test func `a test or prune is not due before there is a backup`() async throws {
        let bench = try Bench()
        var engine = bench.engine()
        engine.profile.schedules.verify = try Schedule("weekly")
        engine.profile.schedules.prune = try Schedule("daily 01:00")
        #expect(try DueReview(engine).slot(.verify)?.verdict == .noneYet)
        await bench.backup()
        #expect(try DueReview(engine).slot(.verify)?.verdict.isDue == true)
        var request = VerifyRequest(depth: .structure)
        request.trigger = "scheduled"
        let report = await VerifyRun(engine, request).run()
        #expect(report.record.trigger == "scheduled" && report.record.outcome == .succeeded)
        #expect(try DueReview(engine).slot(.verify)?.verdict.isDue == false)
        // What was only talked about has served nothing.
        _ = await PruneRun(engine, PruneRequest(dryRun: true, allowedRemovals: nil, lockWait: nil)).run()
        #expect(try DueReview(engine).slot(.prune)?.verdict.isDue == true)
        _ = await PruneRun(engine, PruneRequest(dryRun: false, allowedRemovals: nil, lockWait: nil)).run()
        #expect(try DueReview(engine).slot(.prune)?.verdict.isDue == false)
    }
}
