import BackupModel
import Synchronization

/// What a caller asks of the supervisor, and how it takes it back.
final class JobRequest: Sendable {
    let stages: [ToolCommand]
    let refusingEmpty: Bool
    let reader: (any LineReader)?
    /// Set for a conversation.
    let diagnostics: Diagnostics?
    let watch: (any ProducerWatch)?
    /// Given once the start was tried.
    let start = OneShot<ToolError?>()
    /// Given when nothing of the job is alive any more.
    let end = OneShot<Result<PipelineResult, ToolError>>()
    private let cancelled = Atomic(false)

    init(
        _ stages: [ToolCommand], refusingEmpty: Bool = false, reader: (any LineReader)? = nil,
        diagnostics: Diagnostics? = nil, watch: (any ProducerWatch)? = nil
    ) {
        self.stages = stages
        self.refusingEmpty = refusingEmpty
        self.reader = reader
        self.diagnostics = diagnostics
        self.watch = watch
    }

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }
    func cancel() { cancelled.store(true, ordering: .releasing) }
}

/// A value given once by one side and awaited by the other, in either order.
final class OneShot<Value: Sendable>: Sendable {
    private enum State {
        case empty
        case awaited(CheckedContinuation<Value, Never>)
        case given(Value)
    }
    private let state = Mutex(State.empty)

    func give(_ value: Value) {
        let waiting: CheckedContinuation<Value, Never>? = state.withLock { state in
            guard case .awaited(let continuation) = state else {
                state = .given(value)
                return nil
            }
            state = .given(value)
            return continuation
        }
        waiting?.resume(returning: value)
    }

    /// For one waiter.
    var value: Value {
        get async {
            await withCheckedContinuation { continuation in
                let present: Value? = state.withLock { state in
                    if case .given(let value) = state { return value }
                    state = .awaited(continuation)
                    return nil
                }
                if let present { continuation.resume(returning: present) }
            }
        }
    }
}

/// The last part of what a program said on standard error, readable while it runs.
final class Diagnostics: Sendable {
    private let stored = Mutex("")
    var text: String {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
