package import BackupModel
package import Foundation

/// Decides who is told what of a run. Pure: from the run, those before it, and what was told of them.
///
/// The rule is to tell of a change: that it begins to fail or to be partial, that it works again. What goes on failing
/// with nobody watching is told again now and then. A message that did not arrive was not told, so the next run tries again.
package struct NotificationRules: Sendable {
    /// How well a run ended, for telling a change.
    private enum State {
        case good, anomalous, partial, failed

        var event: NotificationEvent {
            switch self {
            case .good: .succeeded
            case .anomalous: .anomaly
            case .partial: .partial
            case .failed: .failed
            }
        }
    }

    private let run: RunRecord
    private let state: State?
    /// Newest first: those of the same kind that ended, and did something.
    private let earlier: [(run: RunRecord, state: State)]
    /// Newest first: those of the same kind that were skipped since the last of them that was not.
    private let skipped: [RunRecord]
    private let isAttended: Bool

    /// - Parameters:
    ///   - previous: runs of the same profile and operation, newest first; the run itself may be among them.
    ///   - isAttended: somebody started it at a terminal and sees how it ends.
    package init(_ run: RunRecord, previous: [RunRecord], isAttended: Bool) {
        self.run = run
        self.isAttended = isAttended
        let silent = NotificationRules.silent(run, after: previous)
        state = silent.contains(run.id) ? nil : NotificationRules.state(of: run)
        // A test of the offsite copy says nothing of the primary.
        let others = previous.filter { $0.id != run.id && $0.repository == run.repository }
        earlier = others.compactMap { run in
            silent.contains(run.id) ? nil : NotificationRules.state(of: run).map { (run, $0) }
        }
        skipped = Array(others.prefix { $0.outcome == .skipped })
    }

    /// What one is to be told, and whether it was told so before.
    package struct Verdict: Sendable, Equatable {
        package var event: NotificationEvent
        package var isReminder = false
    }

    /// - Returns: `nil` when the run is nothing that this one is to be told of.
    package func event(for notifier: NotifierSpec) -> NotificationEvent? { verdict(for: notifier)?.event }

    /// - Parameter everyRun: it counts runs, and changes are no matter to it.
    package func verdict(for notifier: NotifierSpec, everyRun: Bool = false) -> Verdict? {
        guard !isAttended || notifier.manual else { return nil }
        guard notifier.operations?.contains(run.operation) ?? true else { return nil }
        let wanted = notifier.events ?? NotificationEvent.usual
        if everyRun { return ofEveryRun(wanted) }
        if run.outcome == .skipped {
            guard wanted.contains(.skipped) else { return nil }
            return verdict(.skipped, after: skipped, notifier)
        }
        guard let state else { return nil }
        var candidates: [Verdict] = []
        switch state {
        case .failed, .partial, .anomalous:
            let streak = earlier.prefix { $0.state == state }.map(\.run)
            if let verdict = verdict(state.event, after: streak, notifier) { candidates.append(verdict) }
            if state == .anomalous { candidates.append(Verdict(event: .succeeded)) }
        case .good:
            if isRecovery(notifier.name, wanted) { candidates.append(Verdict(event: .recovered)) }
            candidates.append(Verdict(event: .succeeded))
        }
        return candidates.first { wanted.contains($0.event) }
    }

    private func ofEveryRun(_ wanted: Set<NotificationEvent>) -> Verdict? {
        let event: NotificationEvent? =
            switch state {
            case nil: run.outcome == .skipped ? .skipped : nil
            case .good, .anomalous: .succeeded
            case .partial: .partial
            case .failed: .failed
            }
        return event.flatMap { wanted.contains($0) ? Verdict(event: $0) : nil }
    }

    /// When the first of the bad runs began that this one goes on or ends. No earlier than the runs that are known.
    package var failingSince: Date? {
        guard let state else { return nil }
        let streak = earlier.prefix { $0.state != .good }
        return streak.last?.run.started ?? (state == .good ? nil : run.started)
    }

    private func verdict(_ event: NotificationEvent, after streak: [RunRecord], _ notifier: NotifierSpec) -> Verdict? {
        let told = streak.lazy.compactMap { run in tellings(of: run, notifier.name).first { $0.event == event } }.first
        guard let told else { return Verdict(event: event) }
        guard !isAttended, NotificationRules.isReminderDue(notifier.remind, told: told.at, now: run.started) else {
            return nil
        }
        return Verdict(event: event, isReminder: true)
    }

    /// A little less than the interval is enough, so that a daily run that starts some minutes earlier than yesterday's is
    /// still told of.
    static func isReminderDue(_ interval: Duration?, told: Date, now: Date) -> Bool {
        interval.map { now.timeIntervalSince(told) >= $0.inSeconds * 23 / 24 } ?? false
    }

    /// The run before was bad, or the last thing that this one heard is that something is.
    private func isRecovery(_ name: NotifierName, _ wanted: Set<NotificationEvent>) -> Bool {
        switch earlier.first?.state {
        case .failed, .partial: return true
        // Not everybody counts that as bad.
        case .anomalous: if wanted.contains(.anomaly) { return true }
        case .good, nil: break
        }
        let heard = earlier.lazy.flatMap { tellings(of: $0.run, name) }.first { $0.event != .started }?.event
        return heard?.isBad ?? false
    }

    private func tellings(of run: RunRecord, _ name: NotifierName) -> [DeliveredNotification] {
        (run.notified ?? []).filter { $0.notifier == name }
    }

    /// Runs that went well and were not asked for what had failed before: of some sources only, or without one whose time had
    /// not come. They say nothing of how that stands.
    private static func silent(_ run: RunRecord, after previous: [RunRecord]) -> Set<RunID> {
        guard run.operation == .backup else { return [] }
        var missing: Set<SourceName> = []
        var silent: Set<RunID> = []
        for run in previous.filter({ $0.id != run.id }).reversed() + [run] {
            missing.formUnion(run.gaps.map(\.source))
            let captured = run.parts.filter(\.condition.isGood).map(\.source)
            missing.subtract(Set(captured).subtracting(run.gaps.map(\.source)))
            let isGood = run.outcome == .succeeded || run.outcome == .degraded
            // Asked for everything, it is its own measure: what is missing is no source any more.
            if isGood, run.sources == nil, run.notDue?.isEmpty != false { missing = [] }
            if isGood, !missing.isEmpty { silent.insert(run.id) }
        }
        return silent
    }

    /// `nil` for a run that says nothing of how things stand: one that goes on, was skipped, or only showed what it would do.
    private static func state(of run: RunRecord) -> State? {
        if run.operation == .prune, run.reason == PruneRun.dryRunReason { return nil }
        switch run.outcome {
        case nil, .skipped: return nil
        case .succeeded: return run.anomalies == nil ? .good : .anomalous
        case .degraded, .partial: return .partial
        case .interrupted, .failed: return .failed
        }
    }
}

/// What is told even in quiet hours: what gets worse while it waits for the morning.
package enum NotificationUrgency {
    /// Damage that was found, a restore or a drill that failed, and content that is suddenly far from the usual, for somebody may be
    /// encrypting it. A backup that failed leaves earlier ones as they are, so it waits.
    package static func isUrgent(_ message: NotificationMessage, _ notifier: NotifierSpec) -> Bool {
        if message.isTest { return true }
        if let urgent = notifier.urgent { return urgent.contains(message.event) }
        guard !message.isReminder else { return false }
        return switch message.event {
        case .anomaly: true
        case .failed:
            message.operation == .restore || message.operation == .drill
                || message.failures.contains { $0.kind == .damaged }
        case .started, .partial, .overdue, .recovered, .succeeded, .skipped, .digest, .test: false
        }
    }
}
