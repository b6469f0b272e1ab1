package import BackupModel
import Synchronization

/// Pins in memory.
package final class MemoryPins: Pins {
    private struct Key: Hashable {
        var profile: ProfileName
        var repository: RepositoryName
    }

    private struct State {
        var pins: [Key: RepositoryPin] = [:]
        var used: Set<ProfileName> = []
        var recipients: [ProfileName: [RecipientSubject: RecipientPin]] = [:]
        var failure: StoreError?
    }

    private let state = Mutex(State())

    package init() {}

    /// Every call fails with this until it is `nil` again.
    package func fail(with error: StoreError?) { state.withLock { $0.failure = error } }
    /// Loses a pin, as somebody who deletes its file does.
    package func lose(profile: ProfileName, repository: RepositoryName) {
        state.withLock { $0.pins[Key(profile: profile, repository: repository)] = nil }
    }

    package func pin(profile: ProfileName, repository: RepositoryName) throws(StoreError) -> RepositoryPin? {
        try access { $0.pins[Key(profile: profile, repository: repository)] }
    }

    package func save(_ pin: RepositoryPin, profile: ProfileName, repository: RepositoryName) throws(StoreError) {
        try access {
            $0.pins[Key(profile: profile, repository: repository)] = pin
            $0.used.insert(profile)
        }
    }

    package func hasState(profile: ProfileName) throws(StoreError) -> Bool {
        try access { $0.used.contains(profile) }
    }

    package func recipients(
        profile: ProfileName, of subject: RecipientSubject
    ) throws(StoreError) -> RecipientPin? {
        try access { $0.recipients[profile]?[subject] }
    }

    package func save(
        _ pin: RecipientPin?, profile: ProfileName, of subject: RecipientSubject
    ) throws(StoreError) {
        try access { $0.recipients[profile, default: [:]][subject] = pin }
    }

    private func access<Value: Sendable>(_ body: (inout State) -> Value) throws(StoreError) -> Value {
        try state.withLock { state -> Result<Value, StoreError> in
            state.failure.map(Result.failure) ?? .success(body(&state))
        }.get()
    }
}
