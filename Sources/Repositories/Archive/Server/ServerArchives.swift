import BackupModel
import Digests
import Foundation

/// Archives on a server, fed from the repository that they follow: listed, tested, thinned out and restored from, with a credential
/// that may. What is there is never taken at its word: manifests count when their proof holds, and where this machine has sent them
/// itself, when they are those that it sent.
struct ServerArchives: Repository {
    let spec: RepositorySpec
    let access: ArchiveAccess
    let view: ArchiveView
    private let target: ArchiveTarget
    private let ledger: any MirrorLedger

    /// - Parameter leader: whose keys open it where it names none itself.
    init(
        _ spec: RepositorySpec, at target: ArchiveTarget, leader: ConfigValue?, _ services: Services,
        cacheFolder: String,
        ledger: any MirrorLedger
    ) throws(RepositoryError) {
        self.spec = spec
        self.target = target
        self.ledger = ledger
        view = ArchiveView(
            of: target, in: (services.settings.scratch ?? cacheFolder) + "/archives-seen", services)
        access = ArchiveAccess(
            try ArchiveSettings(spec, seenIn: view.folder, leader: leader), services, cacheFolder: cacheFolder,
            location: target.location.text)
    }

    var location: String { access.location }
    var toolStarts: Int { access.starts }
    func toolVersion() async throws(RepositoryError) -> String { "archive" }

    func inspect(pin: RepositoryPin?) async throws(RepositoryError) -> RepositoryState {
        guard try await view.hasHeader() else {
            let seen = try await view.look()
            if let run = seen.runs.keys.min() {
                return .occupied(by: "archives such as \(run), whose file \(ArchiveHeader.fileName) is missing")
            }
            return seen.others.min().map { .occupied(by: $0) } ?? .absent
        }
        let digest: String
        do throws(DigestError) { digest = try access.folder.digest(of: ArchiveHeader.fileName) } catch {
            throw .unsupported(error.description)
        }
        if let sent = try sent()[ArchiveHeader.fileName], sent.digest != digest {
            throw .damaged(
                location: location, detail: "\(ArchiveHeader.fileName): it is not the one that was sent there")
        }
        // Only then: with another salt in it the right password would be taken for a wrong one.
        let keys = try await access.keys()
        let ids = try keys.ids()
        return .present(
            RepositoryIdentity(
                id: keys.header.id, formatVersion: keys.header.version, keyIDs: ids, configDigest: digest))
    }

    func create() async throws(RepositoryError) -> RepositoryIdentity { throw notHere }

