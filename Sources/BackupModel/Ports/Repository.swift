package import Foundation

/// A place that snapshots live in. One type per kind, listed in `RepositoryRegistry`.
///
/// Calls that change the repository rely on the engine's lock: they are made by one run at a time, except
/// ``store(_:as:progress:)``, which several tasks may call at once.
package protocol Repository: Sendable {
    var spec: RepositorySpec { get }
    /// Where it is, without any password.
    var location: String { get }

    /// What is there now: a repository, nothing at all, or something in the way. Started tools are kept to the least:
    /// where `pin` shows that nothing changed, none is started.
    /// - Throws: ``RepositoryError``; an absent repository is no error here.
    func inspect(pin: RepositoryPin?) async throws(RepositoryError) -> RepositoryState

    /// Looks whether the programs are there that storing needs. Starts none.
    /// - Throws: ``RepositoryError/tool(_:)``
    func requireTools() throws(RepositoryError)

    /// Creates it. Fails where anything is there already.
    func create() async throws(RepositoryError) -> RepositoryIdentity

    /// Stores one part as one snapshot, and returns only with evidence: the tool ended well, its summary was read, the
    /// byte counts agree. A snapshot that came out of a failure is carried in the error.
    func store(
        _ part: CapturedPart, as stamp: SnapshotStamp, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> StoredPart

    /// The ids of all snapshots without starting a tool; `nil` where that is not possible.
    func snapshotIDsOnDisk() throws(RepositoryError) -> Set<SnapshotID>?

    /// All snapshots, those of others included.
    func snapshots() async throws(RepositoryError) -> [Snapshot]

    /// Drops snapshots (not their data), then looks whether they are really gone.
    func forget(_ ids: [SnapshotID]) async throws(RepositoryError) -> ForgetReport
    /// Frees the room of dropped snapshots.
    func prune(dryRun: Bool) async throws(RepositoryError) -> [String]

    /// The repository's own integrity test, never through the cache.
    func verify(_ depth: VerifyDepth, progress: @escaping @Sendable (TransferProgress) -> Void)
        async throws(RepositoryError) -> VerifyReport
    /// Re-hashes the repository's files against their names; needs no password.
    func scrub(progress: @escaping @Sendable (TransferProgress) -> Void) async throws(RepositoryError) -> ScrubReport

    func reader(for snapshot: SnapshotID) -> any PartReader
    /// As for its snapshot, with what the manifest knows: what need not be looked up is not.
    func reader(for part: ManifestPart) -> any PartReader

    /// Looks for entries of file trees whose path a pattern matches, in each of these snapshots.
    func find(
        _ pattern: PathPattern, in snapshots: [SnapshotID],
        _ body: @escaping @Sendable (SnapshotID, SnapshotEntry) -> Void
    ) async throws(RepositoryError)

    /// How a person brings a part back with standard tools alone.
    func byHand(_ part: ManifestPart) async throws(RepositoryError) -> ManualRestore

    /// The tool's own locks, with their owners.
    func locks() async throws(RepositoryError) -> [RepositoryLock]
    /// Removes locks whose owner is provably dead: our host, and the process is gone or is not the one that locked. Never
    /// signals an innocent process.
    /// - Returns: those removed.
    func clearDeadLocks() async throws(RepositoryError) -> [RepositoryLock]
    /// Removes the locks named, on the operator's word.
    func removeLocks(_ ids: [String]) async throws(RepositoryError)

    /// Who says to have made each key, where the repository knows. Needs the password.
    func keyOwners() async throws(RepositoryError) -> [RepositoryKeyOwner]

    /// Its passwords, where it has keys that can be added and removed.
    var keys: (any RepositoryKeys)? { get }

    /// Whom it encrypts for, where it encrypts for public keys.
    func recipients() async throws(RepositoryError) -> Recipients?

    /// The tool's version, such as `restic 0.18.0`.
    func toolVersion() async throws(RepositoryError) -> String
    /// How many times a tool was started for this repository so far.
    var toolStarts: Int { get }
    /// Where creating it wrote a password that it made itself; `nil` when it made none.
    var newPasswordFile: String? { get }
    /// Whether nothing but our own runs removes anything there: what is gone without them was taken away.
    var isChangedByUsAlone: Bool { get }
    /// How much it takes, where that can be seen without starting a tool; `nil` elsewhere.
    func sizeOnDisk() throws(RepositoryError) -> (files: Int, bytes: ByteCount)?
}

extension Repository {
    package func reader(for part: ManifestPart) -> any PartReader { reader(for: part.snapshot) }

    package func requireTools() throws(RepositoryError) {}

    /// Reads the list of each snapshot.
    package func find(
        _ pattern: PathPattern, in snapshots: [SnapshotID],
        _ body: @escaping @Sendable (SnapshotID, SnapshotEntry) -> Void
    ) async throws(RepositoryError) {
        for snapshot in snapshots {
            try await reader(for: snapshot).entries { entry in
                if pattern.matches(entry.path) { body(snapshot, entry) }
            }
        }
    }
    package var isChangedByUsAlone: Bool { false }
    package var newPasswordFile: String? { nil }
    package func keyOwners() async throws(RepositoryError) -> [RepositoryKeyOwner] { [] }
    package var keys: (any RepositoryKeys)? { nil }
    package func recipients() async throws(RepositoryError) -> Recipients? { nil }
    package func sizeOnDisk() throws(RepositoryError) -> (files: Int, bytes: ByteCount)? { nil }
}

/// Reads one snapshot.
package protocol PartReader: Sendable {
    var snapshot: SnapshotID { get }
    /// The commands, one or a chain, whose last standard output is the content of one file of the snapshot.
    func dump(path: PartPath) async throws(RepositoryError) -> [ToolCommand]
    /// The content of one small file of the snapshot, such as a manifest.
    /// - Throws: ``RepositoryError/unsupported(_:)`` where it is larger than `limit`.
    func content(of path: PartPath, limit: ByteCount) async throws(RepositoryError) -> [UInt8]
    /// Restores files below `directory`, each at its full path below it. Nothing outside is written, links in the way are
    /// not followed.
    /// - Parameter include: absolute paths inside the snapshot; empty is all.
    func extract(
        include: [String], into directory: String, exact: Bool,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ExtractReport
    /// Calls `body` for every entry. Memory stays bounded whatever their number.
    func entries(_ body: @escaping @Sendable (SnapshotEntry) -> Void) async throws(RepositoryError)
}

package struct SnapshotEntry: Sendable, Equatable, Codable {
    package enum EntryType: String, Sendable, Codable { case file, directory, symlink, other }
    package var path: String
    package var type: EntryType
    package var size: Int64
    package var modified: String
    package init(path: String, type: EntryType, size: Int64, modified: String) {
        self.path = path
        self.type = type
        self.size = size
        self.modified = modified
    }
}

package enum RepositoryState: Sendable, Equatable {
    /// The place is empty or does not exist.
    case absent
    /// No repository, and yet something is there.
    case occupied(by: String)
    case present(RepositoryIdentity)
}

/// What makes a repository this one and no other.
package struct RepositoryIdentity: Sendable, Equatable, Codable {
    package var id: String
    package var formatVersion: Int
    /// Ids of the keys that open it, sorted.
    package var keyIDs: [String]
    /// SHA-256 of the file that carries the id, where it can be read without a tool.
    package var configDigest: String?
    package init(id: String, formatVersion: Int, keyIDs: [String], configDigest: String?) {
        self.id = id
        self.formatVersion = formatVersion
        self.keyIDs = keyIDs
        self.configDigest = configDigest
    }
}

package struct RepositoryLock: Sendable, Equatable, Codable {
    package var id: String
    package var time: Date
    package var exclusive: Bool
    package var host: String
    package var user: String
    package var pid: Int32
    package init(id: String, time: Date, exclusive: Bool, host: String, user: String, pid: Int32) {
        self.id = id
        self.time = time
        self.exclusive = exclusive
        self.host = host
        self.user = user
        self.pid = pid
    }
}

/// Where a key comes from, as whoever made it says.
package struct RepositoryKeyOwner: Sendable, Equatable, Codable {
    /// The beginning of the key's id, eight digits at least.
    package var idPrefix: String
    package var user: String
    package var host: String
    /// In the time zone of whoever asks; the tool says no more.
    package var created: String
    package init(idPrefix: String, user: String, host: String, created: String) {
        self.idPrefix = idPrefix
        self.user = user
        self.host = host
        self.created = created
    }
}

package struct ForgetReport: Sendable, Equatable, Codable {
    package var removed: [SnapshotID]
    /// Still there although their removal was asked for.
    package var remaining: [SnapshotID]
    package init(removed: [SnapshotID], remaining: [SnapshotID]) {
        self.removed = removed
        self.remaining = remaining
    }
}

package enum VerifyDepth: Sendable, Equatable {
    case structure
    /// Reads slice `index` (from 1) of `count` of all data.
    case data(index: Int, count: Int)
    case allData
}

package struct VerifyReport: Sendable, Equatable, Codable {
    package var isSound: Bool
    package var errors: [String]
    /// Files of the repository that are damaged or missing, where the tool names them.
    package var damagedFiles: [String]
    package var notices: [String]
    package init(isSound: Bool, errors: [String] = [], damagedFiles: [String] = [], notices: [String] = []) {
        self.isSound = isSound
        self.errors = errors
        self.damagedFiles = damagedFiles
        self.notices = notices
    }
}

package struct ScrubReport: Sendable, Equatable, Codable {
    package var files: Int
    package var bytes: ByteCount
    /// Relative paths whose content does not match their name.
    package var damaged: [String]
    /// Relative path to why it could not be read.
    package var unreadable: [String: String]
    /// Files that no repository of this kind has.
    package var unexpected: [String]
    /// What the tool was writing when it was killed: under names of their own, so that nobody reads them. They only take room.
    package var leftovers: [String]
    package init(
        files: Int, bytes: ByteCount, damaged: [String] = [], unreadable: [String: String] = [:],
        unexpected: [String] = [], leftovers: [String] = []
    ) {
        self.files = files
        self.bytes = bytes
        self.damaged = damaged
        self.unreadable = unreadable
        self.unexpected = unexpected
        self.leftovers = leftovers
    }
    package var isSound: Bool { damaged.isEmpty && unreadable.isEmpty }
}

package struct ExtractReport: Sendable, Equatable, Codable {
    package var files: Int64
    package var bytes: ByteCount
    package var errors: [String]
    package init(files: Int64, bytes: ByteCount, errors: [String] = []) {
        self.files = files
        self.bytes = bytes
        self.errors = errors
    }
}

/// What can go wrong with a repository. Each is told apart, for each has its own exit code and its own way out.
package enum RepositoryError: OperatorError {
    case absent(location: String)
    case wrongPassword(location: String)
    /// No key at hand opens the file; `detail` is what the tool said of it.
    case noKey(file: String, tool: String, detail: String)
    /// The profile names none that could open the file; `how` is where to name it.
    case keyNotNamed(file: String, how: String)
    case keysMissing(location: String)
    case locked(location: String, by: [RepositoryLock], detail: String)
    case damaged(location: String, detail: String)
    case full(location: String, detail: String, free: ByteCount?)
    /// The disk that is restored to.
    case noRoom(place: String, detail: String, free: ByteCount?)
    case readOnly(location: String, detail: String)
    case denied(location: String, detail: String)
    case unreachable(location: String, detail: String)
    case formatTooNew(location: String, detail: String)
    case occupied(location: String, by: String)
    /// It is not where the profile demands: its disk is not mounted, or it lies on the disk that it backs up.
    case misplaced(location: String, detail: String)
    /// Its id or keys are not those that are pinned.
    case changed(location: String, pinned: RepositoryIdentity, found: RepositoryIdentity)
    case toolTooOld(tool: String, version: String, needed: String)
    /// A stream's producer failed or wrote nothing; nothing was committed unless `void` names it.
    case producerFailed(tool: String, how: String, detail: String, void: SnapshotID?)
    case producedNothing(tool: String, void: SnapshotID?)
    /// Byte counts disagree.
    case miscounted(part: PartPath, produced: ByteCount, stored: ByteCount, void: SnapshotID)
    /// The tool ended well and did not say what it stored.
    case noEvidence(location: String, detail: String)
    case sourceUnreadable(detail: String)
    case notFound(what: String)
    case toolFailed(tool: String, how: String, detail: String)
    case timedOut(tool: String, limit: String)
    case cancelled
    case tool(ToolError)
    case secret(SecretError)
    case unsupported(String)

    /// A snapshot that exists and must not be used.
    package var void: SnapshotID? {
        switch self {
        case .producerFailed(_, _, _, let void), .producedNothing(_, let void): void
        case .miscounted(_, _, _, let void): void
        default: nil
        }
    }
}
