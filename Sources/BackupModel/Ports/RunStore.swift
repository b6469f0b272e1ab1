package import Foundation

/// The history: past runs and what the repositories hold. A cache: losing it loses no restore point.
package protocol RunStore: Outbox {
    /// Writes a new run, durably, before it does anything.
    func begin(_ run: RunRecord) throws(StoreError)
    /// Replaces what is known of a run.
    func update(_ run: RunRecord) throws(StoreError)
    func run(_ id: RunID) throws(StoreError) -> RunRecord?
    /// Newest first.
    func runs(_ query: RunQuery) throws(StoreError) -> [RunRecord]
    /// Runs without an end.
    /// - Parameter profile: `nil` for those of all profiles.
    func unfinished(profile: ProfileName?) throws(StoreError) -> [RunRecord]

    /// Snapshots of a repository as last seen.
    func snapshots(of repository: String) throws(StoreError) -> [Snapshot]
    func replaceSnapshots(of repository: String, with snapshots: [Snapshot]) throws(StoreError)
    func addSnapshots(_ snapshots: [Snapshot], to repository: String) throws(StoreError)
    func removeSnapshots(_ ids: [SnapshotID], from repository: String) throws(StoreError)

    /// Manifests by the snapshot that carries them.
    func manifests(of repository: String) throws(StoreError) -> [SnapshotID: Manifest]
    func saveManifest(_ manifest: Manifest, snapshot: SnapshotID, repository: String) throws(StoreError)

    /// What each follower has of a repository's snapshots, by their ids in that repository, as its last feed saw it.
    func deliveries(from repository: String) throws(StoreError) -> [RepositoryName: Set<SnapshotID>]
    /// Replaces what is known of one follower.
    func setDeliveries(_ snapshots: Set<SnapshotID>, from repository: String, to follower: RepositoryName)
        throws(StoreError)

    /// Snapshots of a repository that were seen there once and have gone without ``noteRemoval(of:from:)``, oldest first.
    func vanished(from repository: String) throws(StoreError) -> [VanishedSnapshot]
    func noteVanished(_ snapshots: [VanishedSnapshot], from repository: String) throws(StoreError)
    /// They are back, or their loss is accepted.
    func forgetVanished(_ ids: Set<SnapshotID>, from repository: String) throws(StoreError)
    /// That a run of ours is about to remove these: should it be killed in the middle, they have not vanished.
    func noteRemoval(of ids: [SnapshotID], from repository: String) throws(StoreError)
    /// Of what ``noteRemoval(of:from:)`` was told.
    func removals(from repository: String) throws(StoreError) -> Set<SnapshotID>

    /// What somebody has said about what was odd, oldest first.
    func acknowledgements(of profile: ProfileName) throws(StoreError) -> [Acknowledgement]
    func save(_ acknowledgement: Acknowledgement, of profile: ProfileName) throws(StoreError)

    /// A counter per key that survives: which slice of the data `verify` reads next.
    func counter(_ key: String) throws(StoreError) -> Int
    func setCounter(_ key: String, to value: Int) throws(StoreError)

    /// True when the history was lost, or found damaged and set aside, and is new.
    var wasRecreated: Bool { get }
}

package struct RunQuery: Sendable, Equatable {
    package var profile: ProfileName?
    package var operation: RunRecord.Operation?
    package var outcome: Outcome?
    package var since: Date?
    package var limit: Int
    package init(
        profile: ProfileName? = nil, operation: RunRecord.Operation? = nil, outcome: Outcome? = nil, since: Date? = nil,
        limit: Int = 50
    ) {
        self.profile = profile
        self.operation = operation
        self.outcome = outcome
        self.since = since
        self.limit = limit
    }
}

package enum StoreError: OperatorError {
    case unusable(path: String, reason: String)
    case full(path: String, reason: String)
    case newer(path: String)
    case unsafe(path: String, reason: String)

    package var kind: FailureKind {
        switch self {
        case .unusable, .unsafe: .failed
        case .full: .destinationFull
        case .newer: .newerVersion
        }
    }

    package var description: String {
        switch self {
        case .unusable(let path, let reason): "the state at \(path) cannot be used: \(reason)"
        case .full(let path, let reason): "no room for the state at \(path): \(reason)"
        case .newer(let path): "the history at \(path) was written by a newer version of Holdfast"
        case .unsafe(let path, let reason): "the state at \(path) is not safe: \(reason)"
        }
    }

    package var hint: String? {
        switch self {
        case .unusable: "check the owner and mode of the folder; HOLDFAST_STATE_DIR or `state:` moves it"
        case .full: "free some room there; the repositories are untouched"
        case .newer: "use the newer version, or set HOLDFAST_STATE_DIR to another folder"
        case .unsafe: "give the folder to yourself and close it to others: chmod 700"
        }
    }
}

