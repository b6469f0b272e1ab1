package import Foundation

/// What somebody may want to be told of.
package enum NotificationEvent: String, Codable, Sendable, CaseIterable {
    /// A run has begun, and has taken no lock yet.
    case started
    /// Nothing that counts as a backup, a test or a restore came of it; interrupted runs are among them.
    case failed
    /// Something is there, and something is missing.
    case partial
    /// It ended well, and what was captured is far from the usual.
    case anomaly
    /// What should have happened by now has not, whether or not anything ran.
    case overdue
    /// All is well again.
    case recovered
    /// All is well; told of every time.
    case succeeded
    /// It was not the time for it, or another run was at work; no failure.
    case skipped
    /// All runs of a day or a week in one message.
    case digest
    /// Sent by `holdfast notify test`.
    case test

    /// Where neither a profile nor the kind says otherwise.
    package static let usual: Set<NotificationEvent> = [.failed, .recovered, .partial, .overdue, .anomaly]

    /// What a profile may ask for.
    package static let choices = allCases.filter { $0 != .digest && $0 != .test }

    /// Something that a person has to look at.
    package var isBad: Bool {
        switch self {
        case .failed, .partial, .anomaly, .overdue: true
        case .started, .recovered, .succeeded, .skipped, .digest, .test: false
        }
    }
}

/// That somebody was told of a run.
package struct DeliveredNotification: Codable, Sendable, Equatable {
    package var notifier: NotifierName
    package var event: NotificationEvent
    package var at: Date
    package init(notifier: NotifierName, event: NotificationEvent, at: Date) {
        self.notifier = notifier
        self.event = event
        self.at = at
    }
}

/// Something that should have happened by now, whether or not anything ran.
package struct OverdueItem: Codable, Sendable, Equatable {
    /// `backup`, `offsite nas`, `verify`: names the same thing each time, for by it is known what has been told.
    package var what: String
    /// When it last was good; `nil` for never.
    package var lastSuccess: Date?
    /// How old that may be.
    package var objective: Duration
    /// Since when it is overdue.
    package var since: Date
    /// What to do, best a command to type.
    package var hint: String?

    package init(what: String, lastSuccess: Date?, objective: Duration, since: Date, hint: String? = nil) {
        self.what = what
        self.lastSuccess = lastSuccess
        self.objective = objective
        self.since = since
        self.hint = hint
    }
}
