package import Foundation

/// Tells somebody how a run ended. One type per kind, listed in `NotifierRegistry`.
package protocol Notifier: Sendable {
    var spec: NotifierSpec { get }

    /// What it is told of where its entry names no events.
    var usualEvents: Set<NotificationEvent> { get }

    /// What kinds of work it is told of where its entry names none; `nil` for all.
    var usualOperations: Set<RunRecord.Operation>? { get }

    /// It counts runs, so it hears of each as it ends, changed or not, at any hour.
    var hearsEveryRun: Bool { get }

    /// How long a message that could not be delivered is still worth delivering.
    var patience: Duration { get }

    /// Looks whether it could be used, and tells nobody anything.
    /// - Returns: what it would use.
    /// - Throws: ``NotifierError`` with what is missing.
    func preflight() async throws(NotifierError) -> String

    /// Hands the message over, within a time limit of the notifier's own.
    /// - Throws: ``NotifierError`` when it is not known to have arrived.
    func deliver(_ message: NotificationMessage) async throws(NotifierError)
}

extension Notifier {
    package var usualEvents: Set<NotificationEvent> { NotificationEvent.usual }
    package var usualOperations: Set<RunRecord.Operation>? { nil }
    package var hearsEveryRun: Bool { false }
    package var patience: Duration { .seconds(7 * 86_400) }

    /// The entry with what this kind means by leaving something out.
    package var resolvedSpec: NotifierSpec {
        var spec = spec
        spec.operations = spec.operations ?? usualOperations
        // Who wants everything in one message is not also told of each.
        spec.events = spec.events ?? (spec.digest == nil ? usualEvents : [])
        return spec
    }
}

package enum NotifierError: OperatorError, Equatable {
    case unsupported(kind: String)
    case tool(ToolError)
    /// `detail` is the end of what it said.
    case refused(program: String, how: String, detail: String)
    case timedOut(program: String, limit: String)
    case cancelled(program: String)
    /// A server answered, and did not take it. `retryAt` is when it wants to be asked again.
    case answered(service: String, status: Int, detail: String, hint: String?, retryAt: Date?)
    case unreachable(service: String, reason: String, hint: String?)
    case secret(SecretError)
    case misconfigured(service: String, reason: String, hint: String?)

    /// Before then it is no use to try again.
    package var retryAt: Date? {
        if case .answered(_, _, _, _, let date) = self { date } else { nil }
    }

    package var kind: FailureKind {
        switch self {
        case .unsupported: .badProfile
        case .tool(let error): error.kind
        case .refused, .timedOut: .failed
        case .cancelled: .interrupted
        case .answered(_, let status, _, _, _):
            switch status {
            case 401, 403: .notPermitted
            case 404, 410: .notFound
            case 408, 425, 429, 500...599: .tryLater
            default: .failed
            }
        case .unreachable: .serverUnreachable
        case .secret(let error): error.kind
        case .misconfigured: .badProfile
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
        case .answered(let service, let status, let detail, _, _):
            "\(service) did not take it (status \(status))" + (detail.isEmpty ? "" : ": \(detail)")
        case .unreachable(let service, let reason, _): "\(service) cannot be reached: \(reason)"
        case .secret(let error): error.description
        case .misconfigured(let service, let reason, _): "\(service): \(reason)"
        }
    }

    package var hint: String? {
        switch self {
        case .unsupported: "correct the entry under `notify:`"
        case .tool(let error): error.hint
        case .refused(let program, _, _): "run \(program) by hand with a message on its standard input to see why"
        case .timedOut: "see what it waits for, or raise `time-limit:` of its entry under `notify:`"
        case .cancelled: nil
        case .answered(_, _, _, let hint, _), .unreachable(_, _, let hint), .misconfigured(_, _, let hint): hint
        case .secret(let error): error.hint
        }
    }
}
