import BackupModel
import Foundation
import Testing

@testable import BackupEngine

/// Who is told what, decided from the run and those before it.
struct NotificationRulesTests {
    static let start = Date(timeIntervalSince1970: 1_795_228_200)

    static func run(
        _ hours: Double, _ outcome: Outcome?, told: [NotificationEvent] = [], by name: String = "pager",
        operation: RunRecord.Operation = .backup, reason: String? = nil
    ) -> RunRecord {
        let started = start + hours * 3600
        var run = RunRecord(
            id: RunID(startedAt: started, entropy: 1), profile: ProfileName(unchecked: "app"), operation: operation,
            started: started, process: ProcessIdentity(pid: 1, startTime: 1, bootID: "b"), user: "root", reason: reason,
            profileDigest: "")
        run.outcome = outcome
        run.finished = outcome.map { _ in started + 60 }
        run.notified = told.map {
            DeliveredNotification(notifier: NotifierName(unchecked: name), event: $0, at: started + 60)
        }
        return run
    }

    static func notifier(
        _ events: Set<NotificationEvent> = NotificationEvent.usual, manual: Bool = false
    ) -> NotifierSpec {
        let nowhere = ConfigValue(.map([]), at: SourceLocation(file: "", line: 1, column: 1))
        return NotifierSpec(
            name: NotifierName(unchecked: "pager"), kind: "command", entry: nowhere, events: events, manual: manual)
    }

    /// - Parameter earlier: oldest first, as they happened.
    private func event(
        _ outcome: Outcome?, at hours: Double = 100, after earlier: [RunRecord] = [], attended: Bool = false,
        _ notifier: NotifierSpec = Self.notifier()
    ) -> NotificationEvent? {
        NotificationRules(Self.run(hours, outcome), previous: earlier.reversed(), isAttended: attended)
            .event(for: notifier)
    }

