import BackupModel
import Foundation

/// Where runs work, and where backups are shown, at this moment: what is there is no part of what a source has. Of a source that is
/// encrypted for recipients of its own it may be the plain text.
struct OwnPlaces: Sendable {
    let engine: Engine
    init(_ engine: Engine) { self.engine = engine }

    /// Absolute paths of folders that runs work in.
    func scratch() throws(StoreError) -> [String] {
        var paths = [engine.scratch.defaultRoot]
        if let root = engine.profile.settings.scratch { paths += engine.scratch.present(root: root) }
        // Those that an option of theirs put elsewhere.
        for profile in Set(try engine.store.unfinished(profile: nil).map(\.profile)) {
            for entry in try engine.journal.entries(profile: profile) {
                if case .removeFolder(let path) = entry.action { paths.append(path) }
            }
        }
        // By the names that they have without links, too: a source may lead there without.
        paths += paths.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
        return Array(Set(paths)).sorted()
    }

    /// Absolute paths at which backups are mounted.
    func mounts() -> [String] { engine.host.mounts().filter(\.showsBackup).map(\.path).sorted() }
}

extension CaptureContext {
    /// Leaves out what is no part of what any source has.
    mutating func leaveOut(_ engine: Engine) throws(StoreError) {
        keptAside = try KeptAside(engine).paths()
        keptDatabases = try KeptAside(engine).databases()
        workedIn = try OwnPlaces(engine).scratch()
        shown = OwnPlaces(engine).mounts()
    }
}
