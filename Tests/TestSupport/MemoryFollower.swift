package import BackupModel
package import Foundation
import Synchronization

/// A follower in memory, which gets what it is told to get.
package final class MemoryFollower: Follower {
    package let spec: RepositorySpec
    package let follow: FollowSpec
    package var location: String { "/backups/\(spec.name)" }
    package var repository: (any Repository)? { nil }

    private struct State {
        var failure: RepositoryError?
        var hangs = false
        var present: Set<SnapshotID> = []
        var feeds: [[SnapshotID]] = []
        var alarm: String?
        var passedOver: Set<RunID> = []
    }
    private let state = Mutex(State())

    package init(
        _ name: String = "offsite", feed: FollowSpec.Feed = .always, hold: Duration = FollowSpec.usualHold,
        access: RepositoryAccess = .auto, timeLimit: Duration? = nil, method: FollowSpec.Method = .copy
    ) {
        follow = FollowSpec(
            leader: RepositoryName(unchecked: "local"), feed: feed, method: method, hold: hold, timeLimit: timeLimit)
        spec = RepositorySpec(
            name: RepositoryName(unchecked: name), kind: "memory",
            entry: ConfigValue(.map([]), at: SourceLocation(file: "", line: 1, column: 1)), follow: follow,
            access: access)
    }

    /// Every feed fails with this until it is `nil` again.
    package func fail(with error: RepositoryError?) { state.withLock { $0.failure = error } }
    /// From now on a feed answers to nothing but being cancelled.
    package func hang() { state.withLock { $0.hangs = true } }
    /// Somebody else removes one that is there.
    package func lose(_ id: SnapshotID) { state.withLock { _ = $0.present.remove(id) } }
    /// It never gets anything of a run.
    package func passOver(_ run: RunID) { state.withLock { _ = $0.passedOver.insert(run) } }
    /// What it says of its expiry from now on.
    package func alarm(_ text: String?) { state.withLock { $0.alarm = text } }
    package func expiryAlarm(at now: Date) throws(StoreError) -> String? { state.withLock { $0.alarm } }
    package var present: Set<SnapshotID> { state.withLock { $0.present } }
    /// What each feed was asked to bring, in order.
    package var feeds: [[SnapshotID]] { state.withLock { $0.feeds } }

    package func feed(
        _ wanted: [Snapshot], reading again: any SecondReading,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> FeedReport {
        while state.withLock({ $0.hangs }), !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
        if Task.isCancelled { throw .cancelled }
        let report: Result<FeedReport, RepositoryError> = state.withLock { state in
            state.feeds.append(wanted.map(\.id))
            if let failure = state.failure { return .failure(failure) }
            let before = state.present
            let there = wanted.filter { $0.stamp.map { state.passedOver.contains($0.run) } != true }.map(\.id)
            let new = there.filter { !state.present.contains($0) }
            state.present.formUnion(new)
            return .success(FeedReport(present: Set(there), foundBefore: before, delivered: new.count))
        }
        return try report.get()
    }
}
