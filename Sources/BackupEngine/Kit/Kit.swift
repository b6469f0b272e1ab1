package import BackupModel
package import Foundation

/// What brings a restore point back without Holdfast: where the copies are, what must be at hand, and the lines to type.
package struct Kit: Sendable {
    package struct Part: Sendable {
        package var part: ManifestPart
        package var restore: ManualRestore
        /// What to do with its file then.
        package var use: ManualUse?

        package init(part: ManifestPart, restore: ManualRestore, use: ManualUse?) {
            self.part = part
            self.restore = restore
            self.use = use
        }
    }

    /// One repository, and how its newest restore point comes back from there.
    package struct Section: Sendable {
        package var repository: RepositorySpec
        package var location: String
        package var identity: String?
        /// Of the keys that open it.
        package var keyIDs: [String]
        package var point: RestorePoint
        package var parts: [Part]
        /// Program to version, of those that made the backup.
        package var tools: [String: String]
        /// False where nothing was read there: it is what was sent, by our own records.
        package var wasRead: Bool
        /// Snapshots that are there now.
        package var present: Set<SnapshotID>

        package var name: RepositoryName { repository.name }
        /// Of all parts, each once.
        package var programs: [String] { Set(parts.flatMap(\.restore.programs)).sorted() }
        package var keys: [ManualRestore.Key] { unique(parts.flatMap(\.restore.keys)) { $0.variable } }
        package var settings: [ManualRestore.Setting] { unique(parts.flatMap(\.restore.settings)) { $0.variable } }
        package var setup: [String] { unique(parts.flatMap(\.restore.setup)) { $0 } }
        package var notes: [String] { unique(parts.flatMap(\.restore.notes)) { $0 } }
        /// The servers that something is loaded into.
        package var servers: [ManualUse.Server] {
            ManualUse.Server.allCases.filter { server in parts.contains { $0.use?.server == server } }
        }

        private func unique<Value>(_ values: [Value], by key: (Value) -> String) -> [Value] {
            var seen: Set<String> = []
            return values.filter { seen.insert(key($0)).inserted }
        }
    }

    /// A repository of the profile that no lines can be given for.
    package struct Absence: Sendable {
        package var repository: RepositorySpec
        package var location: String
        package var why: Failure
    }

    package var profile: ProfileName
    package var host: String
    package var made: Date
    /// The one that was wanted first; never empty.
    package var sections: [Section]
    package var absences: [Absence]
    package var notices: [String]
    /// What each source of the profile is, by its name.
    package var sources: [(name: SourceName, kind: String)]
    /// Whom sources and repositories are encrypted for.
    package var recipients: [(subject: RecipientSubject, recipients: Recipients)]

    /// All variables that any section asks for.
    package var keys: [ManualRestore.Key] {
        sections.flatMap(\.keys).reduce(into: []) { keys, key in
            if !keys.contains(where: { $0.variable == key.variable }) { keys.append(key) }
        }
    }
    package var programs: [String] { Set(sections.flatMap(\.programs)).sorted() }
}

/// A repository beside the first.
package struct KitPlace: Sendable {
    package var repository: RepositorySpec
    package var location: String
    /// Gives the engine at it; `nil` where our credential reads nothing there.
    package var open: (@Sendable () async throws -> Engine)?
    /// What feeds it, and knows what was sent.
    package var follower: (any Follower)?

    package init(
        _ repository: RepositorySpec, at location: String, follower: (any Follower)?,
        open: (@Sendable () async throws -> Engine)?
    ) {
        self.repository = repository
        self.location = location
        self.follower = follower
        self.open = open
    }
}
