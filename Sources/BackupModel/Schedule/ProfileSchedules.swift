/// When the commands of a profile run by themselves.
package struct ProfileSchedules: Sendable, Equatable {
    package var backup: Schedule?
    /// From when on the next scheduled backup also feeds followers that are fed on request.
    package var offsite: Schedule?
    package var verify: Schedule?
    package var prune: Schedule?
    package var drill: Schedule?

    package init() {}

    package var isEmpty: Bool { self == ProfileSchedules() }

    package subscript(_ work: ScheduledWork) -> Schedule? {
        switch work {
        case .backup: backup
        case .verify: verify
        case .prune: prune
        case .drill: drill
        }
    }

    /// What times that are not said are drawn from.
    package static func seed(host: String, profile: ProfileName, of key: String) -> String {
        "\(host)\n\(profile)\n\(key)"
    }

    /// What `backup auto` sets up for a profile that says nothing.
    package static let usualBackup = "daily 02:00"
}

/// Work that has slots of its own.
package enum ScheduledWork: String, Sendable, CaseIterable {
    case backup, verify, prune, drill

    package var operation: RunRecord.Operation {
        switch self {
        case .backup: .backup
        case .verify: .verify
        case .prune: .prune
        case .drill: .drill
        }
    }
}
