package import BackupModel
package import Foundation

/// What retention must know beside the snapshots and the policy.
package struct RetentionSafety: Sendable, Equatable {
    /// Reasons for which nothing at all is removed.
    package var halts: [RetentionHalt]
    /// Snapshots that somebody still needs, with who: `offsite lacks it`.
    package var held: [SnapshotID: String]
    /// How many removals in one group the operator has agreed to, whatever their share of it; `nil` for none.
    package var allowedRemovals: Int?
    /// Sources of which nothing is removed until somebody has looked at them, with why.
    package var frozen: [SourceName: String]
    /// What was made before this is no measure for a source any more: somebody has said that what followed is in order.
    package var newNormal: [SourceName: Date]

    package init(
        halts: [RetentionHalt] = [], held: [SnapshotID: String] = [:], allowedRemovals: Int? = nil,
        frozen: [SourceName: String] = [:], newNormal: [SourceName: Date] = [:]
    ) {
        self.frozen = frozen
        self.newNormal = newNormal
        self.halts = halts
        self.held = held
        self.allowedRemovals = allowedRemovals
    }
}

/// Why nothing may be removed from a whole repository.
package enum RetentionHalt: Sendable, Equatable, CustomStringConvertible {
    /// The repository is not the one that was pinned.
    case repositoryChanged
    /// Now is earlier than something that is known to have happened.
    case implausibleClock(now: Date, knownPast: Date, evidence: String)
    /// What these manifests say of their parts is not known.
    case unreadManifests(Int)
    /// A test found the repository damaged, and no later one has shown it whole.
    case damage(RunID)

    package var description: String {
        switch self {
        case .repositoryChanged:
            "the repository is not the one that this profile knows; `holdfast repository accept-id` accepts it"
        case .implausibleClock(let now, let knownPast, let evidence):
            "the clock says \(UTCTime(now).extended), which is before \(evidence) (\(UTCTime(knownPast).extended)); "
                + "set the clock"
        case .unreadManifests(let count):
            "\(count == 1 ? "a manifest has" : "\(count) manifests have") not been read, so the condition of "
                + "\(count == 1 ? "its" : "their") parts is unknown"
        case .damage(let run):
            "run \(run) found the repository damaged; follow docs/repair.md, then `holdfast backup verify --scrub`"
        }
    }

    /// A halt when `now` cannot be right: more than five minutes before the newest run on record, or before this program
    /// was made.
    package static func clock(now: Date, newestRun: Date?, released: Date?) -> RetentionHalt? {
        if let newestRun, now < newestRun.addingTimeInterval(-RetentionDanger.clockTolerance) {
            return .implausibleClock(now: now, knownPast: newestRun, evidence: "the newest run on record")
        }
        if let released, now < released {
            return .implausibleClock(now: now, knownPast: released, evidence: "this program was made")
        }
        return nil
    }
}

/// What speaks against removing anything of a group. Each answer is a plain sentence without its full stop, or `nil`.
enum RetentionDanger {
    /// Clocks of machines that share a repository differ a little.
    static let clockTolerance: TimeInterval = 300
    /// Fewer removals than this are never too many.
    static let harmlessRemovals = 5

    /// - Parameter candidates: newest first.
    static func newestIsNotGood(_ candidates: [RetentionCandidate]) -> String? {
        guard let newest = candidates.first, !newest.condition.isGood else { return nil }
        return "its newest snapshot, \(newest.id), is \(newest.condition.rawValue)"
    }

    static func future(_ candidates: [RetentionCandidate], now: Date) -> String? {
        guard let ahead = candidates.first, ahead.time > now.addingTimeInterval(clockTolerance) else { return nil }
        return "snapshot \(ahead.id) lies in the future (\(UTCTime(ahead.time).extended)); "
            + "check the clock of the machine that made it"
    }

    static func tooMany(_ removals: Int, of count: Int, policy: RetentionPolicy, allowed: Int?) -> String? {
        guard removals >= harmlessRemovals, Double(removals) > Double(count) * policy.maximumRemoval else { return nil }
        if let allowed, removals <= allowed { return nil }
        let percent = Int((policy.maximumRemoval * 100).rounded())
        return "\(removals) of \(count) snapshots would go, which is more than \(percent) %; "
            + "if that is meant, `--allow-removal \(removals)` does it once"
    }
}
