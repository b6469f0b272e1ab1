package import BackupModel
import Foundation

/// What no run tells: that something should have happened by now.
extension Notifying {
    /// Tells when something becomes overdue or more joins it, again now and then while it lasts, and when nothing is any more.
    /// May be called as often as anybody likes.
    ///
    /// - Parameter items: all that is overdue now; none when all is in time.
    package func tell(overdue items: [OverdueItem]) async -> Report {
        await uncancelled { await work(items) }
    }

    private func work(_ items: [OverdueItem]) async -> Report {
        var report = Report()
        var errands: [Errand] = []
        for notifier in notifiers {
            let spec = notifier.resolvedSpec
            guard spec.events?.contains(.overdue) == true else { continue }
            do {
                let standing = try store.standing(of: spec.name, profile: profile)
                if let message = try message(items, standing, spec) {
                    errands.append(Errand(notifier: notifier, message: message, isOld: true))
                }
            } catch {
                report.failures.append(
                    Failure(
                        "what \(spec.name) was told is overdue is not known: \(error.description)", hint: error.hint,
                        kind: error.kind))
            }
        }
        await submit(errands, &report)
        await retry(except: Set(errands.map { Place($0.notifier.spec.name, $0.message.topic) }), &report)
        report.sort()
        return report
    }

    /// - Returns: `nil` when there is nothing to tell.
    private func message(
        _ items: [OverdueItem], _ standing: NotifierStanding, _ spec: NotifierSpec
    ) throws(StoreError) -> NotificationMessage? {
        let names = items.map(\.what)
        guard !items.isEmpty else {
            // Was overdue before anybody could be told: no longer of interest.
            for waiting in try store.waiting(profile: profile)
            where waiting.notifier == spec.name && waiting.message.event == .overdue {
                try store.drop(waiting)
            }
            guard !standing.overdue.isEmpty else { return nil }
            guard spec.events?.contains(.recovered) == true else {
                try store.changeStanding(of: spec.name, profile: profile) { $0.overdue = [] }
                return nil
            }
            return NotificationMessage(
                profile: profile, host: host, run: nil, operation: nil, event: .recovered, outcome: nil,
                at: clock.now, failingSince: standing.overdueSince)
        }
        let isNew = !Set(names).isSubset(of: standing.overdue)
        let isDue =
            standing.overdueToldAt.map {
                NotificationRules.isReminderDue(spec.remind, told: $0, now: clock.now)
            } ?? true
        guard isNew || isDue else {
            // What comes back later is told anew.
            if names.count < standing.overdue.count {
                try store.changeStanding(of: spec.name, profile: profile) { standing in
                    standing.overdue.removeAll { !names.contains($0) }
                }
            }
            return nil
        }
        return NotificationMessage(
            profile: profile, host: host, run: nil, operation: nil, event: .overdue, outcome: nil, at: clock.now,
            isReminder: !isNew, failingSince: items.map(\.since).min(),
            overdue: items.map { item in
                var item = item
                item.hint = item.hint.map(redact)
                return item
            },
            next: "holdfast status -p \(profile)")
    }
}
