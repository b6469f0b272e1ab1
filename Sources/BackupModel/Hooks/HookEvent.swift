/// A point in the life of a piece of work at which programs of the operator's may run: `run.before`, `source.failed` …
package struct HookEvent: Hashable, Sendable, CustomStringConvertible {
    package enum Scope: String, Sendable, CaseIterable {
        /// A backup.
        case run
        /// One source of a backup.
        case source
        /// One repository, in whatever work looks into it: backup, feed, restore, test, removal.
        case repository
        case restore
        case drill
    }

    package enum Moment: String, Sendable, CaseIterable {
        case before
        case succeeded
        case partial
        case degraded
        case failed
        /// Behind the one of the outcome, whatever that is, and also when a hook of `before` failed.
        case after
    }

    package var scope: Scope
    package var moment: Moment

    package init(_ scope: Scope, _ moment: Moment) {
        self.scope = scope
        self.moment = moment
    }

    package init?(_ text: String) {
        let halves = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard halves.count == 2, let scope = Scope(rawValue: halves[0]), let moment = Moment(rawValue: halves[1]) else {
            return nil
        }
        self.init(scope, moment)
    }

    package var description: String { "\(scope.rawValue).\(moment.rawValue)" }

    /// In the order in which they come.
    package static let all = Scope.allCases.flatMap { scope in Moment.allCases.map { HookEvent(scope, $0) } }

    /// The one that an outcome stands for; none where the work was skipped.
    package static func of(_ outcome: Outcome, _ scope: Scope) -> HookEvent? {
        switch outcome {
        case .succeeded: HookEvent(scope, .succeeded)
        case .partial: HookEvent(scope, .partial)
        case .degraded: HookEvent(scope, .degraded)
        case .failed, .interrupted: HookEvent(scope, .failed)
        case .skipped: nil
        }
    }
}
