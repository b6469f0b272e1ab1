import BackupModel
import Foundation
import HostSystem
import RunHistory

/// What stands in for this host's own folders in a drill as if on a new machine: a home folder with nothing in it, no cache, no
/// pins, no history. What stays is what the profile names, for that is what whoever rebuilds the machine has.
final class NewMachine: Sendable {
    let home: String
    let cache: String
    let pins: FilePins
    let store: SQLiteRunStore
    private let folder: String
    private let scratch: ScratchFolders
    private let journal: FileJournal
    private let entry: JournalEntry

    /// In the journal before it is made, so that a later run removes it should this one be killed.
    init(_ live: Live, scratch root: String?) throws {
        let root = root ?? live.profile.settings.scratch
        let scratch = ScratchFolders(defaultRoot: live.stateFolder + "/scratch")
        self.scratch = scratch
        journal = live.journal
        let run = RunID(startedAt: live.clock.now, entropy: UInt32.random(in: 0...UInt32.max))
        folder = scratch.path(for: run, root: root)
        entry = JournalEntry(
            id: "machine-\(run)", run: run, profile: live.profile.name, order: 0, process: live.host.currentProcess(),
            action: .removeFolder(folder))
        try journal.add(entry)
        (home, cache) = (folder + "/home", folder + "/cache")
        do {
            _ = try scratch.create(for: run, root: root)
            for path in [home, cache, folder + "/state"] {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            }
            store = try SQLiteRunStore(folder: folder + "/state")
            pins = FilePins(folder: folder + "/state")
        } catch {
            // What resists stays in the journal, and the next run sweeps it.
            do {
                try scratch.remove(folder)
                try journal.remove(entry.id)
            } catch { live.console.warn("left for the next run to sweep: \(folder)") }
            throw error
        }
    }

    func remove(_ console: Console) {
        do {
            try scratch.remove(folder)
            try journal.remove(entry.id)
        } catch {
            let words = (error as? any OperatorError)?.description ?? "\(error)"
            console.warn("left for the next run to sweep: \(words)")
        }
    }

    /// What children see: of this host's own nothing but the search path and the time zone.
    static func environment(on machine: NewMachine?) -> [String: String] {
        let ours = ProcessInfo.processInfo.environment
        guard let machine else { return ours }
        var environment = ours.filter { !$0.key.hasPrefix("XDG_") && $0.key != "GNUPGHOME" }
        environment["HOME"] = machine.home
        return environment
    }
}
