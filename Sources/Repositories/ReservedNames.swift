import BackupModel
import Synchronization

/// Names of files that this process is making or has made, by the folder of their run.
final class ReservedNames: Sendable {
    private let names = Mutex<[String: Set<String>]>([:])

    /// Calls `body` with those of a folder while nobody else takes or gives back any.
    func exclusively<Value>(
        _ folder: String, _ body: (inout Set<String>) throws(RepositoryError) -> Value
    ) throws(RepositoryError) -> Value {
        let result: Result<Value, RepositoryError> = names.withLock { names in
            do throws(RepositoryError) {
                return .success(try body(&names[folder, default: []]))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    func forget(_ folder: String) { names.withLock { $0[folder] = nil } }
}
