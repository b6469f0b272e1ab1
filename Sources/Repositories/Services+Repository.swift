import BackupModel
import Synchronization

extension Services {
    /// The bytes of a secret that a repository's entry names.
    func secret(_ reference: SecretReference) async throws(RepositoryError) -> Secret {
        do throws(SecretError) {
            return try await secrets.resolve(reference, environment: settings.environment)
        } catch {
            throw .secret(error)
        }
    }
}

/// What is asked for once, also when several tasks want it at the same time. After a failure the next one asks anew.
final class AskedOnce<Value: Sendable>: Sendable {
    private let asking = Mutex<Task<Result<Value, RepositoryError>, Never>?>(nil)

    func value(
        _ ask: @escaping @Sendable () async throws(RepositoryError) -> Value
    ) async throws(RepositoryError) -> Value {
        let task = asking.withLock { asking in
            if let asking { return asking }
            let task = Task<Result<Value, RepositoryError>, Never> {
                do throws(RepositoryError) {
                    return .success(try await ask())
                } catch {
                    return .failure(error)
                }
            }
            asking = task
            return task
        }
        let result = await task.value
        if case .failure = result { asking.withLock { if $0 == task { $0 = nil } } }
        return try result.get()
    }
}
