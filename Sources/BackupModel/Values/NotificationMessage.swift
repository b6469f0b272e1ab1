package import Foundation

/// What is told. Every text is plain: one line, without control characters, of bounded length, and without secrets when it
/// was given none.
package struct NotificationMessage: Codable, Sendable, Equatable {
    package let profile: ProfileName
    package let host: String
    package let event: NotificationEvent
    /// When what it tells of happened.
    package let at: Date
    /// `nil` for what no run says: what is overdue, a digest.
    package let run: RunID?
    package let operation: RunRecord.Operation?
    /// The follower that the run was about; `nil` for the primary.
    package let repository: RepositoryName?
    package let outcome: Outcome?
    /// It was told before, and still is so.
    package let isReminder: Bool
    /// Sent by hand to see whether it arrives.
    package let isTest: Bool
    /// When the first of the bad runs began; for a recovery, of those that it ends. `nil` when there is none.
    package let failingSince: Date?
    /// The first few.
    package let failures: [Failure]
    /// How many more there are.
    package let furtherFailures: Int
    /// What is overdue.
    package let overdue: [OverdueItem]
    /// Of a digest, a line each.
    package let lines: [String]
    /// What whoever reads it does now; `nil` when there is nothing to do.
    package let next: String?

    package static let shownFailures = 5
    package static let shownOverdue = 20
    package static let shownLines = 40

    /// - Parameter failures: all there are; more than ``shownFailures`` are counted only.
    package init(
        profile: ProfileName, host: String, run: RunID?, operation: RunRecord.Operation?, event: NotificationEvent,
        outcome: Outcome?, at: Date, repository: RepositoryName? = nil, isReminder: Bool = false, isTest: Bool = false,
        failingSince: Date? = nil, failures: [Failure] = [], overdue: [OverdueItem] = [], lines: [String] = [],
        next: String? = nil
    ) {
        self.profile = profile
        self.host = PlainText.line(host)
        self.run = run
        self.operation = operation
        self.repository = repository
        self.event = event
        self.outcome = outcome
        self.at = at
        self.isReminder = isReminder
        self.isTest = isTest
        self.failingSince = failingSince
        self.failures = failures.prefix(NotificationMessage.shownFailures).map {
            Failure(PlainText.line($0.description), hint: $0.hint.map { PlainText.line($0) }, kind: $0.kind)
        }
        furtherFailures = failures.count - self.failures.count
        self.overdue = overdue.prefix(NotificationMessage.shownOverdue).map { item in
            var item = item
            item.what = PlainText.line(item.what, limit: 100)
            item.hint = item.hint.map { PlainText.line($0, limit: 300) }
            return item
        }
        self.lines = lines.prefix(NotificationMessage.shownLines).map { PlainText.line($0, limit: 300) }
        self.next = next.map { PlainText.line($0) }
    }

    /// What it goes on from or ends: a later message of the same topic takes the place of one that still waits.
    package var topic: String {
        guard let operation else {
            switch event {
            case .digest, .test: return event.rawValue
            case .started, .failed, .partial, .anomaly, .overdue, .recovered, .succeeded, .skipped:
                return NotificationEvent.overdue.rawValue
            }
        }
        return operation.rawValue + (repository.map { " \($0)" } ?? "")
    }

    /// Names it among all messages of all hosts, also when it is sent twice.
    package var id: String {
        let place = "\(topic.replacing(" ", with: "-")).\(event.rawValue)"
        let moment = run?.rawValue ?? UTCTime(at).compact
        return "\(moment).\(place).\(profile)" + (isTest ? ".test" : "")
    }

    /// `backup of app on host1 failed`
    package var subject: String {
        let text =
            switch event {
            case .test: "test message of \(profile) on \(host)"
            case .digest: "\(profile) on \(host): digest"
            case .overdue: "\(profile) on \(host): \(overdueInWords) overdue"
            case .recovered where operation == nil: "\(profile) on \(host): nothing is overdue any more"
            case .started, .failed, .partial, .anomaly, .recovered, .succeeded, .skipped:
                "\(work) of \(profile) on \(host) \(verb)"
            }
        return isTest && event != .test ? "(test) " + text : text
    }

    private var work: String { (operation?.rawValue ?? "work") + (repository.map { " (\($0))" } ?? "") }

    private var verb: String {
        switch event {
        case .started: "has begun"
        case .failed: isReminder ? "still fails" : outcome == .interrupted ? "was interrupted" : "failed"
        case .partial where operation == .drill: "is \(isReminder ? "still " : "")not proven"
        case .partial: "is \(isReminder ? "still " : "")\(outcome == .degraded ? "degraded" : "partial")"
        case .anomaly: "\(isReminder ? "still " : "")looks wrong"
        case .recovered: "works again"
        case .succeeded: "succeeded"
        case .skipped: "was skipped"
        case .overdue, .digest, .test: event.rawValue
        }
    }

    private var overdueInWords: String {
        guard let first = overdue.first else { return "something is" }
        let more = overdue.count - 1
        return (more == 0 ? "\(first.what) is" : "\(first.what) and \(more) more are") + (isReminder ? " still" : "")
    }
}

/// Text that others wrote, as one line of a message.
package enum PlainText {
    /// Control, bidirectional and line-breaking characters become blanks: a file name cannot fake a line of the message.
    package static func line(_ text: String, limit: Int = 1000) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: scalars.append(" ")
            default: scalars.append(scalar)
            }
        }
        return String(scalars)
    }
}
