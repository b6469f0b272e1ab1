package import BackupModel
import Foundation

/// The resource journal as files, one per entry: `journal/<profile>/<id>.json` below the state folder.
package struct FileJournal: ResourceJournal {
    private let root: String
    private var folder: String { root + "/journal" }

    /// - Parameter folder: the state folder.
    package init(folder: String) { root = folder }

    package func add(_ entry: JournalEntry) throws(StoreError) {
        let home = "\(folder)/\(try checked(entry.profile.rawValue))"
        let path = "\(home)/\(try checked(entry.id)).json"
        try StateFolder.prepare(home, in: root)
        try DurableFile.write(try StoredJSON.encode(entry, path: path), to: path)
    }

    /// An entry that is gone already is no error: giving back twice is harmless, not giving back is not.
    package func remove(_ id: String) throws(StoreError) {
        let name = try checked(id) + ".json"
        for profile in try StateFolder.names(in: folder) { try DurableFile.remove("\(folder)/\(profile)/\(name)") }
    }

    /// - Throws: ``StoreError`` also for an entry that cannot be read, for what it stands for could then not be given back.
    package func entries(profile: ProfileName) throws(StoreError) -> [JournalEntry] {
        let home = "\(folder)/\(try checked(profile.rawValue))"
        try StateFolder.checkIfPresent(root)
        var entries: [JournalEntry] = []
        for name in try StateFolder.names(in: home) where name.hasSuffix(".json") {
            // One that went meanwhile was given back meanwhile.
            guard let bytes = try DurableFile.read("\(home)/\(name)") else { continue }
            entries.append(try StoredJSON.decode(JournalEntry.self, from: bytes, path: "\(home)/\(name)"))
        }
        return entries.sorted { ($0.run, $0.order, $0.id) > ($1.run, $1.order, $1.id) }
    }

    /// Profiles of which something is in the journal, whether they can still be loaded or not.
    package func profiles() throws(StoreError) -> [ProfileName] {
        try StateFolder.checkIfPresent(root)
        var profiles: [ProfileName] = []
        for name in try StateFolder.names(in: folder) {
            guard let profile = ProfileName(rawValue: name), try !entries(profile: profile).isEmpty else { continue }
            profiles.append(profile)
        }
        return profiles.sorted()
    }

    private func checked(_ name: String) throws(StoreError) -> String {
        guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), !name.utf8.contains(0), name.utf8.count <= 200
        else {
            throw .unusable(path: folder, reason: "‘\(name)’ cannot be the name of a journal entry")
        }
        return name
    }
}