/// What is pinned of a repository: decides whether it may be trusted, so it is a small fsynced file and not history.
package struct RepositoryPin: Codable, Sendable, Equatable {
    package var location: String
    package var identity: RepositoryIdentity
    package var pinnedAt: Date
    /// The key that our password opens, once it has been asked for; `nil` also in pins that are older than this.
    package var ownKey: OwnKey?

    package struct OwnKey: Codable, Sendable, Equatable {
        package var id: String
        package var created: Date
        package init(id: String, created: Date) {
            self.id = id
            self.created = created
        }
    }

    /// A change of its keys that has begun and is not finished.
    package var keyChange: KeyChange?

    package struct KeyChange: Codable, Sendable, Equatable {
        package var begun: Date
        /// The key that is to be removed; `nil` where one is only added.
        package var old: String?
        /// The one that was added; `nil` while it may not be there yet.
        package var new: String?
        package init(begun: Date, old: String?) {
            self.begun = begun
            self.old = old
        }
    }

    package init(location: String, identity: RepositoryIdentity, pinnedAt: Date) {
        self.location = location
        self.identity = identity
        self.pinnedAt = pinnedAt
    }
}

package protocol Pins: Sendable {
    func pin(profile: ProfileName, repository: RepositoryName) throws(StoreError) -> RepositoryPin?
    /// Durable when it returns.
    func save(_ pin: RepositoryPin, profile: ProfileName, repository: RepositoryName) throws(StoreError)
    /// True when this state folder has been used before for the profile, so that a missing pin is a loss and not a beginning.
    func hasState(profile: ProfileName) throws(StoreError) -> Bool

    func recipients(profile: ProfileName, of subject: RecipientSubject) throws(StoreError) -> RecipientPin?
    /// Durable when it returns. `nil` takes the pin away.
    func save(_ pin: RecipientPin?, profile: ProfileName, of subject: RecipientSubject) throws(StoreError)
}

/// Whom something is encrypted for, as it was first, or as the operator has said since.
package struct RecipientPin: Codable, Sendable, Equatable {
    package var recipients: Recipients
    package var pinnedAt: Date
    package init(recipients: Recipients, pinnedAt: Date) {
        self.recipients = recipients
        self.pinnedAt = pinnedAt
    }
}

/// What a run holds that must be given back even if it is killed: written before it is acquired.
package struct JournalEntry: Codable, Sendable, Equatable, Identifiable {
    package var id: String
    package var run: RunID
    package var profile: ProfileName
    package var order: Int
    package var process: ProcessIdentity
    package var action: Action

    package enum Action: Codable, Sendable, Equatable {
        /// A child that must not outlive its run.
        case endProcess(ProcessIdentity, program: String)
        case removeFolder(String)
        /// Something that a program of the operator's took.
        case release(HeldResource)
        /// What was restored is taking its places.
        case settle(Settlement)
        /// It has; what was there is kept until the operator says otherwise.
        case keep(Settlement)
        /// A database that was being loaded, and bears a name of its own until it is proven.
        case dropDatabase(String, part: ManifestPart)

        /// Whether it is of a restore into place that is under way.
        package var isOfSettling: Bool {
            switch self {
            case .settle, .dropDatabase: true
            case .endProcess, .removeFolder, .release, .keep: false
            }
        }
    }

    package init(
        id: String, run: RunID, profile: ProfileName, order: Int, process: ProcessIdentity, action: Action
    ) {
        self.id = id
        self.run = run
        self.profile = profile
        self.order = order
        self.process = process
        self.action = action
    }
}

package protocol ResourceJournal: Sendable {
    /// Durable when it returns.
    func add(_ entry: JournalEntry) throws(StoreError)
    func remove(_ id: String) throws(StoreError)
    /// Last acquired first.
    func entries(profile: ProfileName) throws(StoreError) -> [JournalEntry]
}
