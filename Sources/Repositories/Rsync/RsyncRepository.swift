package import BackupModel
import Digests
import Foundation
import Programs

/// Snapshots as plain folders: one for each run, with every source's tree as it was. Files that did not change are hard links to
/// those of the run before.
package struct RsyncRepository: Repository {
    package let spec: RepositorySpec
    let access: RsyncAccess

    /// - Parameter cacheFolder: private; a folder of this kind's own in it takes what rsync wants by name.
    /// - Throws: ``RepositoryError/unsupported(_:)`` for settings that cannot be used.
    package init(_ spec: RepositorySpec, _ services: Services, cacheFolder: String) throws(RepositoryError) {
        self.spec = spec
        access = RsyncAccess(try RsyncSettings(spec), services, cacheFolder: cacheFolder)
    }

    package var location: String { access.location }
    package var toolStarts: Int { access.starts }
    private var folder: RsyncFolder { access.folder }

    package func toolVersion() async throws(RepositoryError) -> String { "rsync " + (try await access.rsyncVersion()) }

    // MARK: - What is there

    package func inspect(pin: RepositoryPin?) async throws(RepositoryError) -> RepositoryState {
        try access.requirePlace()
        switch try folder.content() {
        case .missing, .empty: return .absent
        case .foreign(let what): return .occupied(by: what)
        case .repository: return .present(try identity())
        }
    }

    private func identity() throws(RepositoryError) -> RepositoryIdentity {
        let header = try folder.header()
        do throws(DigestError) {
            return RepositoryIdentity(
                id: header.id, formatVersion: header.version, keyIDs: [],
                configDigest: try folder.digest(of: RsyncHeader.fileName))
        } catch {
            throw .unsupported(error.description)
        }
    }

    package func create() async throws(RepositoryError) -> RepositoryIdentity {
        switch try await inspect(pin: nil) {
        case .absent: break
        case .present: throw .occupied(location: location, by: "a repository")
        case .occupied(let what): throw .occupied(location: location, by: what)
        }
        let wasThere = try folder.isThere(".")
        try folder.makeFolder(".")
        do throws(RepositoryError) {
            try folder.requireHardLinks()
            guard chmod(location, 0o700) == 0 else { throw folder.repositoryError(.last(location)) }
            let header = RsyncHeader(id: Hexadecimal.text(Hexadecimal.random(32)))
            let text: [UInt8]
            do { text = try JSONDocument.text(of: header) + [10] } catch {
                throw RepositoryError.unsupported("the repository's own file cannot be written: \(error)")
            }
            try folder.write(text, to: RsyncHeader.fileName)
        } catch {
            if !wasThere { rmdir(location) }
            throw error
        }
        return try identity()
    }

    // MARK: - Storing

    package func store(
        _ part: CapturedPart, as stamp: SnapshotStamp, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> StoredPart {
        try access.requirePlace()
        try folder.requireWritable()
        let header = try folder.header()
        if stamp.content == .manifest { return try await storeManifest(part, as: stamp, header) }
        let capture = RsyncCapture(access: access, part: part, stamp: stamp, progress: progress)
        return switch part.content {
        case .files(let selection): try await capture.files(selection)
        case .stream(let producer): try await capture.stream(producer)
        case .file(let path): try await capture.file(path)
        case .sealed(let content, let recipients): try await capture.sealed(content, for: recipients)
        }
    }

    private func storeManifest(
        _ part: CapturedPart, as stamp: SnapshotStamp, _ header: RsyncHeader
    ) async throws(RepositoryError) -> StoredPart {
        guard case .file(let path) = part.content, let data = FileManager.default.contents(atPath: path) else {
            throw .sourceUnreadable(detail: "the record of the run cannot be read")
        }
        let now = part.capturedAt ?? access.services.clock.now
        let done = try await RsyncPending(access: access, run: stamp.run).finish(
            Array(data), as: stamp, repository: header.id, now: now)
        return StoredPart(
            snapshot: done.id, time: now, bytes: ByteCount(Int64(data.count)), addedBytes: ByteCount(done.bytes))
    }

    // MARK: - What it holds

    package var isChangedByUsAlone: Bool { true }

    package func snapshotIDsOnDisk() throws(RepositoryError) -> Set<SnapshotID>? {
        let runs = RsyncRuns(access: access)
        var ids: Set<SnapshotID> = []
        for run in try runs.all() {
            ids.insert(try run.id)
            for part in try runs.present(in: run) { ids.insert(SnapshotID(rawValue: part.id)) }
        }
        for (_, note) in try runs.pending() { ids.insert(SnapshotID(rawValue: note.part.id)) }
        return ids
    }

    package func snapshots() async throws(RepositoryError) -> [Snapshot] {
        let runs = RsyncRuns(access: access)
        var snapshots: [Snapshot] = []
        for run in try runs.all() {
            let manifest = run.manifest
            snapshots += try runs.present(in: run).map { $0.snapshot(host: manifest.host) }
            var snapshot = Snapshot(
                id: try run.id, time: Timestamp.parse(manifest.created) ?? Date(timeIntervalSince1970: 0),
                utcOffset: manifest.utcOffset, host: manifest.host, paths: [Manifest.fileName], tags: manifest.tags,
                bytes: ByteCount(manifest.manifestBytes))
            snapshot.original = snapshot.stamp?.standsFor
            snapshots.append(snapshot)
        }
        snapshots += try runs.pending().map { $0.note.part.snapshot(host: $0.note.host) }
        return snapshots
    }

    // MARK: - Removing

    /// - Important: the snapshots named count no more when this returns; ``prune(dryRun:)`` frees their room.
    package func forget(_ ids: [SnapshotID]) async throws(RepositoryError) -> ForgetReport {
        if !ids.isEmpty { try folder.requireWritable() }
        let wanted = Set(ids)
        let runs = RsyncRuns(access: access)
        for run in try runs.all() {
            let doomed = run.manifest.present.filter { wanted.contains(SnapshotID(rawValue: $0.id)) }
            if doomed.count == run.manifest.present.count, wanted.contains(try run.id) {
                try folder.hide(run.folder)
            } else if !doomed.isEmpty {
                try drop(doomed, from: run)
            }
        }
        for (name, note) in try runs.pending() where wanted.contains(SnapshotID(rawValue: note.part.id)) {
            let run = RunID(unchecked: String(name.dropFirst(RsyncFolder.partialPrefix.count)))
            try RsyncPending(access: access, run: run).release(note.part.name)
        }
        let left = try snapshotIDsOnDisk() ?? []
        return ForgetReport(removed: ids.filter { !left.contains($0) }, remaining: ids.filter(left.contains))
    }

    /// The manifest first: what is there and counts as removed only takes room.
    private func drop(_ parts: [RsyncManifest.Part], from run: RsyncRun) throws(RepositoryError) {
        var manifest = run.manifest
        for index in manifest.parts.indices where parts.contains(manifest.parts[index]) {
            manifest.parts[index].removed = true
        }
        try write(manifest, of: run)
        for part in parts where try folder.isThere("\(run.folder)/\(part.name)") {
            try folder.hide("\(run.folder)/\(part.name)")
        }
        // So that `sha256sum -c` goes on saying that all is well.
        try RsyncSums(folder: folder).blank(
            parts.map { ($0.offset, $0.length) }, of: "\(run.folder)/\(RsyncManifest.sumsName)")
    }

    private func write(_ manifest: RsyncManifest, of run: RsyncRun) throws(RepositoryError) {
        let text: [UInt8]
        do { text = try JSONDocument.text(of: manifest) + [10] } catch {
            throw .unsupported("the manifest of \(run.folder) cannot be written: \(error)")
        }
        try folder.write(text, to: "\(run.folder)/\(RsyncManifest.fileName)")
    }

    /// - Important: deletes what was dropped, and what killed runs left. Nobody else may be storing meanwhile, which the
    ///   engine's lock sees to.
    package func prune(dryRun: Bool) async throws(RepositoryError) -> [String] {
        if !dryRun { try folder.requireWritable() }
        let folder = folder
        let names = try folder.partial() + folder.removing()
        guard !dryRun else { return names.map { "would remove \($0)" } }
        return try await Blocking.run { stop throws(RepositoryError) in
            var said: [String] = []
            for name in names where !stop.isWanted {
                said.append("removed \(name), which freed \(try folder.delete(name))")
            }
            try folder.sync(".")
            return said
        }
    }

    /// Removes what runs left that were killed on this machine. There is nothing else that is a lock.
    /// - Returns: nothing.
    package func clearDeadLocks() async throws(RepositoryError) -> [RepositoryLock] {
        let access = access
        try await Blocking.run { stop throws(RepositoryError) in
            // What cannot be removed now, as on a disk that is read-only, is for the next one.
            do throws(RepositoryError) {
                try access.folder.requireWritable()
                for name in try access.folder.partial() where !stop.isWanted {
                    let run = RunID(unchecked: String(name.dropFirst(RsyncFolder.partialPrefix.count)))
                    if try RsyncPending(access: access, run: run).isDead { try access.folder.delete(name) }
                }
            } catch { return }
        }
        return []
    }

    package func locks() async throws(RepositoryError) -> [RepositoryLock] { [] }
    package func removeLocks(_ ids: [String]) async throws(RepositoryError) {
        if let id = ids.first { throw .notFound(what: "lock \(id)") }
    }

    package func reader(for snapshot: SnapshotID) -> any PartReader {
        RsyncReader(access: access, snapshot: snapshot)
    }

    var probe: any AccessProbe { RsyncProbe(access: access) }
}
