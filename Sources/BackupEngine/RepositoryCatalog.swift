package import BackupModel
import Foundation

/// What a repository holds, as history remembers it and the repository confirms it. Where the repository can name its
/// snapshots without starting a tool, an unchanged list costs nothing.
package struct RepositoryCatalog: Sendable {
    let engine: Engine
    let repository: any Repository
    /// What history files it under.
    let key: String

    package init(_ engine: Engine, repository: any Repository, identity: RepositoryIdentity) {
        self.engine = engine
        self.repository = repository
        key = RepositoryCatalog.key(repository.spec, identity)
    }

    /// A follower may bear the very id of its leader, having been copied from it, and hold something else all the same.
    static func key(_ spec: RepositorySpec, _ identity: RepositoryIdentity) -> String {
        spec.follow == nil ? identity.id : "\(identity.id)@\(spec.pinName)"
    }

    /// The largest manifest that is read.
    private static let manifestLimit = ByteCount.mebibytes(64)

    /// All snapshots, as they are now.
    /// - Parameter loadingManifests: reads this host's manifests that history does not know, newest first; each costs one
    ///   start of the tool. Their runs are entered into history where it has lost them.
    package func contents(loadingManifests: Bool) async throws -> CatalogContents {
        let snapshots = try await currentSnapshots()
        let present = Set(snapshots.map(\.id))
        var contents = CatalogContents(
            snapshots: snapshots, manifests: try engine.store.manifests(of: key).filter { present.contains($0.key) })
        if let words = try VanishedPoints(self).find(present: snapshots)?.words { contents.notices.append(words) }
        guard loadingManifests else { return contents }
        let missing =
            snapshots
            .filter { contents.manifests[$0.id] == nil && isOwnManifest($0.stamp) }
            .sorted { $0.time > $1.time }
        for snapshot in missing {
            switch try await load(snapshot) {
            case .success(let manifest):
                try engine.store.saveManifest(manifest, snapshot: snapshot.id, repository: key)
                try enter(manifest, snapshot)
                contents.manifests[snapshot.id] = manifest
            case .failure(let failure):
                contents.notices.append("the manifest in snapshot \(snapshot.id) is left out: \(failure.description)")
            }
        }
        return contents
    }

    private func isOwnManifest(_ stamp: SnapshotStamp?) -> Bool {
        stamp?.content == .manifest && stamp?.profile == engine.profile.name && stamp?.host == engine.profile.host
    }

    private func currentSnapshots() async throws -> [Snapshot] {
        let known = try engine.store.snapshots(of: key)
        if let onDisk = try repository.snapshotIDsOnDisk(), onDisk.isSubset(of: Set(known.map(\.id))) {
            let left = known.filter { onDisk.contains($0.id) }
            try VanishedPoints(self).compare(known, with: onDisk)
            if engine.store.wasRecreated {
                // What was lost has come back, or there was nothing.
                try engine.store.replaceSnapshots(of: key, with: left)
            } else if left.count < known.count {
                try engine.store.removeSnapshots(known.map(\.id).filter { !onDisk.contains($0) }, from: key)
            }
            return left
        }
        let listed = try await repository.snapshots()
        try VanishedPoints(self).compare(known, with: Set(listed.map(\.id)))
        try engine.store.replaceSnapshots(of: key, with: listed)
        return listed
    }

    /// - Throws: what stands in the way of reading any manifest. One that cannot be read itself is a failure value: the
    ///   others are still worth having, and retention leaves everything alone meanwhile.
    private func load(_ snapshot: Snapshot) async throws -> Result<Manifest, Failure> {
        do {
            let bytes = try await repository.reader(for: snapshot.id).content(
                of: PartPath(rawValue: Manifest.fileName), limit: RepositoryCatalog.manifestLimit)
            return .success(try Manifest(json: bytes))
        } catch let failure as Failure {
            return .failure(failure)
        } catch let error as RepositoryError {
            switch error {
            case .damaged, .notFound, .unsupported: return .failure(Failure(error))
            default: throw error
            }
        }
    }

    /// A run that history does not know was lost with it: what its manifest tells is better than nothing.
    private func enter(_ manifest: Manifest, _ snapshot: Snapshot) throws(StoreError) {
        guard try engine.store.run(manifest.run) == nil else { return }
        try engine.store.update(RunRecord(rebuiltFrom: manifest, user: snapshot.user))
    }

    /// Remembers what a run has just stored, so that the next look needs no listing.
    package func remember(_ snapshots: [Snapshot], manifest: (Manifest, SnapshotID)?) throws(StoreError) {
        try engine.store.addSnapshots(snapshots, to: key)
        if let (manifest, id) = manifest {
            try engine.store.saveManifest(manifest, snapshot: id, repository: key)
        }
    }

    /// Removes snapshots from the repository, and then from what history knows of it. What is gone because of a run of
    /// ours must not be missed later, not even when that run was killed before it could say so.
    func forget(_ ids: [SnapshotID]) async throws -> ForgetReport {
        try engine.store.noteRemoval(of: ids, from: key)
        let report = try await repository.forget(ids)
        await engine.moment(.forgotten)
        try forgetKnowledge(of: report.removed)
        return report
    }

    package func forgetKnowledge(of ids: [SnapshotID]) throws(StoreError) {
        try forgetDeliveries(of: Set(ids))
        try engine.store.removeSnapshots(ids, from: key)
    }

    /// What we removed from a follower would otherwise be missed by its next feed, and be told of as tampering.
    private func forgetDeliveries(of ids: Set<SnapshotID>) throws(StoreError) {
        let name = repository.spec.name
        guard let leader = repository.spec.follow?.leader,
            let pin = try engine.pins.pin(profile: engine.profile.name, repository: leader),
            let known = try engine.store.deliveries(from: pin.identity.id)[name]
        else { return }
        // A copy has an id of its own, and knows the first one that its snapshot had.
        let copied = Set(
            try engine.store.snapshots(of: key).filter { ids.contains($0.id) }.map { $0.original ?? $0.id })
        let gone = try engine.store.snapshots(of: pin.identity.id).filter {
            copied.contains($0.id) || $0.original.map(copied.contains) == true
        }
        try engine.store.setDeliveries(
            known.subtracting(copied).subtracting(gone.map(\.id)), from: pin.identity.id, to: name)
    }
}

package struct CatalogContents: Sendable {
    package var snapshots: [Snapshot]
    /// By the snapshot that carries them.
    package var manifests: [SnapshotID: Manifest]
    /// What could not be read, in words.
    package var notices: [String] = []
    package init(snapshots: [Snapshot], manifests: [SnapshotID: Manifest]) {
        self.snapshots = snapshots
        self.manifests = manifests
    }
}

extension RunRecord {
    /// A backup as its manifest tells it. Its steps, its process and how it was started are not known any more.
    init(rebuiltFrom manifest: Manifest, user: String?) {
        self.init(
            id: manifest.run, profile: manifest.profile, operation: .backup, started: manifest.started,
            process: ProcessIdentity(pid: 0, startTime: 0, bootID: ""), user: user ?? "unknown",
            reason: manifest.reason,
            trigger: "unknown", profileDigest: "")
        finished = manifest.finished
        duration = .milliseconds(Int64(max(0, manifest.finished.timeIntervalSince(manifest.started)) * 1000))
        outcome = Outcome(parts: manifest.parts, gaps: manifest.gaps)
        parts = manifest.parts
        gaps = manifest.gaps
        void = manifest.void
        notices = manifest.notices
        failures = manifest.failures
        tools = manifest.tools
        notDue = manifest.notDue
        isRebuilt = true
    }
}
