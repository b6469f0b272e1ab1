package import Foundation

/// The record of a run, kept in the repository beside the parts and written last: what no manifest names is incomplete.
package struct Manifest: Codable, Sendable, Equatable {
    package static let currentVersion = 1
    /// The name of its one file inside its snapshot.
    package static let fileName = "/manifest.json"

    package var version: Int
    package var run: RunID
    package var profile: ProfileName
    package var host: String
    package var machine: String?
    package var started: Date
    package var finished: Date
    package var reason: String?
    package var retentionClass: String
    package var parts: [ManifestPart]
    /// Sources that this run was to capture and did not, with the cause.
    package var gaps: [ManifestGap]
    /// Snapshots that this run left behind and that must not be used.
    package var void: [SnapshotID]
    /// Program to version.
    package var tools: [String: String]
    /// The retention policy in force, in words.
    package var policy: String?
    package var notices: [String]
    /// Whom the repository itself encrypts for, where it has recipients.
    package var repositoryRecipients: Recipients?
    /// What programs of the operator's said until then; `nil` where none said anything.
    package var hooks: [HookRecord]?
    /// Sources that were left to a later run; `nil` in manifests that are older than cadences.
    package var notDue: [NotDue]?

    package init(
        run: RunID, profile: ProfileName, host: String, machine: String?, started: Date, finished: Date,
        reason: String?,
        retentionClass: String, parts: [ManifestPart], gaps: [ManifestGap], void: [SnapshotID], tools: [String: String],
        policy: String?, notices: [String]
    ) {
        version = Manifest.currentVersion
        self.run = run
        self.profile = profile
        self.host = host
        self.machine = machine
        self.started = started
        self.finished = finished
        self.reason = reason
        self.retentionClass = retentionClass
        self.parts = parts
        self.gaps = gaps
        self.void = void
        self.tools = tools
        self.policy = policy
        self.notices = notices
    }
}

package struct ManifestPart: Codable, Sendable, Equatable {
    package var source: SourceName
    /// The kind of the source: `files`, `sqlite`, `postgres` …; decides how it is restored.
    package var sourceKind: String
    package var part: PartPath
    package var snapshot: SnapshotID
    package var capturedAt: Date
    package var condition: PartCondition
    /// What the repository read for it.
    package var bytes: ByteCount
    package var files: Int64?
    /// What the repository grew by for it, where the repository says.
    package var addedBytes: ByteCount?
    package var facts: Facts
    /// Paths or names that could not be read; capped, with the total in `unreadableCount`.
    package var unreadable: [String]
    package var unreadableCount: Int
    /// What the source's kind needs for a restore (format of a dump, roots of a file tree).
    package var restoreNotes: [String: String]
    /// Where its file is in the snapshot, which with some versions of restic is another path than `part`; `nil` where that was not
    /// noted and has to be looked up.
    package var storedPath: String?
    /// How it was encrypted before it was stored; `nil` where only the repository does.
    package var encryption: PartEncryption?

    /// The key in ``restoreNotes`` under which a file tree says what it was taken from.
    package static let rootsNote = "roots"

    /// What a file tree was taken from; empty where it does not say.
    package var roots: [String] {
        let text = restoreNotes[ManifestPart.rootsNote] ?? "[]"
        // A note that cannot be read names none; who needs them says that they are not named.
        return (try? JSONDecoder().decode([String].self, from: Data(text.utf8))) ?? []
    }

    /// Whether it is stored as a file tree rather than as one file or a stream.
    package var isTree: Bool { encryption == nil && restoreNotes[ManifestPart.rootsNote] != nil }

    package init(
        source: SourceName, sourceKind: String, part: PartPath, snapshot: SnapshotID, capturedAt: Date,
        condition: PartCondition, bytes: ByteCount, files: Int64?, facts: Facts, unreadable: [String] = [],
        unreadableCount: Int = 0, restoreNotes: [String: String] = [:]
    ) {
        self.source = source
        self.sourceKind = sourceKind
        self.part = part
        self.snapshot = snapshot
        self.capturedAt = capturedAt
        self.condition = condition
        self.bytes = bytes
        self.files = files
        self.facts = facts
        self.unreadable = unreadable
        self.unreadableCount = unreadableCount
        self.restoreNotes = restoreNotes
    }
}

/// How good a captured part is.
package enum PartCondition: String, Codable, Sendable, CaseIterable {
    case clean
    /// Something was unreadable, but only where the profile tolerates it.
    case tolerated
    /// Something was unreadable.
    case partial
    /// The source itself is damaged; what could be had was taken. Never counts as good.
    case damaged

    /// Whether it may stand for the source in retention and objectives.
    package var isGood: Bool {
        switch self {
        case .clean, .tolerated: true
        case .partial, .damaged: false
        }
    }
}

package struct ManifestGap: Codable, Sendable, Equatable {
    package var source: SourceName
    package var cause: String
    package init(source: SourceName, cause: String) {
        self.source = source
        self.cause = cause
    }
}
