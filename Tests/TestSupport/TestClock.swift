import BackupModel
package import Foundation
import Synchronization

/// A clock that stands still until a test moves it.
package final class TestClock: HostClock {
    private struct Sleeper {
        var id: UInt64
        var deadline: Duration
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: Date
        var uptime: Duration = .zero
        var nextID: UInt64 = 0
        var sleepers: [Sleeper] = []
        var slept: [Duration] = []
    }

    private let state: Mutex<State>
    private let movesBySleeping: Bool

    /// - Parameter movesBySleeping: every sleep moves the clock by its length and ends at once; else it waits for ``advance(by:)``.
    package init(at now: Date = Date(timeIntervalSince1970: 1_795_228_200), movesBySleeping: Bool = false) {
        state = Mutex(State(now: now))
        self.movesBySleeping = movesBySleeping
    }

    package var now: Date { state.withLock { $0.now } }
    package var uptime: Duration { state.withLock { $0.uptime } }
    /// Every sleep that was asked for, in order.
    package var sleeps: [Duration] { state.withLock { $0.slept } }
    /// How many tasks are waiting for the clock to move.
    package var sleeperCount: Int { state.withLock { $0.sleepers.count } }

    /// Moves both clocks and wakes whoever slept until then.
    package func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.uptime += duration
            state.now += duration.inSeconds
            let due = state.sleepers.filter { $0.deadline <= state.uptime }
            state.sleepers.removeAll { $0.deadline <= state.uptime }
            return due
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Moves the wall clock alone, as an operator or a time server does.
    package func jump(to date: Date) { state.withLock { $0.now = date } }

    package func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        let id = state.withLock { state in
            state.slept.append(duration)
            state.nextID += 1
            return state.nextID
        }
        guard !movesBySleeping, duration > .zero else {
            advance(by: max(duration, .zero))
            await Task.yield()
            return try Task.checkCancellation()
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { state in
                    let deadline = state.uptime + duration
                    state.sleepers.append(Sleeper(id: id, deadline: deadline, continuation: continuation))
                }
                // Cancelled before it was entered: the handler found nobody to wake.
                if Task.isCancelled { wake(id, throwing: CancellationError()) }
            }
        } onCancel: {
            wake(id, throwing: CancellationError())
        }
    }

    private func wake(_ id: UInt64, throwing error: any Error) {
        let sleeper = state.withLock { state -> Sleeper? in
            guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else { return nil }
            return state.sleepers.remove(at: index)
        }
        sleeper?.continuation.resume(throwing: error)
    }
}
