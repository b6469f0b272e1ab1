import BackupModel
import Foundation

/// One run's folder, as its manifest tells it.
struct RsyncRun: Sendable {
    var folder: String
    var manifest: RsyncManifest

    /// Of the manifest, as a snapshot. It stays when the manifest is written anew.
    static func id(folder: String, run: String) throws(RepositoryError) -> SnapshotID {
        SnapshotID(rawValue: try RsyncAccess.id(["manifest", folder, run]))
    }

    var id: SnapshotID { get throws(RepositoryError) { try RsyncRun.id(folder: folder, run: manifest.run) } }
}

/// Where a snapshot is.
struct RsyncPlace: Sendable {
    enum Content: Sendable {
        case part(RsyncManifest.Part)
        case manifest(PlainValue)
    }
    /// The run's folder.
    var folder: String
    var content: Content
    /// In the repository: the list that has the part's records.
    var list: String
}

/// All runs of a repository.
struct RsyncRuns: Sendable {
    let access: RsyncAccess
    private var folder: RsyncFolder { access.folder }

    /// The largest manifest that is read.
    private static let limit = 64 << 20

    func all() throws(RepositoryError) -> [RsyncRun] {
        let id = try folder.header().id
        var runs: [RsyncRun] = []
        for name in try folder.runs() { runs.append(try run(name, of: id)) }
        return runs
    }

    /// - Throws: ``RepositoryError/damaged(location:detail:)`` where the manifest is missing or is not this folder's.
    func run(_ name: String, of repository: String) throws(RepositoryError) -> RsyncRun {
        let file = "\(name)/\(RsyncManifest.fileName)"
        guard try folder.isThere(file) else { throw damaged(name, "its manifest is missing") }
        let text = try folder.read(file, limit: RsyncRuns.limit)
        let manifest: RsyncManifest
        do {
            struct Head: Decodable { var version: Int }
            let version = try JSONDecoder().decode(Head.self, from: Data(text)).version
            guard version <= RsyncManifest.currentVersion else {
                throw RepositoryError.formatTooNew(location: access.location, detail: "\(file) has version \(version)")
            }
            manifest = try JSONDecoder().decode(RsyncManifest.self, from: Data(text))
        } catch let error as RepositoryError {
            throw error
        } catch {
            throw damaged(file, "it cannot be read")
        }
        guard manifest.format == RsyncManifest.format, manifest.folder == name else {
            throw damaged(file, "it is the manifest of \(manifest.folder)")
        }
        guard manifest.repository == repository else { throw damaged(file, "it is the manifest of another repository") }
        // Names lead nowhere else, whoever wrote them.
        for part in manifest.parts where part.name.contains("/") || part.name.hasPrefix(".") || part.name.isEmpty {
            throw damaged(file, "it names `\(part.name)`")
        }
        return RsyncRun(folder: name, manifest: manifest)
    }

    private func damaged(_ what: String, _ why: String) -> RepositoryError {
        .damaged(location: access.location, detail: "\(what): \(why)")
    }

    /// Parts of runs that are going on, or were killed.
    func pending() throws(RepositoryError) -> [(folder: String, note: RsyncPending.Note)] {
        var found: [(folder: String, note: RsyncPending.Note)] = []
        for name in try folder.partial() {
            let run = RunID(unchecked: String(name.dropFirst(RsyncFolder.partialPrefix.count)))
            for note in try RsyncPending(access: access, run: run).notes() { found.append((name, note)) }
        }
        return found
    }

    /// Parts that the manifest names and that are there: one that is lost is no snapshot any more. Verification tells of it.
    func present(in run: RsyncRun) throws(RepositoryError) -> [RsyncManifest.Part] {
        let names = Set(try folder.names(in: run.folder))
        return run.manifest.present.filter { names.contains($0.name) }
    }

    /// The newest tree of the same source, to link to.
    func newest(before stamp: SnapshotStamp, base: String) throws(RepositoryError) -> (run: String, RsyncManifest.Part)?
    {
        let id = try folder.header().id
        for name in try folder.runs().reversed() {
            let run: RsyncRun
            // One that is damaged is nothing to build on, and no reason to store nothing.
            do throws(RepositoryError) { run = try self.run(name, of: id) } catch { continue }
            guard run.manifest.host == stamp.host, run.manifest.profile == stamp.profile.rawValue else { continue }
            let part = try present(in: run).first {
                $0.content == .tree && $0.source == stamp.source?.rawValue && $0.part == stamp.part?.rawValue
                    && $0.base == base
            }
            if let part { return (name, part) }
        }
        return nil
    }

    /// - Throws: ``RepositoryError/notFound(what:)``
    func place(of id: SnapshotID) throws(RepositoryError) -> RsyncPlace {
        let repository = try folder.header().id
        var damage: RepositoryError?
        for name in try folder.runs() {
            let run: RsyncRun
            do throws(RepositoryError) {
                run = try self.run(name, of: repository)
            } catch {
                // One that is damaged must not keep the others from being restored.
                guard case .damaged = error else { throw error }
                damage = damage ?? error
                continue
            }
            let list = "\(name)/\(RsyncManifest.sumsName)"
            if let part = run.manifest.present.first(where: { $0.id == id.rawValue }) {
                return RsyncPlace(folder: name, content: .part(part), list: list)
            }
            if try run.id == id {
                return RsyncPlace(folder: name, content: .manifest(run.manifest.manifest), list: list)
            }
        }
        for (name, note) in try pending() where note.part.id == id.rawValue {
            let run = RunID(unchecked: String(name.dropFirst(RsyncFolder.partialPrefix.count)))
            let list = RsyncPending(access: access, run: run).list(of: note.part.name)
            return RsyncPlace(
                folder: name, content: .part(note.part), list: String(list.dropFirst(folder.path.count + 1)))
        }
        throw damage ?? .notFound(what: "snapshot \(id)")
    }
}
