import BackupModel
import Digests
import Foundation

/// One run's folder, as its manifest tells it.
struct ArchiveRun: Sendable {
    var folder: String
    /// The name of the manifest's file.
    var file: String
    var text: [UInt8]
    var manifest: ArchiveManifest

    /// Of the manifest, as a snapshot. It stays when the manifest is written anew.
    static func id(folder: String, run: String) throws(RepositoryError) -> SnapshotID {
        do throws(DigestError) {
            return SnapshotID(rawValue: try SHA256.digest(of: Array("\(folder)\n\(run)".utf8)).description)
        } catch {
            throw .unsupported(error.description)
        }
    }

    var id: SnapshotID { get throws(RepositoryError) { try ArchiveRun.id(folder: folder, run: manifest.run) } }

    /// The manifest as a snapshot.
    var snapshot: Snapshot {
        get throws(RepositoryError) {
            var snapshot = Snapshot(
                id: try id, time: Timestamp.parse(manifest.created) ?? Date(timeIntervalSince1970: 0),
                utcOffset: manifest.utcOffset, host: manifest.host, paths: [Manifest.fileName], tags: manifest.tags,
                bytes: ByteCount(manifest.manifestBytes))
            snapshot.original = snapshot.stamp?.standsFor
            return snapshot
        }
    }
}

/// Where a snapshot is.
struct ArchivePlace: Sendable {
    enum Content: Sendable {
        case file(ArchiveManifest.File)
        case manifest(PlainValue)
    }
    /// The run's folder.
    var folder: String
    var content: Content
}

/// All runs of a repository.
struct ArchiveRuns: Sendable {
    let access: ArchiveAccess
    private var folder: ArchiveFolder { access.folder }

    /// The largest manifest that is read.
    static let limit = 64 << 20

    func all() throws(RepositoryError) -> [ArchiveRun] {
        var runs: [ArchiveRun] = []
        for name in try folder.runs() { runs.append(try run(name)) }
        return runs
    }

    /// - Throws: ``RepositoryError/damaged(location:detail:)`` where the manifest is missing or is not this folder's.
    func run(_ name: String) throws(RepositoryError) -> ArchiveRun {
        let names = try folder.names(in: name).filter { $0.hasSuffix(".json") }
        guard names.count == 1, let file = names.first else {
            throw damaged(name, names.isEmpty ? "its manifest is missing" : "it has several manifests")
        }
        let text = try folder.read("\(name)/\(file)", limit: ArchiveRuns.limit)
        struct Head: Decodable { var version: Int }
        let manifest: ArchiveManifest
        do {
            let head = try JSONDecoder().decode(Head.self, from: Data(text))
            guard head.version <= ArchiveManifest.currentVersion else {
                throw RepositoryError.formatTooNew(
                    location: access.location, detail: "\(name)/\(file) has version \(head.version)")
            }
            manifest = try JSONDecoder().decode(ArchiveManifest.self, from: Data(text))
        } catch let error as RepositoryError {
            throw error
        } catch {
            throw damaged("\(name)/\(file)", "it cannot be read")
        }
        guard manifest.format == ArchiveManifest.format, manifest.folder == name else {
            throw damaged("\(name)/\(file)", "it is the manifest of \(manifest.folder)")
        }
        // Names lead nowhere else, whoever wrote them.
        for entry in manifest.files where !ArchiveRuns.isPlain(entry.name) {
            throw damaged("\(name)/\(file)", "it names `\(entry.name)`")
        }
        return ArchiveRun(folder: name, file: file, text: text, manifest: manifest)
    }

    /// Whether a name is one that we give, and leads nowhere else.
    static func isPlain(_ name: String) -> Bool {
        !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || [37, 45, 46, 95].contains(byte)
            }
    }

    private func damaged(_ what: String, _ why: String) -> RepositoryError {
        .damaged(location: access.location, detail: "\(what): \(why)")
    }

    /// Those whose proof holds, or that can have none.
    func proven() async throws(RepositoryError) -> [ArchiveRun] {
        let runs = try all()
        for run in runs { try await requireProof(run) }
        return runs
    }

    func requireProof(_ run: ArchiveRun) async throws(RepositoryError) {
        let keys = try await access.keys()
        let seal = ArchiveSeal(access: access, keys: keys)
        guard run.manifest.repository == keys.header.id else {
            throw damaged("\(run.folder)/\(run.file)", "it is the manifest of another repository")
        }
        if case .forged(let why) = try await seal.verdict(on: run.text) {
            throw damaged("\(run.folder)/\(run.file)", "the manifest is not authentic: \(why)")
        }
    }

    /// Files of runs that are going on, or were killed.
    func pending() throws(RepositoryError) -> [(folder: String, note: ArchivePending.Note)] {
        var found: [(folder: String, note: ArchivePending.Note)] = []
        for name in try folder.incomplete() {
            let run = RunID(unchecked: String(name.dropFirst(ArchiveFolder.incompletePrefix.count)))
            for note in try ArchivePending(access: access, run: run).notes() { found.append((name, note)) }
        }
        return found
    }

    /// - Throws: ``RepositoryError/notFound(what:)``
    func place(of id: SnapshotID) async throws(RepositoryError) -> ArchivePlace {
        var damage: RepositoryError?
        for name in try folder.runs() {
            let run: ArchiveRun
            do throws(RepositoryError) {
                run = try self.run(name)
            } catch {
                // One that is damaged must not keep the others from being restored.
                guard case .damaged = error else { throw error }
                damage = damage ?? error
                continue
            }
            if let file = run.manifest.present.first(where: { $0.sha256 == id.rawValue }) {
                try await requireProof(run)
                return ArchivePlace(folder: name, content: .file(file))
            }
            if try run.id == id {
                try await requireProof(run)
                return ArchivePlace(folder: name, content: .manifest(run.manifest.manifest))
            }
        }
        for (name, note) in try pending() where note.file.sha256 == id.rawValue {
            return ArchivePlace(folder: name, content: .file(note.file))
        }
        throw damage ?? .notFound(what: "snapshot \(id)")
    }
}
