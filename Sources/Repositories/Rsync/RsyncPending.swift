import BackupModel
import Foundation

/// The folder of one run while it is made: `.partial-<run>`. Beside each part lie its list and what will be said of it in the
/// manifest; the folder gets its real name when everything is in it and on the disk.
struct RsyncPending: Sendable {
    let access: RsyncAccess
    let run: RunID

    var folder: String { RsyncFolder.partialPrefix + run.rawValue }
    var path: String { "\(access.folder.path)/\(folder)" }

    /// What lies beside a part.
    struct Note: Codable, Sendable, Equatable {
        var host: String
        var part: RsyncManifest.Part
    }

    /// Whose folder it is.
    struct Owner: Codable, Sendable, Equatable {
        var machine: String
        var process: ProcessIdentity
    }

    private static let ownerName = ".owner.json"
    private static let notePrefix = ".part-"
    private static let listPrefix = ".sums-"

    // MARK: - Parts

    /// A name that no other part of the run has.
    func reserve(
        _ stamp: SnapshotStamp, _ content: RsyncManifest.Part.Content
    ) throws(RepositoryError) -> String {
        let source = RunNames.safe(stamp.source?.rawValue ?? "part")
        let part = stamp.part?.rawValue ?? "/"
        let last = part.split(separator: "/").last.map { "-" + RunNames.safe(String($0)) } ?? ""
        let stem = source + last
        return try access.reserved.exclusively(folder) { (names: inout Set<String>) throws(RepositoryError) in
            try makeFolder()
            let taken = names.union(try access.folder.names(in: folder))
                .union([RsyncManifest.fileName, RsyncManifest.sumsName])
            for number in 1... {
                let name = number == 1 ? stem : "\(stem)-\(number)"
                // On some file systems letters that differ in case alone are one.
                if taken.contains(where: { $0.lowercased() == name.lowercased() }) { continue }
                names.insert(name)
                if content == .tree { try access.folder.makeFolder("\(folder)/\(name)") }
                return name
            }
            throw .unsupported("no name is left for \(stem)")
        }
    }

    private func makeFolder() throws(RepositoryError) {
        guard try !access.folder.isThere("\(folder)/\(RsyncPending.ownerName)") else { return }
        try access.folder.makeFolder(folder)
        let owner = Owner(machine: SystemFolder.hostName(), process: access.services.host.currentProcess())
        try access.folder.write(try text(of: owner), to: "\(folder)/\(RsyncPending.ownerName)")
    }

    /// Absolute: where the list of a part is written.
    func list(of name: String) -> String { "\(path)/\(RsyncPending.listPrefix)\(name)" }

    func add(_ part: RsyncManifest.Part, host: String) throws(RepositoryError) {
        try access.folder.write(
            try text(of: Note(host: host, part: part)), to: "\(folder)/\(RsyncPending.notePrefix)\(part.name)")
    }

    /// Takes back a part that came to nothing, and the folder when nothing else is in it.
    func release(_ name: String) throws(RepositoryError) {
        try access.reserved.exclusively(folder) { (names: inout Set<String>) throws(RepositoryError) in
            names.remove(name)
            // The note first: without it the rest only takes room.
            for file in [RsyncPending.notePrefix + name, RsyncPending.listPrefix + name, name] {
                try access.folder.delete("\(folder)/\(file)")
            }
            let left = try access.folder.names(in: folder)
            if names.isEmpty, left.allSatisfy({ $0 == RsyncPending.ownerName }) { try access.folder.delete(folder) }
        }
    }

    /// As ``release(_:)``, after something else went wrong, which is what is to be told. What stays all the same lies in the
    /// folder of a run that is not complete: it counts nowhere, and the next run removes it.
    func abandon(_ name: String) {
        do throws(RepositoryError) { try release(name) } catch { return }
    }

