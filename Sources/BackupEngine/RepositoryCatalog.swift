package import BackupModel

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
        key = identity.id
    }

    /// The largest manifest that is read.
    private static let manifestLimit = ByteCount.mebibytes(64)

    /// All snapshots, as they are now.
    /// - Parameter loadingManifests: reads manifests that history does not know, newest first; each costs one start of the
    ///   tool.
    package func contents(loadingManifests: Bool) async throws -> CatalogContents {
        let snapshots = try await currentSnapshots()
        var manifests = try engine.store.manifests(of: key)
        let present = Set(snapshots.map(\.id))
        manifests = manifests.filter { present.contains($0.key) }
        if loadingManifests {
            let missing = snapshots
                .filter { $0.stamp?.content == .manifest && $0.stamp?.profile == engine.profile.name }
                .filter { manifests[$0.id] == nil }
                .sorted { $0.time > $1.time }
            for snapshot in missing {
                let manifest = try await load(snapshot)
                try engine.store.saveManifest(manifest, snapshot: snapshot.id, repository: key)
                manifests[snapshot.id] = manifest
            }
        }
        return CatalogContents(snapshots: snapshots, manifests: manifests)
    }

    private func currentSnapshots() async throws -> [Snapshot] {
        let known = try engine.store.snapshots(of: key)
        if let onDisk = try repository.snapshotIDsOnDisk() {
            let knownIDs = Set(known.map(\.id))
            if onDisk == knownIDs { return known }
            if onDisk.isSubset(of: knownIDs) {
                let gone = knownIDs.subtracting(onDisk)
                try engine.store.removeSnapshots(Array(gone), from: key)
                return known.filter { onDisk.contains($0.id) }
            }
        }
        let listed = try await repository.snapshots()
        try engine.store.replaceSnapshots(of: key, with: listed)
        return listed
    }

    private func load(_ snapshot: Snapshot) async throws -> Manifest {
        let bytes = try await repository.reader(for: snapshot.id).content(
            of: PartPath(rawValue: Manifest.fileName), limit: RepositoryCatalog.manifestLimit)
        return try Manifest(json: bytes)
    }

    /// Remembers what a run has just stored, so that the next look needs no listing.
    package func remember(_ snapshots: [Snapshot], manifest: (Manifest, SnapshotID)?) throws(StoreError) {
        try engine.store.addSnapshots(snapshots, to: key)
        if let (manifest, id) = manifest {
            try engine.store.saveManifest(manifest, snapshot: id, repository: key)
        }
    }

    package func forgetKnowledge(of ids: [SnapshotID]) throws(StoreError) {
        try engine.store.removeSnapshots(ids, from: key)
    }
}

package struct CatalogContents: Sendable {
    package var snapshots: [Snapshot]
    /// By the snapshot that carries them.
    package var manifests: [SnapshotID: Manifest]
    package init(snapshots: [Snapshot], manifests: [SnapshotID: Manifest]) {
        self.snapshots = snapshots
        self.manifests = manifests
    }
}
