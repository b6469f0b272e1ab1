package import BackupModel
package import Foundation

/// Tells of runs and of what is overdue: all notifiers at once, each within its own time limit, also when the run was
/// interrupted. What cannot be delivered now is kept, and tried again.
package struct Notifying: Sendable {
    let notifiers: [any Notifier]
    let profile: ProfileName
    let store: any RunStore
    let clock: any HostClock
    let host: String
    let timeZone: TimeZone
    let redact: @Sendable (String) -> String

    /// So many earlier runs are looked at.
    private static let lookBack = 500

    package struct Report: Sendable {
        package var delivered: [DeliveredNotification] = []
        /// What could not be delivered or noted down.
        package var failures: [Failure] = []
        /// Who is told later: quiet hours, or the last attempt is not long ago.
        package var held: [NotifierName] = []

        /// Each trouble once.
        mutating func add(_ failure: Failure) {
            if !failures.contains(failure) { failures.append(failure) }
        }

        mutating func sort() {
            failures.sort { $0.description < $1.description }
            delivered.sort { $0.notifier < $1.notifier }
            held.sort()
        }
    }

    package init(_ engine: Engine, _ notifiers: [any Notifier]) {
        self.init(
            notifiers, profile: engine.profile.name, store: engine.store, clock: engine.clock,
            host: engine.profile.host, timeZone: engine.timeZone, redact: engine.redact)
    }

    /// - Parameters:
    ///   - host: what messages call this machine.
    ///   - timeZone: that of quiet hours and digests.
    package init(
        _ notifiers: [any Notifier], profile: ProfileName, store: any RunStore, clock: any HostClock, host: String,
        timeZone: TimeZone = .current, redact: @escaping @Sendable (String) -> String
    ) {
        self.notifiers = notifiers
        self.profile = profile
        self.store = store
        self.clock = clock
        self.host = host
        self.timeZone = timeZone
        self.redact = redact
    }

    /// Delivers what is due, first what has waited, and notes in the run's record who was told and who could not be. Nothing
    /// else of the record changes.
    package func tell(of run: RunRecord, isAttended: Bool) async -> Report {
        await uncancelled { await work(run, isAttended) }
    }

    /// Tells those who want to know that a run has begun. Nothing of it is kept or tried again: it would be false by then.
    package func tellBeginning(of run: RunRecord, isAttended: Bool) async -> Report {
        var report = Report()
        let due = notifiers.filter { notifier in
            let spec = notifier.resolvedSpec
            return (!isAttended || spec.manual) && spec.events?.contains(.started) == true
                && spec.operations?.contains(run.operation) ?? true
        }
        await withTaskGroup { group in
            for notifier in due {
                let message = message(NotificationRules.Verdict(event: .started), run, nil)
                group.addTask { await (notifier.spec.name, attempt(message, by: notifier).failure) }
            }
            for await (name, failure) in group {
                if let failure {
                    report.failures.append(failure)
                } else {
                    report.delivered.append(DeliveredNotification(notifier: name, event: .started, at: clock.now))
                }
            }
        }
        report.sort()
        return report
    }

    private func work(_ run: RunRecord, _ isAttended: Bool) async -> Report {
        var report = Report()
        var previous: [RunRecord] = []
        do {
            previous = try store.runs(
                RunQuery(profile: run.profile, operation: run.operation, limit: Notifying.lookBack))
        } catch {
            // Better told twice than never.
            report.failures.append(Failure("earlier runs are not known: \(error.description)", hint: error.hint))
        }
        let rules = NotificationRules(run, previous: previous, isAttended: isAttended)
        let due = notifiers.compactMap { notifier -> Errand? in
            rules.verdict(for: notifier.resolvedSpec, everyRun: notifier.hearsEveryRun).map { verdict in
                Errand(notifier: notifier, message: message(verdict, run, rules.failingSince))
            }
        }
        await submit(due, &report)
        note(&report, in: run)
        // After what is news, and not again what has just failed.
        await retry(except: Set(due.map { Place($0.notifier.spec.name, $0.message.topic) }), &report)
        report.sort()
        return report
    }

    private func note(_ report: inout Report, in run: RunRecord) {
        guard !report.delivered.isEmpty || !report.failures.isEmpty else { return }
        report.sort()
        var record = run
        if !report.delivered.isEmpty { record.notified = (run.notified ?? []) + report.delivered }
        record.notices += report.failures.map(\.description)
        do { try store.update(record) } catch {
            report.failures.append(
                Failure("who was told is not noted, and may be told again: \(error.description)", hint: error.hint))
        }
    }

    func message(_ verdict: NotificationRules.Verdict, _ run: RunRecord, _ since: Date?) -> NotificationMessage {
        let next: String? =
            switch verdict.event {
            case .failed, .partial, .anomaly: "holdfast show -p \(run.profile) \(run.id)"
            case .skipped: "holdfast why -p \(run.profile)"
            case .started, .recovered, .succeeded, .overdue, .digest, .test: nil
            }
        let anomalies = verdict.event == .anomaly ? (run.anomalies ?? []) : []
        let failures =
            run.failures + Notifying.flaws(of: run)
            + anomalies.map { anomaly in
                Failure(
                    "\(anomaly.part.title(in: anomaly.source)) is unlike what was backed up before: \(anomaly.detail)",
                    hint: "nothing older is removed until `holdfast ack \(anomaly.source)` says that this is in order")
            }
        return NotificationMessage(
            profile: run.profile, host: host, run: run.id, operation: run.operation, event: verdict.event,
            outcome: verdict.event == .started ? nil : run.outcome ?? .failed, at: run.finished ?? run.started,
            repository: run.repository, isReminder: verdict.isReminder,
            failingSince: verdict.event.isBad || verdict.event == .recovered ? since : nil,
            failures: failures.map(redacted), next: next)
    }

    func redacted(_ failure: Failure) -> Failure {
        Failure(redact(failure.description), hint: failure.hint.map(redact), kind: failure.kind)
    }

    /// What is wrong with parts that were stored all the same.
    private static func flaws(of run: RunRecord) -> [Failure] {
        run.parts.compactMap { part in
            switch part.condition {
            case .clean, .tolerated: nil
            case .partial:
                Failure(
                    "\(part.title): \(part.unreadableCount) items could not be read"
                        + (part.unreadable.first.map { ", such as \($0)" } ?? ""))
            case .damaged: Failure("\(part.title): stored as it was found, which is damaged", kind: .damaged)
            }
        }
    }
}
