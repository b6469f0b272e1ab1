package import BackupModel
import Synchronization

/// The resource journal in memory.
package final class MemoryJournal: ResourceJournal {
    private struct State {
        var entries: [String: JournalEntry] = [:]
        var everAdded: [JournalEntry] = []
        var failure: StoreError?
    }

    private let state = Mutex(State())

    package init() {}

    /// Every call fails with this until it is `nil` again.
    package func fail(with error: StoreError?) { state.withLock { $0.failure = error } }
    /// Everything that was ever entered, in order.
    package var everAdded: [JournalEntry] { state.withLock { $0.everAdded } }

    package func add(_ entry: JournalEntry) throws(StoreError) {
        try access {
            $0.entries[entry.id] = entry
            $0.everAdded.append(entry)
        }
    }

    package func remove(_ id: String) throws(StoreError) { try access { $0.entries[id] = nil } }

    package func entries(profile: ProfileName) throws(StoreError) -> [JournalEntry] {
        try access { state in
            state.entries.values.filter { $0.profile == profile }
                .sorted { ($0.run, $0.order, $0.id) > ($1.run, $1.order, $1.id) }
        }
    }

    private func access<Value: Sendable>(_ body: (inout State) -> Value) throws(StoreError) -> Value {
        try state.withLock { state -> Result<Value, StoreError> in
            state.failure.map(Result.failure) ?? .success(body(&state))
        }.get()
    }
}
