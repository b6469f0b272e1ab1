package import BackupModel
import Digests
import Foundation
import Programs

/// Snapshots as encrypted files that stand on their own: a folder for each run, with a manifest.
package struct ArchiveRepository: Repository {
    package let spec: RepositorySpec
    let access: ArchiveAccess

    /// - Parameters:
    ///   - cacheFolder: private; a folder of this kind's own in it takes what programs want by name.
    ///   - leader: the repository that it follows, whose keys open it where it names none itself.
    /// - Throws: ``RepositoryError/unsupported(_:)`` for settings that cannot be used.
    package init(
        _ spec: RepositorySpec, _ services: Services, cacheFolder: String, leader: ConfigValue? = nil
    ) throws(RepositoryError) {
        self.spec = spec
        access = ArchiveAccess(
            try ArchiveSettings(spec, seenIn: nil, leader: leader), services, cacheFolder: cacheFolder)
    }

    package var location: String { access.location }
    package var toolStarts: Int { access.starts }
    private var folder: ArchiveFolder { access.folder }

    /// Of all the programs that make a file.
    package func toolVersion() async throws(RepositoryError) -> String {
        let settings = access.settings
        var versions: [String] = []
        for (name, arguments) in [
            ("tar", ["--version"]), (settings.compression.rawValue, ["--version"]),
            (settings.encryption.rawValue, [settings.encryption == .openssl ? "version" : "--version"]),
        ] {
            access.countStarts(1)
            var command = ToolCommand(name, arguments)
            command.limits.total = .seconds(20)
            let result = try await access.services.runner.end(of: command)
            let line = result.output.text.split(separator: "\n").first ?? ""
            let word = line.split(whereSeparator: { $0 == " " || $0 == "," }).first { word in
                word.drop { $0 == "v" }.first?.isNumber == true
            }
            versions.append("\(name) \(word?.drop { $0 == "v" } ?? "unknown")")
        }
        return "archive " + versions.joined(separator: ", ")
    }

    // MARK: - What is there

    package func inspect(pin: RepositoryPin?) async throws(RepositoryError) -> RepositoryState {
        try access.requirePlace()
        switch try folder.content() {
        case .missing, .empty: return .absent
        case .foreign(let what): return .occupied(by: what)
        case .repository: return .present(try await identity())
        }
    }

    private func identity() async throws(RepositoryError) -> RepositoryIdentity {
        let keys = try await access.keys()
        let ids = try keys.ids()
        do throws(DigestError) {
            return RepositoryIdentity(
                id: keys.header.id, formatVersion: keys.header.version, keyIDs: ids,
                configDigest: try folder.digest(of: ArchiveHeader.fileName))
        } catch {
            throw .unsupported(error.description)
        }
    }

    package func requireTools() throws(RepositoryError) {
        try access.services.runner.require(
            ["tar", access.settings.compression.rawValue, access.settings.encryption.rawValue]
                + (access.settings.signingKey == nil ? [] : ["ssh-keygen"]))
    }

    package func create() async throws(RepositoryError) -> RepositoryIdentity {
        switch try await inspect(pin: nil) {
        case .absent: break
        case .present: throw .occupied(location: location, by: "a repository")
        case .occupied(let what): throw .occupied(location: location, by: what)
        }
        _ = try access.recipients()
        var header = ArchiveHeader(id: Hexadecimal.text(Hexadecimal.random(32)), keys: [])
        let older = try folder.older()
        if !older.isEmpty { header.older = older }
        if let password = try await access.password() {
            let salt = Hexadecimal.random(16)
            let rounds = AuthenticationKey.usualRounds
            do throws(DigestError) {
                let key = try ArchiveHeader.Key.derive(password, salt: salt, rounds: rounds)
                header.keys = [
                    ArchiveHeader.Key(
                        salt: Hexadecimal.text(salt), rounds: rounds, check: try ArchiveHeader.Key.check(key))
                ]
            } catch {
                throw .unsupported(error.description)
            }
        }
        let text: [UInt8]
        do { text = try JSONDocument.text(of: header) + [10] } catch {
            throw .unsupported("the repository's own file cannot be written: \(error)")
        }
        try folder.makeFolder(".")
        try folder.write(text, to: ArchiveHeader.fileName)
        return try await identity()
    }

    // MARK: - Storing

    package func store(
        _ part: CapturedPart, as stamp: SnapshotStamp, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> StoredPart {
        try access.requirePlace()
        try folder.requireWritable()
        let keys = try await access.keys()
        if stamp.content == .manifest { return try await storeManifest(part, as: stamp, keys) }
        let capture = ArchiveCapture(
            access: access, keys: keys, part: part, stamp: stamp, progress: progress)
        return switch part.content {
        case .files(let selection): try await capture.files(selection)
        case .stream(let producer): try await capture.stream(producer)
        case .file(let path): try await capture.file(path)
        case .sealed(let content, let recipients): try await capture.sealed(content, for: recipients)
        }
    }

    package func recipients() async throws(RepositoryError) -> Recipients? {
        let settings = access.settings
        guard settings.hasRecipients else { return nil }
        let lookup = RecipientLookup(
            settings.encryption == .gpg ? .gpg : .age, listed: settings.recipients, file: settings.recipientsFile,
            runner: access.services.runner)
        do throws(RecipientLookup.Problem) {
            return try await lookup.find()
        } catch {
            switch error {
            case .tool(let error): throw .tool(error)
            case .cancelled: throw .cancelled
            case .fileUnreadable, .nobody, .unusable: throw .unsupported(error.description)
            }
        }
    }

    private func storeManifest(
        _ part: CapturedPart, as stamp: SnapshotStamp, _ keys: ArchiveKeys
    ) async throws(RepositoryError) -> StoredPart {
        guard case .file(let path) = part.content, let data = FileManager.default.contents(atPath: path) else {
            throw .sourceUnreadable(detail: "the record of the run cannot be read")
        }
        let now = part.capturedAt ?? access.services.clock.now
        let done = try await ArchivePending(access: access, run: stamp.run).finish(
            Array(data), as: stamp, keys: keys, now: now)
        return StoredPart(
            snapshot: done.id, time: now, bytes: ByteCount(Int64(data.count)), addedBytes: ByteCount(done.bytes))
    }

    // MARK: - What it holds

    package var isChangedByUsAlone: Bool { true }

    package func snapshotIDsOnDisk() throws(RepositoryError) -> Set<SnapshotID>? {
        let runs = ArchiveRuns(access: access)
        var ids: Set<SnapshotID> = []
        for run in try runs.all() {
            ids.insert(try run.id)
            for file in try present(in: run) { ids.insert(SnapshotID(rawValue: file.sha256)) }
        }
        for (_, note) in try runs.pending() { ids.insert(SnapshotID(rawValue: note.file.sha256)) }
        return ids
    }

    package func snapshots() async throws(RepositoryError) -> [Snapshot] {
        let runs = ArchiveRuns(access: access)
        var snapshots: [Snapshot] = []
        for run in try await runs.proven() {
            snapshots += try present(in: run).map { $0.snapshot(host: run.manifest.host) }
            snapshots.append(try run.snapshot)
        }
        snapshots += try runs.pending().map { $0.note.file.snapshot(host: $0.note.host) }
        return snapshots
    }

    /// Files that the manifest names and that are there: one that is lost is no snapshot any more. ``verify(_:progress:)``
    /// tells of it.
    private func present(in run: ArchiveRun) throws(RepositoryError) -> [ArchiveManifest.File] {
        let names = Set(try folder.names(in: run.folder))
        return run.manifest.present.filter { names.contains($0.name) }
    }

    // MARK: - Removing

    /// - Important: deletes the files of the snapshots named, and folders of runs of which nothing is left.
    package func forget(_ ids: [SnapshotID]) async throws(RepositoryError) -> ForgetReport {
        if !ids.isEmpty { try folder.requireWritable() }
        let wanted = Set(ids)
        let runs = ArchiveRuns(access: access)
        for run in try await runs.proven() {
            let doomed = run.manifest.present.filter { wanted.contains(SnapshotID(rawValue: $0.sha256)) }
            let isWhole = doomed.count == run.manifest.present.count
            if isWhole, wanted.contains(try run.id) {
                // Under another name at once: what is half gone must not look like a run that lost its manifest.
                let removing = ArchiveFolder.removingPrefix + run.folder
                try folder.rename(run.folder, to: removing)
                try folder.removeFolder(removing)
            } else if !doomed.isEmpty {
                try await drop(doomed, from: run)
            }
        }
        for (name, note) in try runs.pending() where wanted.contains(SnapshotID(rawValue: note.file.sha256)) {
            let run = RunID(unchecked: String(name.dropFirst(ArchiveFolder.incompletePrefix.count)))
            try ArchivePending(access: access, run: run).release(note.file.name)
        }
        let left = try snapshotIDsOnDisk() ?? []
        return ForgetReport(removed: ids.filter { !left.contains($0) }, remaining: ids.filter(left.contains))
    }

    /// The manifest first: a file that is there and counts as removed only takes room.
    private func drop(_ files: [ArchiveManifest.File], from run: ArchiveRun) async throws(RepositoryError) {
        var manifest = run.manifest
        for index in manifest.files.indices where files.contains(manifest.files[index]) {
            manifest.files[index].removed = true
        }
        let keys = try await access.keys()
        try folder.write(
            try await ArchiveSeal(access: access, keys: keys).sealed(manifest), to: "\(run.folder)/\(run.file)")
        for file in files { try folder.remove("\(run.folder)/\(file.name)") }
    }

    /// - Important: deletes what killed runs left. Nobody else may be storing meanwhile, which the engine's lock sees to.
    package func prune(dryRun: Bool) async throws(RepositoryError) -> [String] {
        if !dryRun { try folder.requireWritable() }
        var said: [String] = []
        for name in try folder.incomplete() + folder.halfRemoved() {
            if !dryRun { try folder.removeFolder(name) }
            said.append("\(dryRun ? "would remove" : "removed") \(name)")
        }
        for run in try ArchiveRuns(access: access).all() {
            let names = Set(try folder.names(in: run.folder))
            let removed = run.manifest.files.filter { $0.removed == true }.map(\.name).filter(names.contains)
            for name in removed + names.filter(folder.isDraft) {
                if !dryRun { try folder.remove("\(run.folder)/\(name)") }
                said.append("\(dryRun ? "would remove" : "removed") \(run.folder)/\(name)")
            }
        }
        return said
    }

    // MARK: - Locks: there are none beside the engine's own

    package func locks() async throws(RepositoryError) -> [RepositoryLock] { [] }
    package func clearDeadLocks() async throws(RepositoryError) -> [RepositoryLock] { [] }
    package func removeLocks(_ ids: [String]) async throws(RepositoryError) {
        if let id = ids.first { throw .notFound(what: "lock \(id)") }
    }

    package func sizeOnDisk() throws(RepositoryError) -> (files: Int, bytes: ByteCount)? {
        var files = 0
        var bytes: Int64 = 0
        for name in try folder.runs() + folder.incomplete() + folder.halfRemoved() {
            for file in try folder.names(in: name) {
                guard let size = try folder.size(of: "\(name)/\(file)") else { continue }
                files += 1
                bytes += size
            }
        }
        return (files, ByteCount(bytes))
    }

    package func reader(for snapshot: SnapshotID) -> any PartReader {
        ArchiveReader(access: access, snapshot: snapshot)
    }
}
