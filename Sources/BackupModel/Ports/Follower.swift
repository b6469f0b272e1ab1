package import Foundation

/// A repository that is fed from the primary, after the primary has what it should. One type per way of feeding; made by
/// `RepositoryRegistry`.
package protocol Follower: Sendable {
    var spec: RepositorySpec { get }
    var follow: FollowSpec { get }
    /// Where it is, without any password.
    var location: String { get }
    /// Feeding it makes what is not there, so nothing has to be created before. A replica has the primary's own files.
    var isMadeByFeeding: Bool { get }
    /// Why this version cannot feed it, where that is so.
    var obstacle: RepositoryError? { get }
    /// To recognise, list, test and restore from; `nil` where nothing can be read from here.
    var repository: (any Repository)? { get }

    /// Brings there what is missing, and returns only with evidence of what is there.
    /// - Parameter wanted: every part and manifest of ours that the primary has, oldest first, each run's manifest after its
    ///   parts: what arrives in this order never shows a run without its parts.
    /// - Parameter again: for one that takes a backup of its own.
    /// - Throws: ``RepositoryError``. What arrived before stays.
    func feed(
        _ wanted: [Snapshot], reading again: any SecondReading,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> FeedReport

    /// How much of what the primary has was sent there and acknowledged; `nil` where only reading tells. Starts no tool.
    func acknowledged() throws(RepositoryError) -> AcknowledgedFiles?

    /// Looks whether the programs are there that feeding needs. Starts none.
    /// - Throws: ``RepositoryError/tool(_:)``
    func requireTools() throws(RepositoryError)

    /// Looks whether it could be fed now. Changes nothing.
    func requireReachable() async throws(RepositoryError)

    /// How a person brings back from there a part that was sent there, without a look at what is there.
    /// - Parameter primary: how it comes back from the primary.
    /// - Returns: where that is; `nil` where it cannot be told without looking.
    func byHand(
        _ part: ManifestPart, as primary: ManualRestore
    ) async throws(RepositoryError) -> (location: String, restore: ManualRestore)?

    /// Says so when what is there begins to expire and nothing newer has taken its place, in good time.
    func expiryAlarm(at now: Date) throws(StoreError) -> String?
}

extension Follower {
    package var isMadeByFeeding: Bool { follow.method == .mirror }
    package var obstacle: RepositoryError? { nil }
    package func requireTools() throws(RepositoryError) {}
    package func requireReachable() async throws(RepositoryError) { _ = try await repository?.inspect(pin: nil) }
    package func acknowledged() throws(RepositoryError) -> AcknowledgedFiles? { nil }
    package func expiryAlarm(at now: Date) throws(StoreError) -> String? { nil }
    package func byHand(
        _ part: ManifestPart, as primary: ManualRestore
    ) async throws(RepositoryError) -> (location: String, restore: ManualRestore)? { nil }
}

/// The sources of the run at hand, to be read once more for a follower that takes a backup of its own.
package protocol SecondReading: Sendable {
    var run: RunID { get }
    /// Parts, by their ids in the primary, that are or belong to file trees: what they were at the time of their run can
    /// be read again during that run only.
    var trees: Set<SnapshotID> { get }
    /// How much the primary read for each part.
    var bytes: [SnapshotID: ByteCount] { get }
    /// Captures a source once more.
    /// - Throws: what the source throws.
    func capture(_ source: SourceName, storing store: PartStore) async throws(SourceError) -> [PartReport]
    /// A private file with the manifest of the run as it is true of what was read again.
    /// - Throws: ``RepositoryError/unsupported(_:)`` where it cannot be written.
    func manifest(_ again: [SourceName: [PartReport]]) async throws(RepositoryError) -> String
}

/// Files of the primary, and those of them that a server has taken, checking the digest that each was signed with.
package struct AcknowledgedFiles: Sendable, Equatable {
    package var files: Int
    package var acknowledged: Int
    package var bytes: ByteCount
    package init(files: Int, acknowledged: Int, bytes: ByteCount) {
        self.files = files
        self.acknowledged = acknowledged
        self.bytes = bytes
    }
}

package struct FeedReport: Sendable, Equatable {
    /// Of the snapshots wanted, by their ids in the primary, those that are there now.
    package var present: Set<SnapshotID>
    /// Those that were there before it; `nil` where nobody can look.
    package var foundBefore: Set<SnapshotID>?
    /// How many of them this feed brought.
    package var delivered: Int
    /// What went over, where the tool says so.
    package var bytes: ByteCount?
    package var usage: [String: ResourceUsage]
    /// What the tool says of itself, such as `restic 0.18.0`.
    package var tool: String?
    package var notices: [String]
    /// What is not as it should be although all that was wanted is there.
    package var failure: Failure?

    package init(
        present: Set<SnapshotID>, foundBefore: Set<SnapshotID>? = nil, delivered: Int, bytes: ByteCount? = nil,
        usage: [String: ResourceUsage] = [:],
        tool: String? = nil, notices: [String] = []
    ) {
        self.present = present
        self.foundBefore = foundBefore
        self.delivered = delivered
        self.bytes = bytes
        self.usage = usage
        self.tool = tool
        self.notices = notices
    }
}

/// What a run did for one follower.
package struct FeedRecord: Codable, Sendable, Equatable {
    package var follower: RepositoryName
    package var outcome: Outcome
    /// Why it is not fed, when it is not.
    package var failure: Failure?
    package var delivered: Int
    /// Snapshots of the primary that it still lacks.
    package var behind: Int
    package var bytes: ByteCount?

    package init(
        follower: RepositoryName, outcome: Outcome, failure: Failure? = nil, delivered: Int = 0, behind: Int = 0,
        bytes: ByteCount? = nil
    ) {
        self.follower = follower
        self.outcome = outcome
        self.failure = failure
        self.delivered = delivered
        self.behind = behind
        self.bytes = bytes
    }
}
