import BackupModel
import Foundation

/// The folder of a drill that others may enter, for servers that refuse to be root: made when first asked for, in the journal
/// before it is there.
actor DrillScratch {
    private let engine: Engine
    private let run: RunRecord
    private var made: (entry: JournalEntry?, path: String)?  // no entry: within the run's own folder, which has one

    /// Where the usual place lets nobody pass.
    private static let publicRoot = "/var/tmp"

    init(_ engine: Engine, _ run: RunRecord) {
        self.engine = engine
        self.run = run
    }

    /// - Parameter own: the run's private folder, which is opened for passing through where its parents are.
    func openFolder(own: String) throws(SourceError) -> String {
        if let made { return made.path }
        do {
            if DrillScratch.letsPass((own as NSString).deletingLastPathComponent) {
                let path = own + "/open"
                try DrillScratch.makeFolder(path)
                try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: own)
                made = (nil, path)
                return path
            }
            let path = engine.scratch.path(for: run.id, root: DrillScratch.publicRoot)
            let entry = JournalEntry(
                id: "open-\(run.id)", run: run.id, profile: run.profile, order: 1, process: run.process,
                action: .removeFolder(path))
            try engine.journal.add(entry)
            made = (entry, path)
            _ = try engine.scratch.create(for: run.id, root: DrillScratch.publicRoot)
            try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: path)
            return path
        } catch let error as any OperatorError {
            throw .unreadable("a folder for a server", reason: error.description)
        } catch {
            throw .unreadable("a folder for a server", reason: error.localizedDescription)
        }
    }

    private static func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
    }

    /// Whether everybody may pass through a folder and all above it.
    private static func letsPass(_ path: String) -> Bool {
        var place = path
        while place.count > 1 {
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: place),  // unseen: nobody passes
                let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue, mode & 0o001 != 0
            else { return false }
            place = (place as NSString).deletingLastPathComponent
        }
        return true
    }

    /// - Returns: what could not be removed, in words; it stays in the journal for the next run.
    func removeAll() -> [String] {
        guard let entry = made?.entry, let path = made?.path else { return [] }
        made = nil
        do {
            try engine.scratch.remove(path)
            try engine.journal.remove(entry.id)
            return []
        } catch let error as any OperatorError {
            return ["left for the next run to sweep: \(error.description)"]
        } catch {
            return ["left for the next run to sweep: \(error)"]
        }
    }
}
