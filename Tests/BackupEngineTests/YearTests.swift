import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

/// The year 2026 in New York, as four profiles live through it: timers tick, the machine is off, a database is away, a run
/// is killed, the clock is set twice.
@Suite struct YearTests {
    private static let zone = TimeZone(identifier: "America/New_York") ?? .gmt
    /// Midnight of New Year in New York, and the next.
    private static let start = Candidates.date("2026-01-01T05:00:00Z")
    private static let end = Candidates.date("2027-01-01T05:00:00Z")
    /// Nothing ticks: five slots of a nightly backup, of which the last is caught up.
    private static let off = Candidates.date("2026-01-10T05:00:00Z")..<Candidates.date("2026-01-15T04:00:00Z")
    /// Nothing can be captured.
    private static let away = Candidates.date("2026-07-04T04:00:00Z")..<Candidates.date("2026-07-11T04:00:00Z")
    /// The machine goes down in the middle of the run of this day.
    private static let crash = "2026-09-09"
    /// All sources are found empty on this day, and somebody says a week later that it was a disk that was away.
    private static let empty = "2026-05-05"
    private static let acknowledged = Candidates.date("2026-05-12T16:00:00Z")

    private struct Life {
        var runs: [RunRecord]
        /// The instants at which a good part of each source was captured.
        var captured: [String: [Date]]
        /// What is left of each source at the end.
        var left: [String: Set<Date>]
        /// Who is on call heard these: the day, the event, and what is overdue.
        var alerts: [String]
        var metrics: String
        /// Restore points while nothing was removed, just before somebody looked.
        var frozen: Int
    }

