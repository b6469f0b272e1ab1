/// How a profile wants its restores proven, where the command line does not say.
package struct DrillSpec: Sendable, Equatable {
    package enum Choice: String, Sendable, CaseIterable {
        case latest
        /// An older one, any.
        case random
    }

    package var point = Choice.latest
    /// The follower that is restored from; `nil` for the primary.
    package var from: RepositoryName?
    /// What a drill may take of the disk at any time; `nil`: what is free.
    package var room: ByteCount?
    /// So many restored files are compared with the live ones.
    package var sample = DrillSpec.usualSample

    package static let usualSample = 50

    package init() {}
}

/// What the operator demands of one restored source.
package struct SourceDrill: Sendable, Equatable {
    /// A query whose first value must be true.
    package struct Assertion: Sendable, Equatable {
        /// The database of the source that it is asked of; `nil` for each.
        package var database: String?
        package var query: String
        package init(database: String?, query: String) {
            self.database = database
            self.query = query
        }
    }

    package var assertions: [Assertion] = []
    /// Each must end well.
    package var programs: [HookAction] = []
    /// How long each query may take; programs have their own.
    package var timeLimit: Duration = HookAction.usualTimeLimit
    /// That an encrypted part whose key is not here is not opened is as it is meant to be.
    package var acceptsUnopened = false

    package init() {}
}
