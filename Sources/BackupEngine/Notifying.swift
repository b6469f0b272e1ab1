package import BackupModel
import Foundation

/// Tells of a run that has ended: all notifiers at once, each within its own time limit, also when the run was interrupted.
package struct Notifying: Sendable {
    private let notifiers: [any Notifier]
    private let store: any RunStore
    private let clock: any HostClock
    private let host: String
    private let redact: @Sendable (String) -> String

    /// So many earlier runs are looked at.
    private static let lookBack = 500

    package struct Report: Sendable {
        package var delivered: [DeliveredNotification]
        /// What could not be delivered or noted down.
        package var failures: [Failure]
    }

    package init(_ engine: Engine, _ notifiers: [any Notifier]) {
        self.init(
            notifiers, store: engine.store, clock: engine.clock, host: engine.profile.host, redact: engine.redact)
    }

    /// - Parameter host: what messages call this machine.
    init(
        _ notifiers: [any Notifier], store: any RunStore, clock: any HostClock, host: String,
        redact: @escaping @Sendable (String) -> String
    ) {
        self.notifiers = notifiers
        self.store = store
        self.clock = clock
        self.host = host
        self.redact = redact
    }

    /// Delivers what is due and notes in the run's record who was told and who could not be. Nothing else of the record
    /// changes.
    package func tell(of run: RunRecord, isAttended: Bool) async -> Report {
        await uncancelled { await work(run, isAttended) }
    }

    private func work(_ run: RunRecord, _ isAttended: Bool) async -> Report {
        var report = Report(delivered: [], failures: [])
        var previous: [RunRecord] = []
        do {
            previous = try store.runs(
                RunQuery(profile: run.profile, operation: run.operation, limit: Notifying.lookBack))
        } catch {
            // Better told twice than never.
            report.failures.append(Failure("earlier runs are not known: \(error.description)", hint: error.hint))
        }
        let rules = NotificationRules(run, previous: previous, isAttended: isAttended)
        let due = notifiers.compactMap { notifier in rules.event(for: notifier.spec).map { (notifier, $0) } }
        await withTaskGroup { group in
            for (notifier, event) in due {
                let message = message(event, run, rules.failingSince)
                group.addTask { await (notifier.spec.name, event, deliver(message, by: notifier)) }
            }
            for await (name, event, failure) in group {
                if let failure {
                    report.failures.append(failure)
                } else {
                    report.delivered.append(DeliveredNotification(notifier: name, event: event, at: clock.now))
                }
            }
        }
        report.failures.sort { $0.description < $1.description }
        report.delivered.sort { $0.notifier < $1.notifier }
        note(&report, in: run)
        return report
    }

    private func deliver(_ message: NotificationMessage, by notifier: any Notifier) async -> Failure? {
        do { try await notifier.deliver(message) } catch {
            return Failure(
                redact("notifier \(notifier.spec.name) could not tell of it: \(error.description)"),
                hint: error.hint.map(redact), kind: error.kind)
        }
        return nil
    }

    private func note(_ report: inout Report, in run: RunRecord) {
        guard !report.delivered.isEmpty || !report.failures.isEmpty else { return }
        var record = run
        if !report.delivered.isEmpty { record.notified = (run.notified ?? []) + report.delivered }
        record.notices += report.failures.map(\.description)
        do { try store.update(record) } catch {
            report.failures.append(
                Failure("who was told is not noted, and may be told again: \(error.description)", hint: error.hint))
        }
    }

    private func message(_ event: NotificationEvent, _ run: RunRecord, _ since: Date?) -> NotificationMessage {
        let next: String? =
            switch event {
            case .failed, .partial: "holdfast show -p \(run.profile) \(run.id)"
            case .recovered, .succeeded: nil
            }
        let failures = (run.failures + Notifying.flaws(of: run)).map { failure in
            Failure(redact(failure.description), hint: failure.hint.map(redact), kind: failure.kind)
        }
        return NotificationMessage(
            profile: run.profile, host: host, run: run.id, operation: run.operation, event: event,
            outcome: run.outcome ?? .failed, failingSince: event == .succeeded ? nil : since, failures: failures,
            next: next)
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
            case .damaged: Failure("\(part.title): stored as it was found, which is damaged")
            }
        }
    }
}