    @Test func `a backup that was not asked for what had failed gives no all-clear`() {
        func part(_ name: String) -> ManifestPart {
            ManifestPart(
                source: SourceName(unchecked: name), sourceKind: "files", part: PartPath(rawValue: "/"),
                snapshot: SnapshotID(rawValue: "aa"), capturedAt: Self.start, condition: .clean, bytes: 1, files: 1,
                facts: Facts())
        }
        func heard(_ change: (inout RunRecord) -> Void) -> NotificationEvent? {
            var failed = Self.run(1, .failed, told: [.failed])
            failed.gaps = [ManifestGap(source: SourceName(unchecked: "b"), cause: "away")]
            var run = Self.run(2, .succeeded)
            change(&run)
            return NotificationRules(run, previous: [failed], isAttended: false).event(for: Self.notifier())
        }
        #expect(
            heard {
                $0.sources = [SourceName(unchecked: "a")]
                $0.parts = [part("a")]
            } == nil)
        #expect(
            heard {
                $0.notDue = [NotDue(source: SourceName(unchecked: "b"), captured: nil, next: nil)]
                $0.parts = [part("a")]
            } == nil)
        #expect(
            heard {
                $0.sources = [SourceName(unchecked: "b")]
                $0.parts = [part("b")]
            } == .recovered)
        // The profile has no such source any more.
        #expect(heard { $0.parts = [part("a")] } == .recovered)
    }

    @Test func `the first failure is told, and an interrupted run is one`() {
        #expect(event(.failed) == .failed)
        #expect(event(.interrupted) == .failed)
        #expect(event(.failed, after: [Self.run(99, .succeeded)]) == .failed)
    }

    @Test func `a further failure is told again only after a day`() {
        let told = Self.run(50, .failed, told: [.failed])
        #expect(event(.failed, at: 51, after: [told]) == nil)
        #expect(event(.failed, at: 72.9, after: [told, Self.run(60, .failed)]) == nil)
        #expect(event(.failed, at: 73.1, after: [told, Self.run(60, .failed)]) == .failed)
        #expect(event(.failed, at: 75, after: [told, Self.run(74, .failed, told: [.failed])]) == nil)
    }

    @Test func `a daily run that starts a little earlier than yesterday is told again`() {
        #expect(event(.failed, at: 73.9, after: [Self.run(50, .failed, told: [.failed])]) == .failed)
    }

    @Test func `a failure whose message did not arrive is told by the next one`() {
        #expect(event(.failed, at: 51, after: [Self.run(50, .failed)]) == .failed)
        #expect(event(.failed, at: 51, after: [Self.run(50, .failed, told: [.failed], by: "mail")]) == .failed)
    }

    @Test func `a killed run that nobody was told of does not silence the next failure`() {
        #expect(event(.failed, at: 51, after: [Self.run(49, .succeeded), Self.run(50, .interrupted)]) == .failed)
    }

    @Test func `a recovery is told once`() {
        let bad = Self.run(50, .failed, told: [.failed])
        #expect(event(.succeeded, at: 51, after: [bad]) == .recovered)
        #expect(event(.succeeded, at: 52, after: [bad, Self.run(51, .succeeded, told: [.recovered])]) == nil)
    }

    @Test func `a recovery whose message did not arrive is told by the next good run`() {
        let bad = Self.run(50, .failed, told: [.failed])
        #expect(event(.succeeded, at: 52, after: [bad, Self.run(51, .succeeded)]) == .recovered)
    }

    @Test func `good runs after good runs are told only to who asks for them`() {
        let good = [Self.run(50, .succeeded)]
        #expect(event(.succeeded, after: good) == nil)
        #expect(event(.succeeded, after: good, Self.notifier([.succeeded])) == .succeeded)
        #expect(event(.succeeded, after: [Self.run(50, .failed)], Self.notifier([.succeeded])) == .succeeded)
        #expect(
            event(.succeeded, after: [Self.run(50, .failed)], Self.notifier([.succeeded, .recovered])) == .recovered)
    }

    @Test func `from failed to partial and back are changes`() {
        let failed = Self.run(50, .failed, told: [.failed])
        let partial = Self.run(51, .partial, told: [.partial])
        #expect(event(.partial, at: 51, after: [failed]) == .partial)
        #expect(event(.degraded, at: 51, after: [failed]) == .partial)
        #expect(event(.partial, at: 52, after: [failed, partial]) == nil)
        #expect(event(.failed, at: 52, after: [failed, partial]) == .failed)
        #expect(event(.succeeded, at: 52, after: [failed, partial]) == .recovered)
    }

    @Test func `only what was asked for is told`() {
        #expect(event(.failed, Self.notifier([.recovered])) == nil)
        #expect(event(.succeeded, after: [Self.run(50, .failed)], Self.notifier([.recovered])) == .recovered)
        #expect(event(.succeeded, after: [Self.run(50, .failed)], Self.notifier([.failed])) == nil)
    }

    @Test func `runs at a terminal are told only to who asks for them`() {
        #expect(event(.failed, attended: true) == nil)
        #expect(event(.failed, attended: true, Self.notifier(manual: true)) == .failed)
        let old = Self.run(10, .failed, told: [.failed])
        #expect(event(.failed, after: [old], attended: true, Self.notifier(manual: true)) == nil)
    }

    @Test func `a failure that somebody watched is told when it goes on unwatched`() {
        #expect(event(.failed, at: 51, after: [Self.run(50, .failed)]) == .failed)
    }

    @Test func `skipped runs and dry runs neither tell nor change anything`() {
        #expect(event(.skipped, after: [Self.run(50, .failed)]) == nil)
        #expect(event(nil) == nil)
        let told = Self.run(50, .failed, told: [.failed])
        #expect(event(.failed, at: 52, after: [told, Self.run(51, .skipped)]) == nil)
        #expect(event(.succeeded, at: 52, after: [told, Self.run(51, .skipped)]) == .recovered)
        let dry = Self.run(51, .succeeded, operation: .prune, reason: "dry run")
        #expect(event(.failed, at: 52, after: [told, dry]) == nil)
    }

    @Test func `the run itself does not count as one before it`() {
        #expect(event(.failed, at: 50, after: [Self.run(50, .failed)]) == .failed)
        #expect(event(.succeeded, at: 50, after: [Self.run(50, .failed)]) == nil)
    }

    @Test func `since when it is bad is the start of the first bad run in a row`() {
        func since(_ outcome: Outcome, _ earlier: [RunRecord]) -> Date? {
            NotificationRules(Self.run(100, outcome), previous: earlier.reversed(), isAttended: false).failingSince
        }
        let history = [Self.run(1, .failed), Self.run(2, .succeeded), Self.run(3, .partial), Self.run(4, .failed)]
        #expect(since(.failed, history) == Self.start + 3 * 3600)
        #expect(since(.succeeded, history) == Self.start + 3 * 3600)
        #expect(since(.failed, [Self.run(2, .succeeded)]) == Self.start + 100 * 3600)
        #expect(since(.succeeded, [Self.run(2, .succeeded)]) == nil)
    }

    // MARK: Anomalies, skips, repositories

    private static func odd(_ hours: Double, told: [NotificationEvent] = []) -> RunRecord {
        var run = run(hours, .succeeded, told: told)
        run.anomalies = [
            Anomaly(
                source: SourceName(unchecked: "documents"), part: PartPath(rawValue: "/"), kind: .size,
                detail: "12 files, far from the usual 400")
        ]
        return run
    }

    private func verdict(
        _ run: RunRecord, after earlier: [RunRecord] = [], _ notifier: NotifierSpec = Self.notifier(),
        everyRun: Bool = false
    ) -> NotificationRules.Verdict? {
        NotificationRules(run, previous: earlier.reversed(), isAttended: false).verdict(
            for: notifier, everyRun: everyRun)
    }

    @Test func `an anomaly is told once, and that it is over`() {
        #expect(verdict(Self.odd(1))?.event == .anomaly)
        let told = Self.odd(1, told: [.anomaly])
        #expect(verdict(Self.odd(2), after: [told]) == nil)
        #expect(verdict(Self.run(2, .succeeded), after: [told])?.event == .recovered)
        #expect(verdict(Self.run(2, .failed), after: [told])?.event == .failed)
    }

    @Test func `to who does not ask for anomalies such a run is a good one`() {
        let plain = Self.notifier([.succeeded, .recovered])
        #expect(verdict(Self.odd(1), plain)?.event == .succeeded)
        #expect(verdict(Self.run(2, .succeeded), after: [Self.odd(1)], plain)?.event == .succeeded)
    }

    @Test func `skips are told when they begin, to who asks for them, and are no failure`() {
        let asks = Self.notifier([.skipped, .failed, .recovered])
        #expect(verdict(Self.run(1, .skipped)) == nil)
        #expect(verdict(Self.run(1, .skipped), asks)?.event == .skipped)
        let told = Self.run(1, .skipped, told: [.skipped])
        #expect(verdict(Self.run(2, .skipped), after: [told], asks) == nil)
        #expect(verdict(Self.run(30, .skipped), after: [told], asks) == .init(event: .skipped, isReminder: true))
        #expect(verdict(Self.run(3, .skipped), after: [told, Self.run(2, .succeeded)], asks)?.event == .skipped)
        #expect(verdict(Self.run(2, .succeeded), after: [told], asks) == nil)
    }

    @Test func `how often something is told again is the operator's to say`() {
        let told = Self.run(1, .failed, told: [.failed])
        var weekly = Self.notifier()
        weekly.remind = .seconds(7 * 86_400)
        #expect(verdict(Self.run(100, .failed), after: [told], weekly) == nil)
        #expect(verdict(Self.run(169, .failed), after: [told], weekly) == .init(event: .failed, isReminder: true))
        var never = Self.notifier()
        never.remind = nil
        #expect(verdict(Self.run(1000, .failed), after: [told], never) == nil)
    }

    @Test func `who counts runs hears of each`() {
        let counter = Self.notifier([.failed, .succeeded, .partial, .skipped])
        func events(_ outcomes: Outcome...) -> [NotificationEvent?] {
            outcomes.enumerated().map { index, outcome in
                verdict(
                    Self.run(Double(index), outcome), after: [Self.run(-1, outcome, told: [.failed, .succeeded])],
                    counter,
                    everyRun: true)?.event
            }
        }
        #expect(
            events(.succeeded, .failed, .interrupted, .partial, .degraded, .skipped)
                == [.succeeded, .failed, .failed, .partial, .partial, .skipped])
        let dry = Self.run(1, .succeeded, operation: .prune, reason: "dry run")
        #expect(verdict(dry, counter, everyRun: true) == nil)
    }

    @Test func `only the kinds of run that were asked for are told`() {
        var backups = Self.notifier()
        backups.operations = [.backup]
        #expect(verdict(Self.run(1, .failed, operation: .verify), backups) == nil)
        #expect(verdict(Self.run(1, .failed), backups)?.event == .failed)
    }

    @Test func `a test of the offsite copy says nothing of the primary`() {
        var offsite = Self.run(1, .failed, told: [.failed], operation: .verify)
        offsite.repository = RepositoryName(unchecked: "nas")
        #expect(verdict(Self.run(2, .succeeded, operation: .verify), after: [offsite]) == nil)
        #expect(verdict(Self.run(2, .failed, operation: .verify), after: [offsite])?.event == .failed)
    }
}
