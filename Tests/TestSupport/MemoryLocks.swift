package import BackupModel
import Foundation
import Synchronization

/// Locks within one test.
package final class MemoryLocks: LockService {
    private struct Holding {
        var id: Int
        var mode: LockMode
        var holder: LockHolder
    }

    private struct State {
        var held: [LockKey: [Holding]] = [:]
        var nextID = 0
        var history: [String] = []
        var failure: LockError?
    }

    private let state = Mutex(State())
    private let host: any HostFacts
    private let clock: any HostClock

    package init(host: any HostFacts = FakeHost(), clock: any HostClock = TestClock()) {
        self.host = host
        self.clock = clock
    }

    /// Every acquisition fails with this until it is `nil` again.
    package func fail(with error: LockError?) { state.withLock { $0.failure = error } }
    /// `acquire shared KEY`, `release KEY` in order.
    package var history: [String] { state.withLock { $0.history } }
    package var isEmpty: Bool { state.withLock { $0.held.values.allSatisfy(\.isEmpty) } }

    package func acquire(_ key: LockKey, mode: LockMode, purpose: String, wait: Duration)
        async throws(LockError) -> any HeldLock
    {
        let deadline = clock.uptime + wait
        while true {
            if Task.isCancelled { throw .cancelled }
            switch attempt(key, mode, purpose) {
            case .success(let id): return MemoryLock(locks: self, key: key, id: id)
            case .failure(.held(let key, let holder)):
                guard clock.uptime < deadline else { throw .held(key, by: holder) }
            case .failure(let error): throw error
            }
            do { try await clock.sleep(for: .milliseconds(100)) } catch { throw .cancelled }
        }
    }

    package func holder(of key: LockKey) -> LockHolder? { state.withLock { $0.held[key]?.last?.holder } }

    private func attempt(_ key: LockKey, _ mode: LockMode, _ purpose: String) -> Result<Int, LockError> {
        let holder = LockHolder(
            process: host.currentProcess(), user: "tester", since: clock.now, purpose: purpose)
        return state.withLock { state in
            if let failure = state.failure { return .failure(failure) }
            let others = state.held[key] ?? []
            if let other = others.last, mode == .exclusive || other.mode == .exclusive {
                return .failure(.held(key, by: other.holder))
            }
            state.nextID += 1
            state.held[key, default: []].append(Holding(id: state.nextID, mode: mode, holder: holder))
            state.history.append("acquire \(mode.rawValue) \(MemoryLocks.name(key))")
            return .success(state.nextID)
        }
    }

    fileprivate func change(_ key: LockKey, _ id: Int, purpose: String?) {
        state.withLock { state in
            guard let index = state.held[key]?.firstIndex(where: { $0.id == id }) else { return }
            if let purpose {
                state.held[key]?[index].holder.purpose = purpose
            } else {
                state.held[key]?.remove(at: index)
                state.history.append("release \(MemoryLocks.name(key))")
            }
        }
    }

    private static func name(_ key: LockKey) -> String {
        switch key {
        case .profile(let name): "profile \(name)"
        case .repository(let location): "repository \(location)"
        }
    }
}

private final class MemoryLock: HeldLock {
    private let locks: MemoryLocks
    private let key: LockKey
    private let id: Int

    init(locks: MemoryLocks, key: LockKey, id: Int) {
        self.locks = locks
        self.key = key
        self.id = id
    }

    deinit { release() }

    func update(purpose: String) { locks.change(key, id, purpose: purpose) }
    func release() { locks.change(key, id, purpose: nil) }
}
