/// How a repository is fed from the one that it follows.
package struct FollowSpec: Sendable, Equatable {
    package enum Feed: String, Sendable, CaseIterable {
        /// By every backup.
        case always
        /// By `--offsite`.
        case onRequest = "on-request"
    }

    package enum Method: String, Sendable, CaseIterable {
        /// The repository's own copying from one to the other: each has its own password and its own damage.
        case copy
        /// A backup of its own: files are read again, dumps come from the primary.
        case backup
        /// The primary's files as they are: a replica, for credentials that can put and nothing else.
        case mirror

        /// - Parameter text: as the profile names it; `nil` for what goes with the access.
        package init(of text: String?, _ access: RepositoryAccess) {
            self = text.flatMap(Method.init(rawValue:)) ?? (access == .writeOnly ? .mirror : .copy)
        }
    }

    package var leader: RepositoryName
    package var feed: Feed
    package var method: Method
    /// How long retention leaves alone what has not arrived here yet.
    package var hold: Duration
    /// How long one feed may take; what arrived until then stays. `nil`: as long as anything moves.
    package var timeLimit: Duration?
    /// Of a mirror whose objects expire by their age.
    package var generations: GenerationRule?

    package static let usualHold = Duration.seconds(14 * 86_400)

    package init(
        leader: RepositoryName, feed: Feed = .always, method: Method = .copy, hold: Duration = FollowSpec.usualHold,
        timeLimit: Duration? = nil, generations: GenerationRule? = nil
    ) {
        self.leader = leader
        self.feed = feed
        self.method = method
        self.hold = hold
        self.timeLimit = timeLimit
        self.generations = generations
    }
}

/// What our credential may do in a repository.
package enum RepositoryAccess: String, Sendable, CaseIterable {
    case full
    /// No delete but of locks.
    case appendOnly = "append-only"
    /// Put, and nothing else.
    case writeOnly = "write-only"
    /// As far as it is let.
    case auto

    /// Whether forgetting and pruning are tried at all.
    package var mayRemove: Bool {
        switch self {
        case .full, .auto: true
        case .appendOnly, .writeOnly: false
        }
    }

    package var mayRead: Bool { self != .writeOnly }
}
