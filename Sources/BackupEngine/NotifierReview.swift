package import BackupModel
package import Foundation

/// How each notifier of a profile stands, from what is on record.
package struct NotifierReview: Sendable {
    package struct Entry: Sendable {
        package var spec: NotifierSpec
        package var standing: NotifierStanding
        package var waiting: [WaitingMessage]

        /// Since when it has not been able to deliver, and why.
        package var trouble: (since: Date, why: Failure)? {
            guard let since = standing.failingSince, let why = standing.failure else { return nil }
            return (since, why)
        }

        /// Messages that wait for their hour, and not because one failed.
        package var held: [WaitingMessage] { waiting.filter { $0.failure == nil } }
    }

    package static func entries(_ profile: Profile, _ store: any RunStore) throws(StoreError) -> [Entry] {
        let waiting = try store.waiting(profile: profile.name)
        var entries: [Entry] = []
        for spec in profile.notifiers {
            entries.append(
                Entry(
                    spec: spec, standing: try store.standing(of: spec.name, profile: profile.name),
                    waiting: waiting.filter { $0.notifier == spec.name }))
        }
        return entries
    }
}

/// Messages sent by hand, to see whether they arrive.
extension Notifying {
    package struct Trial: Sendable {
        package var notifier: NotifierName
        package var kind: String
        package var failure: Failure?
    }

    /// Sends one message for real through every notifier, and says how each ended, in the order of the profile. Nothing of it is
    /// kept.
    package func test(_ event: NotificationEvent = .test) async -> [Trial] {
        let message = Notifying.sample(event, profile: profile, host: host, at: clock.now)
        return await withTaskGroup { group in
            for (index, notifier) in notifiers.enumerated() {
                group.addTask {
                    let failure = await attempt(message, by: notifier).failure
                    return (
                        index, Trial(notifier: notifier.spec.name, kind: notifier.spec.kind, failure: failure)
                    )
                }
            }
            var trials: [(Int, Trial)] = []
            for await trial in group { trials.append(trial) }
            return trials.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// What such a message would look like, in full.
    package static func sample(
        _ event: NotificationEvent, profile: ProfileName, host: String, at date: Date, isTest: Bool = true
    ) -> NotificationMessage {
        let run = RunID(startedAt: date, entropy: 0x7f3a9c)
        let hasRun = ![.overdue, .digest, .test].contains(event)
        let failures: [Failure] =
            switch event {
            case .failed:
                [
                    Failure(
                        "uploads: /srv/app/uploads is missing",
                        hint: "check the path, and whether its disk is mounted")
                ]
            case .partial:
                [Failure("documents: 3 items could not be read, such as /srv/documents/x: permission denied")]
            case .anomaly:
                [
                    Failure(
                        "documents: its newest snapshot, 7dc99ccc, holds 12 files, far from the usual 4210")
                ]
            case .skipped:
                [
                    Failure(
                        "profile \(profile) is in use by process 17026 of root",
                        hint: "wait for it, or give this run time with --lock-wait", kind: .tryLater)
                ]
            case .started, .overdue, .recovered, .succeeded, .digest, .test: []
            }
        let outcome: Outcome? =
            switch event {
            case .failed: .failed
            case .partial: .partial
            case .skipped: .skipped
            case .anomaly, .recovered, .succeeded: .succeeded
            case .started, .overdue, .digest, .test: nil
            }
        let overdue =
            event == .overdue
            ? [
                OverdueItem(
                    what: "backup", lastSuccess: date - 30 * 3600, objective: .seconds(26 * 3600),
                    since: date - 4 * 3600, hint: "holdfast why -p \(profile)")
            ] : []
        let next: String? =
            switch event {
            case .failed, .partial, .anomaly: "holdfast show -p \(profile) \(run)"
            case .skipped: "holdfast why -p \(profile)"
            case .overdue: "holdfast status -p \(profile)"
            case .digest: "holdfast history"
            case .started, .recovered, .succeeded, .test: nil
            }
        return NotificationMessage(
            profile: profile, host: host, run: hasRun ? run : nil, operation: hasRun ? .backup : nil, event: event,
            outcome: outcome, at: date, isTest: isTest,
            failingSince: event.isBad || event == .recovered ? date - 4 * 3600 : nil, failures: failures,
            overdue: overdue,
            lines: event == .digest ? ["7 runs in all", "\(profile) backup: 1 failed, 6 succeeded"] : [], next: next)
    }
}
