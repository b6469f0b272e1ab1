/// One profile, loaded, checked and effective. Kinds keep their own settings as the ``ConfigValue`` they were written as.
package struct Profile: Sendable {
    package var name: ProfileName
    /// The file it was loaded from.
    package var path: String
    /// Of the effective text; recorded with every run.
    package var digest: String
    /// The host name written into snapshots.
    package var host: String
    package var sources: [SourceSpec]
    package var repositories: [RepositorySpec]
    package var retention: RetentionPolicy
    package var settings: ProfileSettings
    /// Keys that were accepted and are not acted on.
    package var ignoredKeys: [String]
    /// Sources and repositories that `when:` switched off.
    package var disabled: [String]
    /// Who is told how runs ended.
    package var notifiers: [NotifierSpec]
    package var objectives = Objectives()
    package var metrics: MetricsSpec?
    package var log: LogSpec?
    /// In the order of the profile: its own, then those of its sources and repositories.
    package var hooks: [HookSpec] = []
    /// Likewise.
    package var resources: [ResourceSpec] = []
    /// When its commands run by themselves.
    package var schedules = ProfileSchedules()
    /// How its restores are proven.
    package var drill = DrillSpec()

    package init(
        name: ProfileName, path: String, digest: String, host: String, sources: [SourceSpec],
        repositories: [RepositorySpec], retention: RetentionPolicy, settings: ProfileSettings, ignoredKeys: [String],
        disabled: [String], notifiers: [NotifierSpec] = []
    ) {
        self.name = name
        self.path = path
        self.digest = digest
        self.host = host
        self.sources = sources
        self.repositories = repositories
        self.retention = retention
        self.settings = settings
        self.ignoredKeys = ignoredKeys
        self.disabled = disabled
        self.notifiers = notifiers
    }

    /// The repository that captures go to: the first that follows no other.
    package var primary: RepositorySpec? { repositories.first { $0.follow == nil } }

    /// Those that are fed from it, in the order of the profile; none feeds another.
    package var followers: [RepositorySpec] { repositories.filter { $0.follow != nil } }
}

/// One thing to capture, as the profile says it.
package struct SourceSpec: Sendable {
    package var name: SourceName
    /// `files`, `sqlite`, `postgres`, `command` …
    package var kind: String
    /// The whole entry, the kind's own key included.
    package var entry: ConfigValue
    package var expectations: Expectations
    package var onFailure: OnFailure
    /// Paths (files) or names whose being unreadable does not make the run partial; `fnmatch(3)` patterns.
    package var toleratedUnreadable: [String]
    /// The whole `environment:`-visible variables of the profile's environment files.
    package var environment: [String: String]
    /// Captures it less often than the others; `nil`: with every run.
    package var cadence: Schedule?
    /// What a drill demands of it.
    package var drill = SourceDrill()

    package init(
        name: SourceName, kind: String, entry: ConfigValue, expectations: Expectations = Expectations(),
        onFailure: OnFailure = .continue, toleratedUnreadable: [String] = [], environment: [String: String] = [:]
    ) {
        self.name = name
        self.kind = kind
        self.entry = entry
        self.expectations = expectations
        self.onFailure = onFailure
        self.toleratedUnreadable = toleratedUnreadable
        self.environment = environment
    }

    /// The value under the kind's own key.
    package var settings: ConfigValue { entry[kind] ?? entry }

    /// What must be true of the snapshot, checked after the capture.
    package struct Expectations: Sendable, Equatable {
        /// Paths that must be in the snapshot.
        package var contains: [String] = []
        package var minimumFiles: Int64?
        package var minimumBytes: ByteCount?
        package init() {}
    }

    package enum OnFailure: String, Sendable { case `continue`, abort }
}

/// One place that snapshots live in, as the profile says it.
package struct RepositorySpec: Sendable {
    package var name: RepositoryName
    /// `restic`, `archive` …
    package var kind: String
    package var entry: ConfigValue
    /// `nil` for the one that captures go to.
    package var follow: FollowSpec?
    package var access: RepositoryAccess
    package var environment: [String: String]
    /// Variables of the backend that our own environment gives in place of the profile.
    package var replacedVariables: Set<String> = []
    /// Its files are mirrored elsewhere, where nothing is ever replaced: what is packed anew is sent anew.
    package var feedsMirror = false
    /// Of a mirror, the generation that is looked at.
    package var generation: String?
    /// Age that the newest complete feed of this follower may have; `nil` for none.
    package var objective: Duration?

    /// What its identity is pinned under: each generation of a mirror has an identity of its own.
    package var pinName: RepositoryName {
        generation.map { RepositoryName(unchecked: "\(name).\($0)") } ?? name
    }

    package init(
        name: RepositoryName, kind: String, entry: ConfigValue, follow: FollowSpec? = nil,
        access: RepositoryAccess = .auto, environment: [String: String] = [:]
    ) {
        self.name = name
        self.kind = kind
        self.entry = entry
        self.follow = follow
        self.access = access
        self.environment = environment
    }

    package var settings: ConfigValue { entry[kind] ?? entry }
}

package struct ProfileSettings: Sendable, Equatable {
    /// Where private working copies go; `nil` is the state folder.
    package var scratch: String?
    /// Overrides the state folder.
    package var state: String?
    /// restic's cache; `nil` is a folder of our own per repository.
    package var cache: String?
    /// Added to the niceness of every tool; 0 to 19.
    package var niceness: Int32 = 0
    /// Upload limit in bytes per second.
    package var uploadLimit: ByteCount?
    package var downloadLimit: ByteCount?
    /// How long a run waits for another one's lock.
    package var lockWait: Duration = .seconds(0)
    /// Sources captured side by side.
    package var parallelSources: Int = 2
    /// Overall time limit of a run.
    package var timeLimit: Duration?
    /// What a backup demands of the copies elsewhere before it does anything.
    package var remoteDemand = RemoteDemand.none
    /// What `env:` secrets and children see beside our own environment: the merged environment files.
    package var environment: [String: String] = [:]

    package init() {}
}

/// Whether a profile insists on a copy elsewhere.
package enum RemoteDemand: String, Sendable, Equatable {
    case none = "false"
    /// A repository that follows another must be switched on.
    case configured = "true"
    /// And it must be possible to feed each.
    case reachable
}
