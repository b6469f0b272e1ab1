package import Foundation

/// Finds the programs of hooks, sees that nobody else could have put them there, and runs them.
package protocol HookRunner: Sendable {
    /// Looks whether it could be run, and starts nothing.
    /// - Returns: the path of the program's file.
    func locate(_ action: HookAction) throws(HookError) -> String

    /// Runs it to its end; cancelling the surrounding task ends it.
    /// - Throws: ``HookError`` when nothing was started; how it ended is a report.
    func run(_ action: HookAction, _ document: HookDocument) async throws(HookError) -> HookReport
}

/// How a hook ended and what it said.
package struct HookReport: Sendable, Equatable {
    package enum Ending: Sendable, Equatable {
        case exited(Int32)
        case signaled(Int32)
        case timedOut(after: Duration)
        /// We ended it, for we were told to stop.
        case cancelled
    }

    package var ending: Ending
    package var message: String?
    package var facts: [String: String] = [:]
    /// How things stood before it; a resource's release gets it.
    package var state: PlainValue?
    /// The last of what it wrote, standard output first; capped.
    package var output = ""
    /// The last of what it wrote to standard error, in one line.
    package var complaint = ""
    package var duration: Duration = .zero

    package init(_ ending: Ending) { self.ending = ending }

    /// What a hook of `before`, or an acquire, says with this: not now.
    package static let notNow: Int32 = 75

    package var isGood: Bool { ending == .exited(0) }
    package var saysNotNow: Bool { ending == .exited(HookReport.notNow) }

    /// `exit code 2: no such container`
    package var words: String {
        let how =
            switch ending {
            case .exited(let code): "exit code \(code)"
            case .signaled(let number): "signal \(number)"
            case .timedOut(let limit): "stopped after \(Int(limit.inSeconds)) s (`time-limit`)"
            case .cancelled: "stopped with the run"
            }
        let said = message ?? complaint
        return said.isEmpty ? how : "\(how): \(said)"
    }
}

/// What a hook said in a run, as the run's record and its manifest keep it.
package struct HookRecord: Codable, Sendable, Equatable {
    /// `run.before`, `resource.acquire` …
    package var event: String
    package var hook: String
    /// The source or repository that it was about.
    package var subject: String?
    package var outcome: Outcome
    package var started: Date
    package var duration: Duration
    package var message: String?
    package var facts: [String: String]?

    package init(
        event: String, hook: String, subject: String?, outcome: Outcome, started: Date, duration: Duration,
        message: String?, facts: [String: String]?
    ) {
        self.event = event
        self.hook = hook
        self.subject = subject
        self.outcome = outcome
        self.started = started
        self.duration = duration
        self.message = message
        self.facts = facts
    }
}

package enum HookError: OperatorError, Equatable {
    case missing(String, searched: [String])
    /// Somebody else could have put it there, or could change it.
    case unsafe(path: String, place: String, reason: String)
    case unreadable(path: String, reason: String)
    case tool(ToolError)
    case secret(SecretError)
    case unsupported

    package var kind: FailureKind {
        switch self {
        case .missing: .toolMissing
        case .unsafe: .notPermitted
        case .unreadable, .unsupported: .failed
        case .tool(let error): error.kind
        case .secret(let error): error.kind
        }
    }

    package var description: String {
        switch self {
        case .missing(let name, let searched):
            name.contains("/")
                ? "there is no file \(name)" : "\(name) was not found in \(searched.joined(separator: ", "))"
        case .unsafe(let path, let place, let reason):
            path == place ? "\(path) is not run: it \(reason)" : "\(path) is not run: \(place) \(reason)"
        case .unreadable(let path, let reason): "\(path) cannot be run: \(reason)"
        case .tool(let error): error.description
        case .secret(let error): error.description
        case .unsupported: "hooks cannot be run here"
        }
    }

    package var hint: String? {
        switch self {
        case .missing(let name, _):
            name.contains("/") ? "correct the path" : "put it there, or correct the name (see docs/hooks.md)"
        case .unsafe(_, let place, _):
            "it must belong to root or to you, and nobody else may write to it or to a folder above it: chmod go-w \(place)"
        case .unreadable: nil
        case .tool(let error): error.hint
        case .secret(let error): error.hint
        case .unsupported: nil
        }
    }
}

/// Where there are no programs to run.
package struct NoHooks: HookRunner {
    package init() {}
    package func locate(_ action: HookAction) throws(HookError) -> String { throw .unsupported }
    package func run(_ action: HookAction, _ document: HookDocument) async throws(HookError) -> HookReport {
        throw .unsupported
    }
}
