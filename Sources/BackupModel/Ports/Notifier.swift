package import Foundation

/// Tells somebody how a run ended. One type per kind, listed in `NotifierRegistry`.
package protocol Notifier: Sendable {
    var spec: NotifierSpec { get }

    /// Looks whether it could be used, and tells nobody anything.
    /// - Returns: what it would use.
    /// - Throws: ``NotifierError`` with what is missing.
    func preflight() async throws(NotifierError) -> String

    /// Hands the message over, within a time limit of the notifier's own.
    /// - Throws: ``NotifierError`` when it is not known to have arrived.
    func deliver(_ message: NotificationMessage) async throws(NotifierError)
}

/// What somebody may want to be told of.
package enum NotificationEvent: String, Codable, Sendable, CaseIterable {
    /// Nothing that counts as a backup, a test or a restore came of it; interrupted runs are among them.
    case failed
    /// Something is there, and something is missing.
    case partial
    /// All is well again.
    case recovered
    /// All is well; told of every time.
    case succeeded

    /// Where a profile does not say.
    package static let usual: Set<NotificationEvent> = [.failed, .recovered, .partial]
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

/// What is told. Every text is plain: one line, without control characters, of bounded length, and without secrets when it
/// was given none.
package struct NotificationMessage: Sendable, Equatable {
    package let profile: ProfileName
    package let host: String
    package let run: RunID
    package let operation: RunRecord.Operation
    package let event: NotificationEvent
    package let outcome: Outcome
    /// When the first of the bad runs began; for a recovery, of those that it ends. `nil` when there is none.
    package let failingSince: Date?
    /// The first few.
    package let failures: [Failure]
    /// How many more there are.
    package let furtherFailures: Int
    /// What whoever reads it does now; `nil` when there is nothing to do.
    package let next: String?

    package static let shownFailures = 5

    /// - Parameter failures: all there are; more than ``shownFailures`` are counted only.
    package init(
        profile: ProfileName, host: String, run: RunID, operation: RunRecord.Operation, event: NotificationEvent,
        outcome: Outcome, failingSince: Date? = nil, failures: [Failure] = [], next: String? = nil
    ) {
        self.profile = profile
        self.host = NotificationMessage.plain(host)
        self.run = run
        self.operation = operation
        self.event = event
        self.outcome = outcome
        self.failingSince = failingSince
        self.failures = failures.prefix(NotificationMessage.shownFailures).map {
            Failure(
                NotificationMessage.plain($0.description), hint: $0.hint.map(NotificationMessage.plain), kind: $0.kind)
        }
        furtherFailures = failures.count - self.failures.count
        self.next = next.map(NotificationMessage.plain)
    }

    /// `backup of app on host1 failed`
    package var subject: String {
        let verb =
            switch event {
            case .failed: outcome == .interrupted ? "was interrupted" : "failed"
            case .partial: outcome == .degraded ? "is degraded" : "is partial"
            case .recovered: "works again"
            case .succeeded: "succeeded"
            }
        return "\(operation.rawValue) of \(profile) on \(host) \(verb)"
    }

    /// Control, bidirectional and line-breaking characters become blanks: a file name cannot fake a line of the message.
    private static func plain(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(1000) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: scalars.append(" ")
            default: scalars.append(scalar)
            }
        }
        return String(scalars)
    }
}

package enum NotifierError: OperatorError, Equatable {
    case unsupported(kind: String)
    case tool(ToolError)
    /// `detail` is the end of what it said.
    case refused(program: String, how: String, detail: String)
    case timedOut(program: String, limit: String)
    case cancelled(program: String)

    package var kind: FailureKind {
        switch self {
        case .unsupported: .badProfile
        case .tool(let error): error.kind
        case .refused, .timedOut: .failed
        case .cancelled: .interrupted
        }
    }

    package var description: String {
        switch self {
        case .unsupported(let kind): "there is no kind of notifier called \(kind)"
        case .tool(let error): error.description
        case .refused(let program, let how, let detail):
            "\(program) failed (\(how))" + (detail.isEmpty ? "" : ": \(detail)")
        case .timedOut(let program, let limit): "\(program) was stopped after \(limit)"
        case .cancelled(let program): "\(program) was stopped before it had ended"
        }
    }

    package var hint: String? {
        switch self {
        case .unsupported: "correct the entry under `notify:`"
        case .tool(let error): error.hint
        case .refused(let program, _, _): "run \(program) by hand with a message on its standard input to see why"
        case .timedOut: "see what it waits for, or raise `time-limit:` of its entry under `notify:`"
        case .cancelled: nil
        }
    }
}
