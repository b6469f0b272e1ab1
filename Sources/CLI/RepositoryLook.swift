import BackupModel

/// What is seen of a repository from outside, within a bounded time: a tool that cannot reach a server goes on trying for a
/// quarter of an hour.
struct RepositoryLook: Sendable {
    var state: RepositoryState
    /// The tool's own; of a repository that is there.
    var locks: [RepositoryLock]

    private static let patience = Duration.seconds(90)

    /// - Throws: ``RepositoryError``, or `CancellationError`.
    static func at(_ repository: any Repository, pin: RepositoryPin?, clock: any HostClock) async throws
        -> RepositoryLook
    {
        try await withThrowingTaskGroup(of: RepositoryLook?.self) { group in
            group.addTask {
                let state = try await repository.inspect(pin: pin)
                guard case .present = state else { return RepositoryLook(state: state, locks: []) }
                return RepositoryLook(state: state, locks: try await repository.locks())
            }
            group.addTask {
                try await clock.sleep(for: patience)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let look = first else {
                throw RepositoryError.unreachable(
                    location: repository.location, detail: "no answer within \(Int(patience.inSeconds)) seconds")
            }
            return look
        }
    }
}
