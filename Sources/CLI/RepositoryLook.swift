import BackupModel

/// What is seen of a repository from outside, within a bounded time: a tool that cannot reach a server goes on trying for a
/// quarter of an hour.
struct RepositoryLook: Sendable {
    var state: RepositoryState
    /// The tool's own; of a repository that is there.
    var locks: [RepositoryLock]
    /// Who made its keys; empty unless it was asked for or one of them is not pinned.
    var keyOwners: [RepositoryKeyOwner] = []

    private static let patience = Duration.seconds(90)

    /// - Throws: ``RepositoryError``, or `CancellationError`.
    /// - Parameter askingForKeys: also of keys that are pinned; each look costs a start of the tool.
    static func at(
        _ repository: any Repository, pin: RepositoryPin?, clock: any HostClock, askingForKeys: Bool = false
    ) async throws -> RepositoryLook {
        try await withThrowingTaskGroup(of: RepositoryLook?.self) { group in
            group.addTask {
                let state = try await repository.inspect(pin: pin)
                guard case .present(let identity) = state else { return RepositoryLook(state: state, locks: []) }
                var look = RepositoryLook(state: state, locks: try await repository.locks())
                if askingForKeys || pin.map({ Set(identity.keyIDs).isSubset(of: $0.identity.keyIDs) }) == false {
                    look.keyOwners = try await repository.keyOwners()
                }
                return look
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