    /// Those of parts that are whole.
    func notes() throws(RepositoryError) -> [Note] {
        var notes: [Note] = []
        for name in try access.folder.names(in: folder)
        where name.hasPrefix(RsyncPending.notePrefix) && !access.folder.isDraft(name) {
            let bytes = try access.folder.read("\(folder)/\(name)", limit: 1 << 24)
            do {
                notes.append(try JSONDecoder().decode(Note.self, from: Data(bytes)))
            } catch {
                throw .damaged(location: access.location, detail: "\(folder)/\(name) cannot be read: \(error)")
            }
        }
        return notes
    }

    /// True where the process that was making it is no more. Of one on another machine nobody knows.
    var isDead: Bool {
        get throws(RepositoryError) {
            let file = "\(folder)/\(RsyncPending.ownerName)"
            guard try access.folder.isThere(file) else { return false }
            let owner: Owner
            do {
                owner = try JSONDecoder().decode(Owner.self, from: Data(try access.folder.read(file, limit: 1 << 16)))
            } catch let error as RepositoryError {
                throw error
            } catch {
                return false
            }
            guard owner.machine == SystemFolder.hostName() else { return false }
            return access.services.host.process(owner.process.pid) != owner.process
        }
    }

    // MARK: - The end

    /// Writes the list and the manifest, waits until all is on the disk, and gives the folder its name.
    /// - Parameter document: Holdfast's own record of the run.
    func finish(
        _ document: [UInt8], as stamp: SnapshotStamp, repository: String, now: Date
    ) async throws(RepositoryError) -> (id: SnapshotID, bytes: Int64) {
        let own: PlainValue
        do {
            own = try JSONDecoder().decode(PlainValue.self, from: Data(document))
        } catch {
            throw .unsupported("the record of the run is no JSON: \(error)")
        }
        try makeFolder()
        var parts = try notes().map(\.part).sorted { $0.name < $1.name }
        for part in parts where part.content != .tree {
            guard try access.folder.size(of: "\(folder)/\(part.name)") == part.bytes else {
                throw .noEvidence(location: access.location, detail: "\(part.name) is not as it was stored")
            }
        }
        let access = access
        let (folder, lists) = (folder, parts.map { list(of: $0.name) })
        let places = try await Blocking.run { _ throws(RepositoryError) in
            try RsyncSums(folder: access.folder).join(lists, into: "\(folder)/\(RsyncManifest.sumsName)")
        }
        for (index, place) in places.enumerated() {
            (parts[index].offset, parts[index].length) = place
        }
        let keep = [RsyncManifest.sumsName, RsyncManifest.fileName] + parts.map(\.name)
        for number in 1... {
            let time = RunNames.stamp(of: run, now: now)
            let place = number == 1 ? time : "\(time)-\(number)"
            if try access.folder.isThere(place) { continue }
            let manifest = RsyncManifest(
                repository: repository, folder: place, created: Timestamp.format(now),
                utcOffset: TimeZone.current.secondsFromGMT(for: now), host: stamp.host,
                profile: stamp.profile.rawValue, run: run.rawValue, tags: stamp.tags, parts: parts,
                manifest: own, manifestBytes: Int64(document.count))
            let bytes = try text(of: manifest) + [10]
            try await Blocking.run { _ throws(RepositoryError) in try access.folder.syncAll() }
            try access.folder.write(bytes, to: "\(folder)/\(RsyncManifest.fileName)")
            for name in try access.folder.names(in: folder) where !keep.contains(name) {
                try access.folder.delete("\(folder)/\(name)")
            }
            try access.folder.sync(folder)
            if try access.folder.publish(folder, as: place) {
                access.reserved.forget(folder)
                return (try RsyncRun.id(folder: place, run: run.rawValue), Int64(bytes.count))
            }
            // Another run took the name at this very moment.
        }
        throw .unsupported("no name is left for the run")
    }

    private func text(of value: some Encodable) throws(RepositoryError) -> [UInt8] {
        do {
            return try JSONDocument.text(of: value)
        } catch {
            throw .unsupported("what is to be said of \(folder) cannot be written: \(error)")
        }
    }
}