    /// - Parameter cadences: sources with a cadence beside `state`, which has none.
    private func live(_ backup: String, _ policy: RetentionPolicy, cadences: [String: String] = [:]) async throws
        -> Life
    {
        let bench = try Bench()
        var schedules = ProfileSchedules()
        schedules.backup = try Schedule(backup)
        var sources: [ScriptedSource] = []
        for (name, cadence) in [("state", nil as String?)] + cadences.map({ ($0, $1 as String?) }) {
            var source = ScriptedSource(name) { context, store throws(SourceError) in
                guard !YearTests.away.contains(bench.clock.now) else {
                    throw .unreachable(name, detail: "away", hint: nil)
                }
                var report = try await ScriptedSource.part("/data", store)
                let isEmpty = LocalTime(bench.clock.now, YearTests.zone).day == YearTests.empty
                report.stored.bytes = isEmpty ? .zero : .mebibytes(4)
                report.stored.files = isEmpty ? 0 : 100
                return [report]
            }
            source.spec.cadence = try cadence.map { try Schedule($0) }
            sources.append(source)
        }
        var engine = bench.engine(sources, retention: policy)
        engine.profile.schedules = schedules
        engine.profile.objectives.backup = .seconds(26 * 3600)
        engine.timeZone = YearTests.zone
        let pager = TestListener()
        let notifying = Notifying(engine, [pager])
        var frozen = 0
        let slots = (schedules.backup?.slots(after: YearTests.start, through: YearTests.end, in: YearTests.zone)) ?? []
        let looks = stride(from: YearTests.start + 1000, to: YearTests.end, by: 6 * 3600).map { $0 }
        // Each second of them: every look at what is overdue reads the whole history.
        let isLook = Set(looks.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element))
        var hasCrashed = false
        for tick in (slots + slots.map { $0 + 1 } + looks).sorted() where !YearTests.off.contains(tick) {
            bench.clock.jump(to: tick)
            if frozen == 0, tick >= YearTests.acknowledged {
                frozen = bench.manifests.count
                _ = try MatterReview(engine).acknowledge(nil, by: "operator", note: "the disk is back")
            }
            // As the hourly look of the timer does.
            if isLook.contains(tick) { _ = await notifying.tell(overdue: try MatterReview(engine).overdueItems()) }
            let due = try DueReview(engine).backup()
            guard due.isDue else { continue }
            var request = BackupRequest()
            request.trigger = "scheduled"
            request.notDue = due.notDue
            request.slot = due.slot?.verdict.slot
            if !hasCrashed, LocalTime(tick, YearTests.zone).day == YearTests.crash {
                hasCrashed = true
                var dead = engine.newRecord(.backup, trigger: "scheduled")
                dead.process = ProcessIdentity(pid: 77, startTime: 1, bootID: bench.host.bootID)
                try bench.store.begin(dead)
                bench.host.change { $0.bootID = "22222222-2222-3333-4444-555555555555" }
                continue
            }
            _ = await notifying.tell(of: await BackupRun(engine, request).run(), isAttended: false)
        }
        _ = await notifying.tell(overdue: try MatterReview(engine).overdueItems())
        let alerts = pager.heard.map { message in
            "\(LocalTime(message.at, YearTests.zone).day) \(message.event.rawValue)"
                + (message.isReminder ? " again" : "")
        }
        let runs = try bench.store.runs(RunQuery(operation: .backup, limit: 10_000)).reversed().map { $0 }
        var captured: [String: [Date]] = [:]
        for part in runs.flatMap(\.parts) { captured[part.source.rawValue, default: []].append(part.capturedAt) }
        let left = Dictionary(grouping: bench.parts) { $0.stamp?.source?.rawValue ?? "" }
            .mapValues { Set($0.map(\.time)) }
        return Life(
            runs: runs, captured: captured, left: left, alerts: alerts,
            metrics: MetricsReview(engine, version: "1").document().text, frozen: frozen)
    }

    private func expectRetention(_ life: Life, _ policy: RetentionPolicy) {
        for (source, times) in life.captured {
            let candidates = times.enumerated().map { index, time in
                RetentionCandidate(id: Candidates.id(index), group: Candidates.group, time: time, utcOffset: 0)
            }
            let kept = RetentionOracle.kept(candidates, policy, now: YearTests.end)
            let expected = Set(candidates.filter { kept.contains($0.id) }.map(\.time))
            #expect(life.left[source] == expected, "\(source)")
        }
    }

    private func days(_ dates: [Date]) -> [String] { dates.map { LocalTime($0, YearTests.zone).day } }

    /// What who is on call hears where there is one backup a night.
    private var nightlyAlerts: [String] {
        // There is no backup yet; the machine was off for five nights.
        var alerts = ["2026-01-01 overdue", "2026-01-01 recovered", "2026-01-15 overdue", "2026-01-15 recovered"]
        // The day on which the source is empty, and the next, on which it is not.
        alerts += ["2026-05-05 anomaly", "2026-05-06 recovered"]
        // A week without its database: told when it begins, and once a day.
        alerts += ["2026-07-04 failed", "2026-07-04 overdue"]
        for day in 5...10 {
            let date = day < 10 ? "2026-07-0\(day)" : "2026-07-\(day)"
            alerts += ["\(date) failed again", "\(date) overdue again"]
        }
        // The run and what was overdue; then the night after the one that broke off.
        alerts += ["2026-07-11 recovered", "2026-07-11 recovered", "2026-09-09 recovered"]
        return alerts
    }

    /// - Parameter newest: when the last backup of the year began.
    private func expectMetrics(_ life: Life, _ newest: String, points: Int) {
        let last = Int(Candidates.date(newest).timeIntervalSince1970)
        let labels = "profile=\"home\",operation=\"backup\",repository=\"local\""
        for line in [
            "holdfast_last_success_timestamp_seconds{\(labels)} \(last)",
            "holdfast_due_timestamp_seconds{\(labels)} \(last + 26 * 3600)", "holdfast_overdue{\(labels)} 0",
            "holdfast_last_run_outcome{\(labels),outcome=\"succeeded\"} 1",
            "holdfast_repository_restore_points{profile=\"home\",repository=\"local\"} \(points)",
        ] { #expect(life.metrics.contains(line + "\n"), "\(line)") }
    }

    @Test func `timetiles, every night at two`() async throws {
        let policy = RetentionPolicy(daily: 7, weekly: 4, monthly: 12)
        let life = try await live("daily 02:00", policy)
        let good = life.captured["state"] ?? []
        // 365, and one at once, for there was none; five nights off, of which one is caught up; seven nights away.
        #expect(good.count == 355)
        let counts = Dictionary(grouping: days(good)) { $0 }.mapValues(\.count)
        // The night that was caught up is done on the next day, beside that day's own.
        #expect(counts.filter { $0.value != 1 } == ["2026-01-01": 2, "2026-01-15": 2])
        #expect(life.runs.count { $0.outcome == .failed } == 7 * 4, "each night's four attempts")
        #expect(life.runs.count { $0.outcome == .interrupted } == 1)
        // Set forward at two, which does not exist; set back over one, which does not matter.
        let march = good.first { LocalTime($0, YearTests.zone).day == "2026-03-08" }
        #expect(march == Candidates.date("2026-03-08T07:00:00Z"))
        expectRetention(life, policy)
        #expect(life.alerts == nightlyAlerts)
        // Beside what the rules keep, the seven nights in which nothing was removed.
        #expect(life.frozen == 21)
        expectMetrics(life, "2026-12-31T07:00:00Z", points: 20)
        #expect(
            Set(days(Array(life.left["state"] ?? []))) == [
                "2026-12-31", "2026-12-30", "2026-12-29", "2026-12-28", "2026-12-27", "2026-12-26", "2026-12-25",
                "2026-12-20", "2026-12-13", "2026-11-30", "2026-10-31", "2026-09-30", "2026-08-31", "2026-07-31",
                "2026-06-30", "2026-05-31", "2026-04-30", "2026-03-31", "2026-02-28", "2026-01-31",
            ])
    }

    @Test func `hapi, at six and at six, its voice output once a week`() async throws {
        let policy = RetentionPolicy(last: 4, daily: 14, weekly: 8, monthly: 6)
        let life = try await live("06:00, 18:00", policy, cadences: ["voice": "weekly"])
        // 730, and one at once; ten off, of which one is caught up; fourteen away, of which the last comes right at its second
        // attempt.
        #expect(life.captured["state"]?.count == 709)
        let voice = days(life.captured["voice"] ?? [])
        // At first, then on each Monday; the week that was away is made up for when all is there again.
        #expect(voice.prefix(3) == ["2026-01-01", "2026-01-05", "2026-01-15"], "\(voice)")
        #expect(voice.contains("2026-07-11") && !voice.contains("2026-07-06") && voice.contains("2026-07-13"))
        #expect(voice.count == 53, "\(voice)")
        #expect(life.runs.allSatisfy { $0.outcome != .succeeded || $0.gaps.isEmpty })
        expectRetention(life, policy)
        // With two backups a day a failure is told a day before it is overdue; on Monday the voice output joins.
        var alerts = ["2026-01-01 overdue", "2026-01-01 recovered", "2026-01-15 overdue", "2026-01-15 recovered"]
        alerts += ["2026-05-05 anomaly", "2026-05-06 recovered", "2026-07-04 failed", "2026-07-05 overdue"]
        alerts += ["2026-07-05 failed again", "2026-07-06 overdue again", "2026-07-06 failed again"]
        alerts += ["2026-07-07 overdue", "2026-07-07 failed again"]
        for day in ["2026-07-08", "2026-07-09", "2026-07-10"] {
            alerts += ["\(day) overdue again", "\(day) failed again"]
        }
        alerts += ["2026-07-11 overdue again", "2026-07-11 recovered", "2026-07-11 recovered", "2026-09-09 recovered"]
        #expect(life.alerts == alerts)
        expectMetrics(life, "2026-12-31T23:00:00Z", points: 42)
    }

    @Test func `hermes, every night at three, and ripple-env with quarters for years`() async throws {
        var policy = RetentionPolicy(daily: 14, weekly: 8, monthly: 6)
        let hermes = try await live("daily 03:00", policy)
        #expect(hermes.captured["state"]?.count == 355)
        expectRetention(hermes, policy)
        #expect(hermes.alerts == nightlyAlerts)
        expectMetrics(hermes, "2026-12-31T08:00:00Z", points: hermes.left["state"]?.count ?? 0)
        policy = RetentionPolicy(daily: 7, weekly: 4, monthly: 12, quarterly: 28)
        let ripple = try await live("daily 02:00", policy)
        expectRetention(ripple, policy)
        #expect(ripple.alerts == nightlyAlerts)
        expectMetrics(ripple, "2026-12-31T07:00:00Z", points: ripple.left["state"]?.count ?? 0)
        #expect(days(Array(ripple.left["state"] ?? [])).contains("2026-01-01"))
    }
}
