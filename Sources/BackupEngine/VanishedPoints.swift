import BackupModel
import Foundation

/// Restore points that a repository had and has no more, although no run of ours removed them. A test of what is there
/// cannot see that: everything that is left may be whole.
struct VanishedPoints: Sendable {
    private let catalog: RepositoryCatalog
    private var engine: Engine { catalog.engine }

    init(_ catalog: RepositoryCatalog) { self.catalog = catalog }

    struct Found: Sendable, Equatable {
        var words: String
        var hint: String
        /// Of the runs that are gone, the start of the newest.
        var newest: Date?
        var runs: [RunID]
    }

    /// Notes what is missing of what was known. Where others remove things too, as a hub does that keeps house for its hosts,
    /// nothing can be told from it.
    /// - Parameter known: as it was seen last.
    func compare(_ known: [Snapshot], with present: Set<SnapshotID>) throws(StoreError) {
        guard catalog.repository.isChangedByUsAlone else { return }
        // Left by a run that never came to its manifest: it has no restore point to lose.
        let committed = Set(known.compactMap { $0.stamp?.content == .manifest ? $0.stamp?.run : nil })
        let missing = known.filter { snapshot in
            !present.contains(snapshot.id) && isOurs(snapshot) && committed.contains(snapshot.stamp!.run)
        }
        guard !missing.isEmpty else { return }
        let removed = try engine.store.removals(from: catalog.key)
        let now = engine.clock.now
        try engine.store.noteVanished(
            missing.filter { !removed.contains($0.id) }.map { VanishedSnapshot(snapshot: $0, noticed: now) },
            from: catalog.key)
    }

    /// Looks at the repository and tells of everything that is gone by now, noted long ago or found just now.
    /// - Returns: `nil` where nothing is, or others may have removed it.
    func find() async throws -> Found? {
        guard catalog.repository.isChangedByUsAlone else { return nil }
        return try find(present: try await catalog.contents(loadingManifests: false).snapshots)
    }

    func find(present: [Snapshot]) throws(StoreError) -> Found? {
        guard catalog.repository.isChangedByUsAlone else { return nil }
        var there = Set(present.map(\.id))
        let noted = try engine.store.vanished(from: catalog.key).filter { isOurs($0.snapshot) }
        let back = Set(noted.map(\.snapshot.id)).intersection(there)
        if !back.isEmpty { try engine.store.forgetVanished(back, from: catalog.key) }
        there.formUnion(present.compactMap(\.original))
        let lost = try undelivered(there).filter(isOurs)
        let now = engine.clock.now
        try engine.store.noteVanished(lost.map { VanishedSnapshot(snapshot: $0, noticed: now) }, from: catalog.key)
        let gone = noted.map(\.snapshot).filter { !there.contains($0.id) } + lost
        let runs = Set(gone.compactMap { $0.stamp?.run }).sorted { $0.rawValue > $1.rawValue }
        guard let first = runs.first else { return nil }
        let count = Words.count(runs.count, "restore point")
        let place = catalog.repository.spec.name
        let elsewhere = try holders(of: Set(gone.map(\.id)))
        let more = runs.count > 3 ? " and \(runs.count - 3) more" : ""
        return Found(
            words: "\(count) that \(place) had, or a part of \(runs.count == 1 ? "it" : "them"), "
                + "\(runs.count == 1 ? "is" : "are") gone, and no run of this program removed "
                + "\(runs.count == 1 ? "it" : "them"): "
                + runs.prefix(3).map(\.rawValue).joined(separator: ", ") + more
                + (elsewhere.isEmpty ? "" : "; \(elsewhere.joined(separator: " and ")) had it still when last fed"),
            hint: "find out who took \(first) away; where that was meant, `holdfast ack repository:\(place)` says so",
            newest: gone.map(\.time).max(), runs: runs)
    }

    /// The loss is accepted: it is spoken of no more.
    static func accept(in spec: RepositorySpec, _ identity: RepositoryIdentity, _ engine: Engine) throws(StoreError) {
        let key = RepositoryCatalog.key(spec, identity)
        let gone = Set(try engine.store.vanished(from: key).filter { isOurs($0.snapshot, engine) }.map(\.snapshot.id))
        try engine.store.forgetVanished(gone, from: key)
        // What a feed has noted there would be missed again.
        try engine.store.noteRemoval(of: Array(gone), from: key)
    }

    private var name: RepositoryName { catalog.repository.spec.name }

    private func isOurs(_ snapshot: Snapshot) -> Bool { VanishedPoints.isOurs(snapshot, engine) }

    private static func isOurs(_ snapshot: Snapshot, _ engine: Engine) -> Bool {
        snapshot.stamp?.profile == engine.profile.name && snapshot.stamp?.host == engine.profile.host
    }

    /// Of a follower, what its last feed saw there and is not there now.
    private func undelivered(_ there: Set<SnapshotID>) throws(StoreError) -> [Snapshot] {
        guard catalog.repository.isChangedByUsAlone, let leader = try leaderKey(),
            let delivered = try engine.store.deliveries(from: leader)[name]
        else { return [] }
        let missing = delivered.subtracting(there).subtracting(try engine.store.removals(from: catalog.key))
        guard !missing.isEmpty else { return [] }
        return try engine.store.snapshots(of: leader).filter {
            missing.contains($0.id) && $0.original.map(there.contains) != true
        }
    }

    private func leaderKey() throws(StoreError) -> String? {
        guard let follow = catalog.repository.spec.follow else { return nil }
        return try engine.pins.pin(profile: engine.profile.name, repository: follow.leader)?.identity.id
    }

    /// Followers that had any of these when they were last fed.
    private func holders(of ids: Set<SnapshotID>) throws(StoreError) -> [String] {
        guard catalog.repository.spec.follow == nil else { return [] }
        return try engine.store.deliveries(from: catalog.key)
            .filter { !$0.value.isDisjoint(with: ids) }.map(\.key.rawValue).sorted()
    }
}
