package import BackupModel
package import Foundation
import Synchronization

/// The history in memory.
package final class MemoryRunStore: RunStore {
    private struct State {
        var runs: [RunID: RunRecord] = [:]
        var updates: [RunRecord] = []
        var snapshots: [String: [SnapshotID: Snapshot]] = [:]
        var manifests: [String: [SnapshotID: Manifest]] = [:]
        var deliveries: [String: [RepositoryName: Set<SnapshotID>]] = [:]
        var counters: [String: Int] = [:]
        var vanished: [String: [SnapshotID: VanishedSnapshot]] = [:]
        var removals: [String: Set<SnapshotID>] = [:]
        var acknowledgements: [ProfileName: [Acknowledgement]] = [:]
        var failure: StoreError?
        var outbox: [[String]: WaitingMessage] = [:]
        var standings: [[String]: NotifierStanding] = [:]
    }

    private let state = Mutex(State())
    package let wasRecreated: Bool

    package init(wasRecreated: Bool = false) { self.wasRecreated = wasRecreated }

    /// Every call fails with this until it is `nil` again.
    package func fail(with error: StoreError?) { state.withLock { $0.failure = error } }
    /// Everything that was written of runs, in order.
    package var written: [RunRecord] { state.withLock { $0.updates } }

    package func begin(_ run: RunRecord) throws(StoreError) {
        try access { state throws(StoreError) in
            guard state.runs[run.id] == nil else {
                throw .unusable(path: "memory", reason: "there is a run \(run.id) already")
            }
            state.runs[run.id] = run
            state.updates.append(run)
        }
    }

    package func update(_ run: RunRecord) throws(StoreError) {
        try access {
            $0.runs[run.id] = run
            $0.updates.append(run)
        }
    }

    package func run(_ id: RunID) throws(StoreError) -> RunRecord? { try access { $0.runs[id] } }

    package func runs(_ query: RunQuery) throws(StoreError) -> [RunRecord] {
        try access { state in
            let found = state.runs.values.filter { run in
                (query.profile == nil || run.profile == query.profile)
                    && (query.operation == nil || run.operation == query.operation)
                    && (query.outcome == nil || run.outcome == query.outcome)
                    && (query.since.map { run.started >= $0 } ?? true)
            }
            // Records are large: only what decides the order is moved about.
            let order = found.map { ($0.started, $0.id) }.sorted { $0 > $1 }
            return order.prefix(max(0, query.limit)).compactMap { state.runs[$0.1] }
        }
    }

    package func unfinished(profile: ProfileName?) throws(StoreError) -> [RunRecord] {
        try access { state in
            state.runs.values.filter { (profile == nil || $0.profile == profile) && $0.finished == nil }
                .sorted { ($0.started, $0.id) < ($1.started, $1.id) }
        }
    }

    package func snapshots(of repository: String) throws(StoreError) -> [Snapshot] {
        try access { state in
            (state.snapshots[repository] ?? [:]).values.sorted { ($0.time, $0.id) < ($1.time, $1.id) }
        }
    }

    package func replaceSnapshots(of repository: String, with snapshots: [Snapshot]) throws(StoreError) {
        try access { state in
            let byID = Dictionary(snapshots.map { ($0.id, $0) }) { $1 }
            state.snapshots[repository] = byID
            state.manifests[repository] = state.manifests[repository]?.filter { byID[$0.key] != nil }
        }
    }

    package func addSnapshots(_ snapshots: [Snapshot], to repository: String) throws(StoreError) {
        try access { state in
            for snapshot in snapshots { state.snapshots[repository, default: [:]][snapshot.id] = snapshot }
        }
    }

    package func removeSnapshots(_ ids: [SnapshotID], from repository: String) throws(StoreError) {
        try access { state in
            for id in ids {
                state.snapshots[repository]?[id] = nil
                state.manifests[repository]?[id] = nil
                state.removals[repository]?.remove(id)
            }
        }
    }

    package func manifests(of repository: String) throws(StoreError) -> [SnapshotID: Manifest] {
        try access { $0.manifests[repository] ?? [:] }
    }

    package func saveManifest(_ manifest: Manifest, snapshot: SnapshotID, repository: String) throws(StoreError) {
        try access { $0.manifests[repository, default: [:]][snapshot] = manifest }
    }

    package func deliveries(from repository: String) throws(StoreError) -> [RepositoryName: Set<SnapshotID>] {
        try access { $0.deliveries[repository] ?? [:] }
    }

    package func setDeliveries(
        _ snapshots: Set<SnapshotID>, from repository: String, to follower: RepositoryName
    ) throws(StoreError) {
        try access { $0.deliveries[repository, default: [:]][follower] = snapshots }
    }

    package func vanished(from repository: String) throws(StoreError) -> [VanishedSnapshot] {
        try access { state in
            (state.vanished[repository] ?? [:]).values.sorted {
                ($0.snapshot.time, $0.snapshot.id) < ($1.snapshot.time, $1.snapshot.id)
            }
        }
    }

    package func noteVanished(_ snapshots: [VanishedSnapshot], from repository: String) throws(StoreError) {
        try access { state in
            for gone in snapshots where state.vanished[repository]?[gone.snapshot.id] == nil {
                state.vanished[repository, default: [:]][gone.snapshot.id] = gone
            }
        }
    }

    package func forgetVanished(_ ids: Set<SnapshotID>, from repository: String) throws(StoreError) {
        try access { state in for id in ids { state.vanished[repository]?[id] = nil } }
    }

    package func noteRemoval(of ids: [SnapshotID], from repository: String) throws(StoreError) {
        try access { $0.removals[repository, default: []].formUnion(ids) }
    }

    package func removals(from repository: String) throws(StoreError) -> Set<SnapshotID> {
        try access { $0.removals[repository] ?? [] }
    }

    package func acknowledgements(of profile: ProfileName) throws(StoreError) -> [Acknowledgement] {
        try access { $0.acknowledgements[profile] ?? [] }
    }

    package func save(_ acknowledgement: Acknowledgement, of profile: ProfileName) throws(StoreError) {
        try access { $0.acknowledgements[profile, default: []].append(acknowledgement) }
    }

    package func counter(_ key: String) throws(StoreError) -> Int { try access { $0.counters[key] ?? 0 } }

    package func setCounter(_ key: String, to value: Int) throws(StoreError) {
        try access { $0.counters[key] = value }
    }

    // MARK: Outbox

    private static func place(_ message: WaitingMessage) -> [String] {
        [message.message.profile.rawValue, message.notifier.rawValue, message.message.topic]
    }

    package func waiting(profile: ProfileName) throws(StoreError) -> [WaitingMessage] {
        try access { state in
            state.outbox.values.filter { $0.message.profile == profile }
                .sorted { ($0.since, $0.notifier, $0.message.topic) < ($1.since, $1.notifier, $1.message.topic) }
        }
    }

    package func keep(_ message: WaitingMessage) throws(StoreError) {
        try access { $0.outbox[MemoryRunStore.place(message)] = message }
    }

    package func drop(_ message: WaitingMessage) throws(StoreError) {
        try access { state in
            let place = MemoryRunStore.place(message)
            if let kept = state.outbox[place], kept.message.at <= message.message.at { state.outbox[place] = nil }
        }
    }

    package func claim(_ message: WaitingMessage, at now: Date, until date: Date) throws(StoreError) -> Bool {
        try access { state in
            let place = MemoryRunStore.place(message)
            guard let kept = state.outbox[place], kept.nextAttempt <= now else { return false }
            state.outbox[place]?.nextAttempt = date
            return true
        }
    }

    package func standing(of notifier: NotifierName, profile: ProfileName) throws(StoreError) -> NotifierStanding {
        try access { $0.standings[[profile.rawValue, notifier.rawValue]] ?? NotifierStanding() }
    }

    package func changeStanding(
        of notifier: NotifierName, profile: ProfileName, _ change: (inout NotifierStanding) -> Void
    ) throws(StoreError) {
        try access { change(&$0.standings[[profile.rawValue, notifier.rawValue], default: NotifierStanding()]) }
    }

    private func access<Value: Sendable>(_ body: (inout State) throws(StoreError) -> Value) throws(StoreError) -> Value
    {
        let result = state.withLock { state -> Result<Value, StoreError> in
            if let failure = state.failure { return .failure(failure) }
            do throws(StoreError) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
