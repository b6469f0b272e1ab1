package import Foundation

/// One execution of a command that does work, as history keeps it.
package struct RunRecord: Codable, Sendable, Equatable, Identifiable {
    package enum Operation: String, Codable, Sendable, CaseIterable {
        case backup, prune, verify, restore, recover, drill, mount
    }

    package var id: RunID
    package var profile: ProfileName
    package var operation: Operation
    package var started: Date
    /// `nil` while it runs, and for ever when it was killed and nobody has recovered it yet.
    package var finished: Date?
    /// From the monotonic clock.
    package var duration: Duration?
    /// `nil` while it runs.
    package var outcome: Outcome?
    package var process: ProcessIdentity
    package var user: String
    package var reason: String?
    /// `manual`, `scheduled`
    package var trigger: String
    package var profileDigest: String
    package var steps: [StepRecord]
    package var parts: [ManifestPart]
    package var gaps: [ManifestGap]
    package var void: [SnapshotID]
    package var notices: [String]
    package var failures: [Failure]
    /// Program to version.
    package var tools: [String: String]
    /// Starts of the repository's tool.
    package var toolStarts: Int
    /// Scratch folders to be swept should the run not get to it.
    package var scratch: [String]
    /// True for a record put together from a repository, after the history was lost.
    package var isRebuilt: Bool
    /// The follower that it was about; `nil` for the primary.
    package var repository: RepositoryName?
    /// What it did for each follower; `nil` in records that are older than followers.
    package var feeds: [FeedRecord]?
    /// Who was told of it, and took the message; `nil` in records that are older than notifications.
    package var notified: [DeliveredNotification]?
    /// What was captured and is unlike what was captured before; `nil` in older records.
    package var anomalies: [Anomaly]?
    /// What programs of the operator's did and said; `nil` where there were none.
    package var hooks: [HookRecord]?
    /// The sources that were named; `nil` for all.
    package var sources: [SourceName]?
    /// Those that were left to a later run; `nil` in records that are older than cadences.
    package var notDue: [NotDue]?
    /// What a drill found; `nil` for all other work.
    package var drill: DrillRecord?

    package init(
        id: RunID, profile: ProfileName, operation: Operation, started: Date, process: ProcessIdentity, user: String,
        reason: String? = nil, trigger: String = "manual", profileDigest: String
    ) {
        self.id = id
        self.profile = profile
        self.operation = operation
        self.started = started
        self.process = process
        self.user = user
        self.reason = reason
        self.trigger = trigger
        self.profileDigest = profileDigest
        steps = []
        parts = []
        gaps = []
        void = []
        notices = []
        failures = []
        tools = [:]
        toolStarts = 0
        scratch = []
        isRebuilt = false
    }
}

/// One step of a run.
package struct StepRecord: Codable, Sendable, Equatable {
    package var step: RunStep
    /// What it was about: a source, a repository.
    package var subject: String?
    package var started: Date
    package var duration: Duration?
    package var outcome: Outcome?
    package var detail: String?
    package var bytes: ByteCount?
    /// What the repository grew by, where its tool says so; `nil` also in records that are older than this.
    package var addedBytes: ByteCount?
    /// Tool to what it cost.
    package var usage: [String: ResourceUsage]
    /// The telling end of what each tool said, when there was something.
    package var toolOutput: [String: String]

    package init(step: RunStep, subject: String? = nil, started: Date) {
        self.step = step
        self.subject = subject
        self.started = started
        usage = [:]
        toolOutput = [:]
    }
}

/// The steps of runs, in order. Every one is a place where a run may be killed, and is tested as such.
package enum RunStep: String, Codable, Sendable, CaseIterable {
    /// The run's record is on disk.
    case record
    case lockProfile
    case recover
    case lockRepository
    case preflight
    /// Create or recognise the repository, and pin it.
    case openRepository
    case capture
    case manifest
    /// Followers get what they lack.
    case feed
    case retention
    /// The repository is tested.
    case verify
    /// One part is restored into the staging folder and proven there.
    case restore
    /// What was restored is put in its place.
    case settle
    /// Outcome, history.
    case finish
    /// Locks and scratch are given back.
    case release
    /// A program of the operator's at an event.
    case hook
    /// Something is taken that belongs to others, such as a service's rest, by a program of the operator's.
    case acquire
    /// And given back.
    case giveBack

    /// Whether every backup comes by.
    package var isOfBackup: Bool {
        switch self {
        case .verify, .restore, .settle, .hook, .acquire, .giveBack: false
        case .record, .lockProfile, .recover, .lockRepository, .preflight, .openRepository, .capture, .manifest, .feed,
            .retention, .finish, .release:
            true
        }
    }
}

/// What a run tells its observers while it goes on.
package enum RunEvent: Sendable {
    case began(RunRecord)
    case waiting(for: String)
    case stepBegan(RunStep, subject: String?)
    case stepEnded(StepRecord)
    case progress(subject: String, TransferProgress)
    case partStored(source: SourceName, PartReport)
    case gap(ManifestGap)
    case fed(FeedRecord)
    case notice(String)
    case retention(RetentionPlan)
    case ended(RunRecord)
}

package protocol RunObserver: Sendable {
    func observe(_ event: RunEvent)
}
