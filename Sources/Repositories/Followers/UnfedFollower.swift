import BackupModel

/// A follower that this version cannot feed: the backup goes on without it, and says so every time.
struct UnfedFollower: Follower {
    let spec: RepositorySpec
    let follow: FollowSpec
    let location: String
    let reason: RepositoryError

    var repository: (any Repository)? { nil }
    var obstacle: RepositoryError? { reason }

    func feed(
        _ wanted: [Snapshot], reading again: any SecondReading,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> FeedReport {
        throw reason
    }
}
