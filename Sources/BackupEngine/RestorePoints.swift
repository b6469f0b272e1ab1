package import BackupModel
import Foundation

/// What one repository holds of one profile of one host, told from its snapshots and manifests alone.
///
/// A snapshot counts when a manifest names it (by its id, or by the id it had before it was copied here) and none declares
/// it void. Where a manifest is there but has not been read yet, the snapshots with its run's tag count in its stead.
package struct RestorePoints: Sendable {
    /// Newest first. Runs of which no part is left are not among them.
    package let runs: [CommittedRun]
    /// Our own that no manifest names: left by a run that was killed, or of one that is under way.
    package let incomplete: [Snapshot]
    /// Our own that a manifest declares unusable.
    package let void: [Snapshot]
    /// Those of other profiles or hosts.
    package let others: [Snapshot]
    /// Those that Holdfast did not make.
    package let foreign: [Snapshot]

    /// Runs with a manifest and no part: all was removed, or all failed. Newest first.
    let emptyRuns: [CommittedRun]
    private let snapshots: [SnapshotID: Snapshot]
    let profile: ProfileName
    let host: String

    /// - Parameters:
    ///   - snapshots: all of the repository.
    ///   - manifests: those read so far, by the snapshot that carries them.
    package init(
        snapshots: [Snapshot], manifests: [SnapshotID: Manifest], profile: ProfileName, host: String
    ) {
        self.profile = profile
        self.host = host
        var index = SnapshotIndex(snapshots)
        var ours: [(snapshot: Snapshot, stamp: SnapshotStamp)] = []
        var others: [Snapshot] = []
        var foreign: [Snapshot] = []
        for snapshot in snapshots {
            guard let stamp = snapshot.stamp else {
                foreign.append(snapshot)
                continue
            }
            if stamp.profile == profile && stamp.host == host {
                ours.append((snapshot, stamp))
            } else {
                others.append(snapshot)
            }
        }
        let carriers = ours.filter { $0.stamp.content == .manifest }.sorted { $0.snapshot.time < $1.snapshot.time }
        for (snapshot, stamp) in carriers {
            if let manifest = manifests[snapshot.id], manifest.isOf(stamp) { index.declareVoid(manifest.void) }
        }

        var committed: [RunID: CommittedRun] = [:]
        let partsByRun = Dictionary(grouping: ours.filter { $0.stamp.content == .part }, by: \.stamp.run)
        for (snapshot, stamp) in carriers {
            if let manifest = manifests[snapshot.id], manifest.isOf(stamp) {
                committed[stamp.run] = CommittedRun(manifest, snapshot: snapshot, stamp: stamp, index: index)
            } else if committed[stamp.run] == nil {
                committed[stamp.run] = CommittedRun(
                    partsByRun[stamp.run, default: []], snapshot: snapshot, stamp: stamp, index: index)
            }
        }

        let newestFirst = committed.values.sorted { ($1.time, $1.id) < ($0.time, $0.id) }
        runs = newestFirst.filter { !$0.parts.isEmpty }
        emptyRuns = newestFirst.filter(\.parts.isEmpty)
        let named = Set(runs.flatMap { $0.parts.map(\.snapshot) })
        let parts = ours.filter { $0.stamp.content == .part }.map(\.snapshot)
        void = parts.filter { index.isVoid($0) }
        incomplete = parts.filter { !named.contains($0.id) && !index.isVoid($0) }
        self.others = others.filter { !named.contains($0.id) }
        self.foreign = foreign.filter { !named.contains($0.id) }
        self.snapshots = index.snapshots
    }

    package func snapshot(_ id: SnapshotID) -> Snapshot? { snapshots[id] }

    /// In no order.
    var allSnapshots: some Collection<Snapshot> { snapshots.values }
}

// MARK: - For retention

extension RestorePoints {
    /// Every committed part, as retention weighs it.
    package var retentionCandidates: [RetentionCandidate] {
        runs.flatMap { run in
            run.parts.compactMap { part in
                guard let snapshot = snapshots[part.snapshot] else { return nil }
                return RetentionCandidate(
                    id: snapshot.id,
                    group: RetentionGroup(
                        host: host, profile: profile, source: part.source, part: part.part,
                        retentionClass: run.retentionClass),
                    time: snapshot.time, utcOffset: snapshot.utcOffset, condition: part.condition,
                    bytes: run.isFromTags ? snapshot.bytes : part.bytes, files: part.files)
            }
        }
    }

