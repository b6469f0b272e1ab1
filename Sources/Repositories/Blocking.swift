import BackupModel
import Dispatch
import Synchronization

/// Work that blocks in system calls, kept off the threads that all concurrent work shares.
enum Blocking {
    /// Tells work that it is no longer wanted.
    final class Stop: Sendable {
        private let flag = Atomic<Bool>(false)
        var isWanted: Bool { flag.load(ordering: .relaxed) }
        func want() { flag.store(true, ordering: .relaxed) }
    }

    /// - Throws: what `body` throws, and ``RepositoryError/cancelled`` where the task was cancelled meanwhile.
    static func run<Value: Sendable>(
        _ body: @escaping @Sendable (Stop) throws(RepositoryError) -> Value
    ) async throws(RepositoryError) -> Value {
        let stop = Stop()
        let result: Result<Value, RepositoryError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    do throws(RepositoryError) {
                        continuation.resume(returning: .success(try body(stop)))
                    } catch {
                        continuation.resume(returning: .failure(error))
                    }
                }
            }
        } onCancel: {
            stop.want()
        }
        if stop.isWanted { throw .cancelled }
        return try result.get()
    }
}