    func store(
        _ part: CapturedPart, as stamp: SnapshotStamp, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> StoredPart { throw notHere }

    private var notHere: RepositoryError {
        .unsupported("\(location) is fed from the repository that it follows, and not written to otherwise")
    }

    /// What this machine put there, by its own records.
    func sent() throws(RepositoryError) -> [String: MirroredFile] {
        try stored { () throws(StoreError) in try ledger.mirrored(at: location) }
    }

    // MARK: - What it holds

    func snapshotIDsOnDisk() throws(RepositoryError) -> Set<SnapshotID>? { nil }

    /// Runs whose manifest is there, with what is seen of their files. One without a manifest is on its way there, or was cut off.
    func runs() async throws(RepositoryError) -> [(run: ArchiveRun, sizes: [String: Int64])] {
        let seen = try await view.look()
        let reading = ArchiveRuns(access: access)
        var runs: [(ArchiveRun, [String: Int64])] = []
        for name in seen.runs.keys.sorted() where !seen.manifests(of: name).isEmpty {
            runs.append((try reading.run(name), seen.runs[name] ?? [:]))
        }
        return runs
    }

    func snapshots() async throws(RepositoryError) -> [Snapshot] {
        let reading = ArchiveRuns(access: access)
        var snapshots: [Snapshot] = []
        for (run, sizes) in try await runs() {
            try await reading.requireProof(run)
            snapshots += run.manifest.present.filter { sizes[$0.name] != nil }.map {
                $0.snapshot(host: run.manifest.host)
            }
            snapshots.append(try run.snapshot)
        }
        return snapshots
    }

    /// Fetched first, or of a folder that somebody has fetched what is there into.
    func byHand(_ part: ManifestPart) async throws(RepositoryError) -> ManualRestore {
        _ = try await view.look()
        return target.byHand(try await ArchiveByHand(access: access).restore(part))
    }

    // MARK: - Removing

    /// - Important: deletes the files of the snapshots named. A run's manifest goes first: what is half gone looks like nothing.
    func forget(_ ids: [SnapshotID]) async throws(RepositoryError) -> ForgetReport {
        let wanted = Set(ids)
        let reading = ArchiveRuns(access: access)
        var doomed: [(run: ArchiveRun, files: [ArchiveManifest.File], isWhole: Bool)] = []
        for (run, sizes) in try await runs() {
            // Nothing is removed while anything is not as it should be.
            try await reading.requireProof(run)
            let present = run.manifest.present.filter { sizes[$0.name] != nil }
            let files = present.filter { wanted.contains(SnapshotID(rawValue: $0.sha256)) }
            let id = try run.id
            let isWhole = files.count == present.count && wanted.contains(id)
            if isWhole || !files.isEmpty { doomed.append((run, files, isWhole)) }
        }
        for (run, files, isWhole) in doomed {
            if Task.isCancelled { throw .cancelled }
            let paths = files.map { "\(run.folder)/\($0.name)" }
            if isWhole {
                try await remove(run, paths)
            } else {
                try await strike(files, from: run)
                try drop(paths)
                try await view.store().remove(paths, folders: [])
            }
        }
        _ = try await view.look(afresh: true)
        let left = Set(try await snapshots().map(\.id))
        return ForgetReport(removed: ids.filter { !left.contains($0) }, remaining: ids.filter(left.contains))
    }

    /// A whole run.
    /// - Parameter paths: of its files.
    private func remove(_ run: ArchiveRun, _ paths: [String]) async throws(RepositoryError) {
        let manifest = "\(run.folder)/\(run.file)"
        let all = [manifest] + run.manifest.files.map { "\(run.folder)/\($0.name)" }
        let known = try sent().filter { all.contains($0.key) }
        let doomed = Dictionary(
            run.manifest.files.map { file in
                ("\(run.folder)/\(file.name)", MirroredFile(digest: file.sha256, bytes: file.bytes))
            }
        ) { first, _ in first }
        try stored { () throws(StoreError) in
            try ledger.enter(doomed, at: going)
            try ledger.remove(all, at: location)
        }
        do throws(RepositoryError) {
            try await view.store().remove([manifest], folders: [])
        } catch {
            // What was refused is still there.
            if case .denied = error {
                try stored { () throws(StoreError) in
                    try ledger.enter(known, at: location)
                    try ledger.remove(Array(doomed.keys), at: going)
                }
            }
            throw error
        }
        try await view.store().remove(paths, folders: [run.folder])
        try stored { () throws(StoreError) in try ledger.remove(Array(doomed.keys), at: going) }
    }

    /// Under this the ledger has what is being removed: only that is removed without a manifest that says what it is.
    private var going: String { location + " going" }

    /// Before files go: one that the ledger has and that is gone would be taken for lost.
    private func drop(_ paths: [String]) throws(RepositoryError) {
        try stored { () throws(StoreError) in try ledger.remove(paths, at: location) }
    }

    /// Writes a manifest anew that names files as removed.
    private func strike(_ files: [ArchiveManifest.File], from run: ArchiveRun) async throws(RepositoryError) {
        let seal = ArchiveSeal(access: access, keys: try await access.keys())
        if let why = try await seal.obstacle(toReplacing: run.text) {
            throw .unsupported("the manifest \(run.folder)/\(run.file) cannot be written anew: \(why)")
        }
        var manifest = run.manifest
        for index in manifest.files.indices where files.contains(manifest.files[index]) {
            manifest.files[index].removed = true
        }
        let text = try await seal.sealed(manifest)
        let path = "\(run.folder)/\(run.file)"
        try access.folder.write(text, to: path)
        let digest: String
        do throws(DigestError) { digest = try SHA256.digest(of: text).description } catch {
            throw .unsupported(error.description)
        }
        // Entered only when it is there: until then the old one is.
        try await view.store().replace(path, with: "\(access.folder.path)/\(path)")
        try stored { () throws(StoreError) in
            try ledger.enter([path: MirroredFile(digest: digest, bytes: Int64(text.count))], at: location)
        }
    }

    /// - Important: deletes what killed uploads and removals left. Nobody else may be feeding meanwhile, which the engine's lock
    ///   sees to.
    func prune(dryRun: Bool) async throws(RepositoryError) -> [String] {
        let seen = try await view.look()
        let doomed = try stored { () throws(StoreError) in try ledger.mirrored(at: going) }
        var said: [String] = []
        for run in seen.runs.keys.sorted() where seen.manifests(of: run).isEmpty {
            let paths = (seen.runs[run] ?? [:]).keys.map { "\(run)/\($0)" }.sorted()
            let remains = paths.filter { doomed[$0] != nil }
            if remains.isEmpty {
                // It may be on its way, or have lost its manifest: then it is still worth something.
                said.append("left \(run) alone, which has no manifest")
                continue
            }
            if !dryRun { try await view.store().remove(remains, folders: [run]) }
            said.append("\(dryRun ? "would remove" : "removed") what was left of \(run)")
        }
        if !dryRun, !doomed.isEmpty {
            try stored { () throws(StoreError) in try ledger.remove(Array(doomed.keys), at: going) }
        }
        let reading = ArchiveRuns(access: access)
        for (run, sizes) in try await runs() {
            try await reading.requireProof(run)
            let paths = run.manifest.files.filter { $0.removed == true && sizes[$0.name] != nil }.map {
                "\(run.folder)/\($0.name)"
            }
            guard !paths.isEmpty else { continue }
            if !dryRun { try await view.store().remove(paths, folders: []) }
            said += paths.map { "\(dryRun ? "would remove" : "removed") \($0)" }
        }
        return said + (try await view.store().unfinished(removing: !dryRun))
    }

    // MARK: - Locks: there are none beside the engine's own

    func locks() async throws(RepositoryError) -> [RepositoryLock] { [] }
    func clearDeadLocks() async throws(RepositoryError) -> [RepositoryLock] { [] }
    func removeLocks(_ ids: [String]) async throws(RepositoryError) {
        if let id = ids.first { throw .notFound(what: "lock \(id)") }
    }

    func reader(for snapshot: SnapshotID) -> any PartReader {
        ServerArchiveReader(archives: self, inner: ArchiveReader(access: access, snapshot: snapshot))
    }
}
