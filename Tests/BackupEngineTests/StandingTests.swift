import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Objectives")
struct StandingTests {
    private let bench: Bench
    init() throws { bench = try Bench() }

    private func profile(_ change: (inout Objectives) -> Void = { _ in }, sources: [String] = ["db", "web"]) -> Profile
    {
        var profile = bench.engine(sources.map { ScriptedSource($0) }).profile
        change(&profile.objectives)
        return profile
    }

    /// - Parameter hour: before now.
    private func run(
        _ hour: Double, _ operation: RunRecord.Operation = .backup, _ outcome: Outcome = .succeeded,
        sources: [String] = ["db", "web"], gaps: [String] = []
    ) -> RunRecord {
        let started = Bench.start.addingTimeInterval(-hour * 3600)
        var run = RunRecord(
            id: RunID(startedAt: started, entropy: UInt32(hour)), profile: Bench.profile, operation: operation,
            started: started, process: bench.host.currentProcess(), user: "root", profileDigest: "d1")
        run.outcome = outcome
        run.duration = .seconds(hour)
        run.parts = sources.map { name in
            ManifestPart(
                source: SourceName(unchecked: name), sourceKind: "scripted", part: PartPath(rawValue: "/data"),
                snapshot: SnapshotID(rawValue: "aa"), capturedAt: started, condition: .clean, bytes: 100, files: nil,
                facts: Facts())
        }
        run.gaps = gaps.map { ManifestGap(source: SourceName(unchecked: $0), cause: "gone") }
        return run
    }

    private func standing(_ subject: Standing.Subject, _ profile: Profile, _ runs: [RunRecord]) throws -> Standing {
        try #require(StandingReview(profile, runs: runs).standings.first { $0.subject == subject })
    }

    @Test func `a backup is as old as the source that was captured longest ago`() throws {
        let profile = profile { $0.backup = .seconds(26 * 3600) }
        let runs = [run(2, sources: ["db"]), run(20), run(44)]
        let standing = try standing(.backup, profile, runs)
        #expect(standing.age(at: Bench.start) == .seconds(20 * 3600) && !standing.isOverdue(at: Bench.start))
        let later = Bench.start.addingTimeInterval(7 * 3600)
        #expect(standing.overdueSince(at: later) == Bench.start.addingTimeInterval(6 * 3600))
    }

    @Test func `a run under a clock that was wrong does not stand for those that there were not`() throws {
        let profile = profile { $0.backup = .seconds(26 * 3600) }
        var wrong = run(1)
        wrong.started = Bench.start.addingTimeInterval(365 * 86_400)
        let runs = [wrong, run(30)]
        let review = StandingReview(profile, runs: runs, now: Bench.start)
        let backup = try #require(review.standings.first { $0.subject == .backup })
        #expect(backup.lastSuccess == runs[1].started && backup.isOverdue(at: Bench.start))
    }

    @Test func `runs that failed, and sources that are gaps or damaged, are no success`() throws {
        let profile = profile { $0.backup = .seconds(3600) }
        var damaged = run(3)
        damaged.parts[0].condition = .damaged
        damaged.outcome = .partial
        let runs = [
            run(1, .backup, .failed), run(2, .backup, .partial, sources: ["db"], gaps: ["web"]), damaged, run(50),
        ]
        #expect(try standing(.source(SourceName(unchecked: "db")), profile, runs).lastSuccess == runs[1].started)
        #expect(try standing(.source(SourceName(unchecked: "web")), profile, runs).lastSuccess == damaged.started)
        let backup = try standing(.backup, profile, runs)
        #expect(backup.lastSuccess == damaged.started && backup.lastOutcome == .failed)
        #expect(backup.overdueSince(at: Bench.start) == Bench.start.addingTimeInterval(-2 * 3600))
    }

    @Test func `without any good backup an objective is not met, without an objective nothing is overdue`() throws {
        #expect(try standing(.backup, profile { $0.backup = .seconds(3600) }, []).isOverdue(at: Bench.start))
        #expect(try !standing(.backup, profile(), []).isOverdue(at: Bench.start))
        #expect(try !standing(.verify(nil), profile { $0.verify = .seconds(60) }, []).isOverdue(at: Bench.start))
        // Nobody has tested it for as long as the profile runs.
        let runs = [run(1), run(30)]
        let verify = try standing(.verify(nil), profile { $0.verify = .seconds(3600) }, runs)
        #expect(verify.overdueSince(at: Bench.start) == Bench.start.addingTimeInterval(-29 * 3600))
    }

