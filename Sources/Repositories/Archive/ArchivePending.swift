import BackupModel
import Digests
import Foundation

/// The folder of one run while it is made: `.incomplete-<run>`. Beside each file lies what will be said of it in the manifest;
/// the folder gets its real name when the manifest is in it.
struct ArchivePending: Sendable {
    let access: ArchiveAccess
    let run: RunID

    var folder: String { ArchiveFolder.incompletePrefix + run.rawValue }

    /// What lies beside a file.
    struct Note: Codable, Sendable, Equatable {
        var host: String
        var file: ArchiveManifest.File
    }

    static let noteEnding = ".part.json"

    // MARK: - Files

    /// A name that no other file of the run has.
    func reserve(
        _ stamp: SnapshotStamp, _ content: ArchiveManifest.File.Content, now: Date
    ) throws(RepositoryError) -> String {
        let settings = access.settings
        let stem = ArchiveNames.stem(
            settings.name ?? stamp.profile.rawValue, source: stamp.source ?? SourceName(unchecked: "part"),
            part: stamp.part ?? PartPath(rawValue: "/"), content: content, main: settings.main)
        let time = RunNames.stamp(of: run, now: now)
        let endings = ArchiveNames.endings(content, settings.compression, settings.encryption)
        return try access.reserved.exclusively(folder) { (names: inout Set<String>) throws(RepositoryError) in
            try access.folder.makeFolder(folder)
            let present = Set(try access.folder.names(in: folder))
            for number in 1... {
                // On some file systems letters that differ in case alone are one.
                let name = "\(stem)\(number == 1 ? "" : "-\(number)")-\(time)\(endings)"
                let isTaken = names.union(present).contains { $0.lowercased() == name.lowercased() }
                if isTaken { continue }
                names.insert(name)
                return name
            }
            throw .unsupported("no name is left for \(stem)")
        }
    }

    func add(_ file: ArchiveManifest.File, host: String) throws(RepositoryError) {
        try access.folder.write(
            try text(of: Note(host: host, file: file)), to: "\(folder)/\(file.name)\(ArchivePending.noteEnding)")
    }

    /// Takes back a file that came to nothing, and the folder when nothing else is in it.
    func release(_ name: String) throws(RepositoryError) {
        try access.reserved.exclusively(folder) { (names: inout Set<String>) throws(RepositoryError) in
            names.remove(name)
            try access.folder.remove("\(folder)/\(name)\(ArchivePending.noteEnding)")
            try access.folder.remove("\(folder)/\(name)")
            if names.isEmpty, try access.folder.names(in: folder).isEmpty { try access.folder.removeFolder(folder) }
        }
    }

    /// As ``release(_:)``, after something else went wrong, which is what is to be told. What stays all the same lies in the
    /// folder of a run that is not complete: it counts nowhere, and `prune` removes it.
    func abandon(_ name: String) {
        do throws(RepositoryError) { try release(name) } catch { return }
    }

    /// Those that are whole.
    func notes() throws(RepositoryError) -> [Note] {
        var notes: [Note] = []
        for name in try access.folder.names(in: folder) where name.hasSuffix(ArchivePending.noteEnding) {
            let bytes = try access.folder.read("\(folder)/\(name)", limit: 1 << 24)
            do {
                notes.append(try JSONDecoder().decode(Note.self, from: Data(bytes)))
            } catch {
                throw .damaged(location: access.location, detail: "\(folder)/\(name) cannot be read: \(error)")
            }
        }
        return notes
    }

    // MARK: - The end

    /// Writes the manifest and gives the folder its name.
    /// - Parameter document: Holdfast's own record of the run.
    func finish(
        _ document: [UInt8], as stamp: SnapshotStamp, keys: ArchiveKeys, now: Date
    ) async throws(RepositoryError) -> (id: SnapshotID, bytes: Int64) {
        let own: PlainValue
        do {
            own = try JSONDecoder().decode(PlainValue.self, from: Data(document))
        } catch {
            throw .unsupported("the record of the run is no JSON: \(error)")
        }
        var files = try notes().map(\.file)
        for file in files where try access.folder.size(of: "\(folder)/\(file.name)") != file.bytes {
            throw .noEvidence(location: access.location, detail: "\(file.name) is not as it was stored")
        }
        let time = RunNames.stamp(of: run, now: now)
        let name = access.settings.name ?? stamp.profile.rawValue
        var ownStamp = time
        for number in 1... {
            let place = number == 1 ? time : "\(time)-\(number)"
            // A name that is taken costs no writing.
            if try access.folder.isThere(place) { continue }
            // The files bear the name of their folder, wherever they are put.
            for index in files.indices {
                let new = ArchivePending.renamed(files[index].name, from: ownStamp, to: place)
                try rename(files[index].name, to: new)
                files[index].name = new
            }
            ownStamp = place
            var manifest = ArchiveManifest(
                repository: keys.header.id, folder: place, name: name, created: Timestamp.format(now),
                utcOffset: TimeZone.current.secondsFromGMT(for: now), host: stamp.host,
                profile: stamp.profile.rawValue, run: run.rawValue, tags: stamp.tags,
                files: files.sorted { $0.name < $1.name }, tools: ArchivePending.tools(own), manifest: own,
                manifestBytes: Int64(document.count))
            manifest.name(main: access.settings.main?.rawValue)
            let file = "\(RunNames.safe(name))-\(place).json"
            let bytes = try await ArchiveSeal(access: access, keys: keys).sealed(manifest)
            try access.folder.write(bytes, to: "\(folder)/\(file)")
            for entry in files { try access.folder.remove("\(folder)/\(entry.name)\(ArchivePending.noteEnding)") }
            if try access.folder.publish(folder, as: place) {
                access.reserved.forget(folder)
                return (try ArchiveRun.id(folder: place, run: run.rawValue), Int64(bytes.count))
            }
            // Another run took the name at this very moment.
            for entry in files { try add(entry, host: stamp.host) }
            try access.folder.remove("\(folder)/\(file)")
        }
        throw .unsupported("no name is left for \(time)")
    }

    /// With another stamp before its endings.
    private static func renamed(_ name: String, from old: String, to new: String) -> String {
        guard old != new, let range = name.range(of: "-\(old).", options: .backwards) else { return name }
        return name.replacingCharacters(in: range, with: "-\(new).")
    }

    /// A file with its note.
    private func rename(_ name: String, to new: String) throws(RepositoryError) {
        guard name != new else { return }
        for ending in ["", ArchivePending.noteEnding] {
            try access.folder.rename("\(folder)/\(name)\(ending)", to: "\(folder)/\(new)\(ending)")
        }
    }

    private static func tools(_ document: PlainValue) -> [String: String] {
        (document.entries["tools"]?.entries ?? [:]).compactMapValues {
            if case .text(let text) = $0 { text } else { nil }
        }
    }

    private func text(of note: Note) throws(RepositoryError) -> [UInt8] {
        do {
            return try JSONDocument.text(of: note)
        } catch {
            throw .unsupported("what is to be said of \(note.file.name) cannot be written: \(error)")
        }
    }
}
