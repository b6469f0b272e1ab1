/// How a run, or a step of one, ended. The worst stands for the whole; all are kept.
package enum Outcome: String, Codable, Sendable, CaseIterable, Comparable {
    case succeeded
    /// A condition said not now.
    case skipped
    /// The primary is good; a follower that was asked for is not.
    case degraded
    /// A snapshot exists, something in the source was unreadable.
    case partial
    case interrupted
    case failed

    private var severity: Int {
        switch self {
        case .succeeded: 0
        case .skipped: 1
        case .degraded: 2
        case .partial: 3
        case .interrupted: 4
        case .failed: 5
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.severity < right.severity }

    package static func worst(of outcomes: some Sequence<Outcome>) -> Outcome { outcomes.max() ?? .succeeded }

    /// The exit code where no error with a kind of its own decided it.
    package func exitStatus(strict: Bool) -> ExitStatus {
        switch self {
        case .succeeded: .success
        case .skipped: .tryLater
        case .degraded: strict ? .degraded : .success
        case .partial: .partial
        case .interrupted: .interrupted
        case .failed: .failed
        }
    }
}