    @Test func `a source that is new in the profile is given its objective's time`() throws {
        var profile = profile({ $0.backup = .seconds(26 * 3600) }, sources: ["db", "web", "new"])
        let runs = [run(1), run(200)]
        profile.digest = "d2"
        #expect(try !standing(.source(SourceName(unchecked: "new")), profile, runs).isOverdue(at: Bench.start))
        #expect(try !standing(.backup, profile, runs).isOverdue(at: Bench.start))
        profile.digest = "d1"
        #expect(try standing(.source(SourceName(unchecked: "new")), profile, runs).isOverdue(at: Bench.start))
        #expect(try standing(.backup, profile, runs).isOverdue(at: Bench.start))
    }

    @Test func `endless skipping becomes overdue, with or without an objective`() throws {
        let skipped = (0..<10).map { run(Double($0) * 24 + 1, .backup, .skipped, sources: []) }
        let profile = profile()
        let standing = try standing(.backup, profile, skipped + [run(300)])
        #expect(standing.skippedSince == skipped[9].started)
        #expect(standing.isOverdue(at: Bench.start))
        #expect(try !self.standing(.backup, profile, Array(skipped[..<5]) + [run(300)]).isOverdue(at: Bench.start))
    }

    @Test func `followers, tests and retention each stand by themselves`() throws {
        let follower = MemoryFollower("nas")
        let bench = try Bench(followers: [follower])
        var profile = bench.engine([ScriptedSource("db")]).profile
        profile.repositories[1].objective = .seconds(50 * 3600)
        profile.objectives.prune = .seconds(3600)
        var fed = run(60)
        fed.feeds = [FeedRecord(follower: follower.spec.name, outcome: .succeeded, delivered: 1, behind: 0)]
        var unfed = run(2)
        unfed.feeds = [
            FeedRecord(follower: follower.spec.name, outcome: .degraded, failure: Failure("away"), behind: 1)
        ]
        var step = StepRecord(step: .retention, started: fed.started)
        step.outcome = .succeeded
        fed.steps = [step]
        step.outcome = .failed
        unfed.steps = [step]
        let runs = [unfed, fed]
        let offsite = try standing(.offsite(follower.spec.name), profile, runs)
        #expect(offsite.lastSuccess == fed.started && offsite.lastOutcome == .degraded)
        #expect(offsite.overdueSince(at: Bench.start) == Bench.start.addingTimeInterval(-10 * 3600))
        let prune = try standing(.prune, profile, runs)
        #expect(prune.lastSuccess == fed.started && prune.lastOutcome == .failed && prune.isOverdue(at: Bench.start))
    }

    @Test func `a drill that proves all and did not end well counts for nothing, unless it was only slow`() throws {
        func drill(_ outcome: Outcome, taking duration: Duration = .seconds(1)) -> RunRecord {
            var run = run(1, .drill, outcome)
            var drill = DrillRecord(selection: "latest", repository: RepositoryName(unchecked: "local"), location: "/x")
            drill.restoreObjective = .seconds(60)
            drill.parts = run.parts.map { part in
                var drilled = DrilledPart(part, run: run.id)
                drilled.proofs = ["100 bytes"]
                drilled.duration = duration
                return drilled
            }
            drill.isComplete = true
            run.drill = drill
            #expect(drill.isWholeProof)
            return run
        }
        let profile = profile { $0.drill = .seconds(86400) }
        for outcome in [Outcome.failed, .partial, .interrupted] {
            #expect(try standing(.drill, profile, [drill(outcome)]).lastSuccess == nil)
        }
        for run in [drill(.succeeded), drill(.degraded), drill(.partial, taking: .seconds(61))] {
            #expect(try standing(.drill, profile, [run]).lastSuccess == run.started)
        }
    }

    @Test func `a glance compares the last with the usual`() throws {
        let runs = (1...6).map { run(Double($0)) }
        let trend = try #require(try standing(.backup, profile(), runs).trend)
        #expect(trend.duration == .seconds(1) && trend.usualDuration == .seconds(4) && trend.usualBytes == 200)
        #expect(try standing(.backup, profile(), Array(runs[..<3])).trend?.usualDuration == nil)
    }

    @Test func `what is overdue says what is wrong and what to type`() throws {
        var engine = bench.engine([ScriptedSource("db"), ScriptedSource("web")])
        engine.profile.objectives.backup = .seconds(3600)
        for run in [run(0.5, sources: ["db"]), run(30)] { try bench.store.begin(run) }
        let matters = try MatterReview(engine).matters()
        #expect(
            matters.map(\.text) == [
                "backup: the last good one of web is 30 hours old; at most 60 minutes are allowed"
            ])
        #expect(matters.map(\.next).first == "holdfast backup -p home")
    }
}
