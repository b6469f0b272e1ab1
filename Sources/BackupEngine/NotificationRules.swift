package import BackupModel
package import Foundation

/// Decides who is told what of a run. Pure: from the run, those before it, and what was told of them.
///
/// The rule is to tell of a change: that it begins to fail or to be partial, that it works again. What goes on failing
/// with nobody watching is told again each day. A message that did not arrive was not told, so the next run tries again.
package struct NotificationRules: Sendable {
    /// A little less than a day, so that a daily run that starts some minutes earlier than yesterday's is still told of.
    package static let reminderInterval = Duration.seconds(23 * 3600)

    /// How well a run ended, for telling a change.
    private enum State { case good, partial, failed }

    private let run: RunRecord
    private let state: State?
    /// Newest first: those of the same kind that ended, and did something.
    private let earlier: [(run: RunRecord, state: State)]
    private let isAttended: Bool

    /// - Parameters:
    ///   - previous: runs of the same profile and operation, newest first; the run itself may be among them.
    ///   - isAttended: somebody started it at a terminal and sees how it ends.
    package init(_ run: RunRecord, previous: [RunRecord], isAttended: Bool) {
        self.run = run
        self.isAttended = isAttended
        state = NotificationRules.state(of: run)
        earlier = previous.compactMap { earlier in
            guard earlier.id != run.id, let state = NotificationRules.state(of: earlier) else { return nil }
            return (earlier, state)
        }
    }

    /// - Returns: `nil` when the run is nothing that this one is to be told of.
    package func event(for notifier: NotifierSpec) -> NotificationEvent? {
        guard let state, !isAttended || notifier.manual else { return nil }
        let candidates: [NotificationEvent] =
            switch state {
            case .failed: isDue(.failed, state, notifier.name) ? [.failed] : []
            case .partial: isDue(.partial, state, notifier.name) ? [.partial] : []
            case .good: isRecovery(notifier.name) ? [.recovered, .succeeded] : [.succeeded]
            }
        return candidates.first { notifier.events.contains($0) }
    }

    /// When the first of the bad runs began that this one goes on or ends. No earlier than the runs that are known.
    package var failingSince: Date? {
        guard let state else { return nil }
        let streak = earlier.prefix { $0.state != .good }
        return streak.last?.run.started ?? (state == .good ? nil : run.started)
    }

    private func isDue(_ event: NotificationEvent, _ state: State, _ name: NotifierName) -> Bool {
        let streak = earlier.prefix { $0.state == state }
        let told = streak.lazy.compactMap { tellings(of: $0.run, name).first { $0.event == event } }.first
        guard let told else { return true }
        return !isAttended && run.started.timeIntervalSince(told.at) >= NotificationRules.reminderInterval.inSeconds
    }

    /// The run before was bad, or the last thing that this one heard is that something is.
    private func isRecovery(_ name: NotifierName) -> Bool {
        if let last = earlier.first, last.state != .good { return true }
        let heard = earlier.lazy.flatMap { tellings(of: $0.run, name) }.first?.event
        return heard == .failed || heard == .partial
    }

    private func tellings(of run: RunRecord, _ name: NotifierName) -> [DeliveredNotification] {
        (run.notified ?? []).filter { $0.notifier == name }
    }

    /// `nil` for a run that says nothing of how things stand: one that goes on, was skipped, or only showed what it would do.
    private static func state(of run: RunRecord) -> State? {
        if run.operation == .prune, run.reason == PruneRun.dryRunReason { return nil }
        switch run.outcome {
        case nil, .skipped: return nil
        case .succeeded: return .good
        case .degraded, .partial: return .partial
        case .interrupted, .failed: return .failed
        }
    }
}