    /// A reason to remove nothing while the condition of some parts is unknown.
    package var retentionHalt: RetentionHalt? {
        let unread = (runs + emptyRuns).count(where: \.isFromTags)
        return unread == 0 ? nil : .unreadManifests(unread)
    }

    /// Snapshots of manifests that say nothing any more once `removals` are gone: of runs that lose their last part, and
    /// of failed runs that are older than every run that is left. A manifest that declares void what is still there stays.
    ///
    /// - Important: they are meant to be deleted along with `removals`.
    package func manifestsLeftEmpty(afterRemoving removals: some Sequence<SnapshotID>) -> [SnapshotID] {
        let removed = Set(removals)
        let left = runs.filter { run in !run.parts.allSatisfy { removed.contains($0.snapshot) } }
        guard let oldest = left.map(\.time).min() else { return [] }
        let stillVoid = Set(void.flatMap { [$0.id, $0.original].compactMap(\.self) }).subtracting(removed)
        return (runs + emptyRuns).filter { run in
            guard let manifest = run.manifest, stillVoid.isDisjoint(with: manifest.void) else { return false }
            let losesAll = !manifest.parts.isEmpty && run.parts.allSatisfy { removed.contains($0.snapshot) }
            return losesAll || (manifest.parts.isEmpty && run.time < oldest)
        }.map(\.manifestSnapshot)
    }
}

// MARK: - Reading

/// Finds snapshots by the id they have, or had before they were copied or tagged anew.
private struct SnapshotIndex {
    let snapshots: [SnapshotID: Snapshot]
    private let byOriginal: [SnapshotID: Snapshot]
    private var voidIDs: Set<SnapshotID> = []

    init(_ all: [Snapshot]) {
        snapshots = Dictionary(all.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        byOriginal = Dictionary(
            all.compactMap { snapshot in snapshot.original.map { ($0, snapshot) } },
            uniquingKeysWith: { $0.id < $1.id ? $0 : $1 })
    }

    mutating func declareVoid(_ ids: [SnapshotID]) { voidIDs.formUnion(ids) }

    func isVoid(_ snapshot: Snapshot) -> Bool {
        voidIDs.contains(snapshot.id) || snapshot.original.map(voidIDs.contains) == true
    }

    /// `nil` when it is gone or void.
    func usable(_ id: SnapshotID) -> Snapshot? {
        guard let snapshot = snapshots[id] ?? byOriginal[id], !isVoid(snapshot) else { return nil }
        return snapshot
    }
}

extension Manifest {
    /// Whether it says of itself what the tags of its snapshot say.
    fileprivate func isOf(_ stamp: SnapshotStamp) -> Bool {
        stamp.content == .manifest && run == stamp.run && profile == stamp.profile && host == stamp.host
    }
}

extension CommittedRun {
    fileprivate init(_ manifest: Manifest, snapshot: Snapshot, stamp: SnapshotStamp, index: SnapshotIndex) {
        let parts = manifest.parts.compactMap { part -> ManifestPart? in
            guard let snapshot = index.usable(part.snapshot) else { return nil }
            var part = part
            part.snapshot = snapshot.id
            return part
        }
        self.init(
            id: stamp.run, time: parts.map(\.capturedAt).max() ?? manifest.started,
            retentionClass: manifest.retentionClass, machine: manifest.machine,
            parts: parts.sorted { ($0.source, $0.part) < ($1.source, $1.part) }, gaps: manifest.gaps,
            manifestSnapshot: snapshot.id, manifest: manifest)
    }

    fileprivate init(
        _ stamped: [(snapshot: Snapshot, stamp: SnapshotStamp)], snapshot: Snapshot, stamp: SnapshotStamp,
        index: SnapshotIndex
    ) {
        let parts = stamped.compactMap { snapshot, stamp -> ManifestPart? in
            guard let source = stamp.source, let part = stamp.part, !index.isVoid(snapshot) else { return nil }
            return ManifestPart(
                source: source, sourceKind: "", part: part, snapshot: snapshot.id, capturedAt: snapshot.time,
                condition: .clean, bytes: snapshot.bytes ?? .zero, files: snapshot.files, facts: Facts())
        }
        self.init(
            id: stamp.run, time: parts.map(\.capturedAt).max() ?? snapshot.time, retentionClass: stamp.retentionClass,
            machine: stamp.machine, parts: parts.sorted { ($0.source, $0.part) < ($1.source, $1.part) }, gaps: [],
            manifestSnapshot: snapshot.id, manifest: nil)
    }
}
