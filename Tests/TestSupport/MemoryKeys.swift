package import BackupModel
import Synchronization

/// Passwords of a repository in memory: what is added and removed is in its identity, as in a real one.
package final class MemoryKeys: RepositoryKeys {
    private struct State {
        var keys: [String: Secret]
        var count = 0
    }

    private let repository: MemoryRepository
    private let secrets: MemorySecrets
    private let reference: SecretReference
    private let state: Mutex<State>

    /// - Parameter reference: where the password in use comes from, and is; it opens the key that the repository has.
    package init(_ repository: MemoryRepository, _ secrets: MemorySecrets, at reference: SecretReference) async throws {
        self.repository = repository
        self.secrets = secrets
        self.reference = reference
        let password = try await secrets.resolve(reference, environment: [:])
        state = Mutex(State(keys: [MemoryRepository.identity.keyIDs[0]: password]))
        repository.change { $0.keys = self }
    }

    package func place() async throws(RepositoryError) -> SecretReference { reference }

    package func list() async throws(RepositoryError) -> [RepositoryKey] {
        let password: Secret
        do { password = try await secrets.resolve(reference, environment: [:]) } catch {
            throw .unsupported("\(error)")
        }
        return state.withLock { state in
            state.keys.sorted { $0.key < $1.key }.map { key($0.key, isOurs: $0.value == password) }
        }
    }

    package func opened(by password: Secret) async throws(RepositoryError) -> RepositoryKey? {
        state.withLock { state in
            state.keys.first { $0.value == password }.map { key($0.key, isOurs: false) }
        }
    }

    package func add(_ password: Secret, user: String?, host: String?) async throws(RepositoryError) -> String {
        let id = state.withLock { state in
            state.count += 1
            let id = "key\(state.count)"
            state.keys[id] = password
            return id
        }
        repository.change { $0.identity?.keyIDs.append(id) }
        return id
    }

    package func remove(_ id: String, with password: Secret) async throws(RepositoryError) {
        state.withLock { $0.keys[id] = nil }
        repository.change { $0.identity?.keyIDs.removeAll { $0 == id } }
    }

    private func key(_ id: String, isOurs: Bool) -> RepositoryKey {
        RepositoryKey(id: id, user: "root", host: "here", created: nil, isOurs: isOurs)
    }
}
