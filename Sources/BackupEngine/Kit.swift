package import BackupModel
package import Foundation

/// What brings a restore point back without Holdfast: where things are, what must be at hand, and the lines to type.
package struct Kit: Sendable {
    package struct Part: Sendable {
        package var part: ManifestPart
        package var restore: ManualRestore
        /// What to do with the file or folder then, in words.
        package var advice: String?
    }

    package var profile: ProfileName
    package var host: String
    package var made: Date
    package var point: RestorePoint
    package var repository: RepositorySpec
    package var location: String
    package var identity: String?
    package var parts: [Part]
    package var notices: [String]

    /// Of all parts, each once.
    package var programs: [String] { Set(parts.flatMap(\.restore.programs)).sorted() }
    package var keys: [ManualRestore.Key] {
        parts.flatMap(\.restore.keys).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// - Parameter point: as on the command line: `latest`, a run, a time.
    package static func assembled(_ engine: Engine, point: String) async throws -> Kit {
        let list = try await PointList(engine).load(loadingManifests: true)
        let chosen = try list.restorePoints.resolve(point, now: engine.clock.now, timeZone: .current)
        var parts: [Part] = []
        for part in chosen.entries.map(\.part) {
            parts.append(
                Part(part: part, restore: try await engine.primary.byHand(part), advice: advice(part)))
        }
        let spec = engine.primary.spec
        let pin = try engine.pins.pin(profile: engine.profile.name, repository: spec.pinName)
        return Kit(
            profile: engine.profile.name, host: engine.profile.host, made: engine.clock.now, point: chosen,
            repository: spec, location: engine.primary.location, identity: pin?.identity.id, parts: parts,
            notices: list.notices)
    }

    /// mysql and older clients do not know the first line of newer dumps.
    private static func mysql(_ part: ManifestPart) -> String {
        func name(_ key: String, _ word: String) -> String {
            guard let text = part.restoreNotes[key],
                text.allSatisfy({ $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) })
            else { return "" }
            return " \(word) \(text)"
        }
        let database = "CREATE DATABASE NEW" + name("charset", "CHARACTER SET") + name("collation", "COLLATE")
        return "mariadb -e '\(database)' && mariadb --binary-mode NEW < FILE (with mysql: tail -n +2 FILE | mysql NEW)"
    }

    private static func advice(_ part: ManifestPart) -> String? {
        switch (part.sourceKind, part.restoreNotes["format"]) {
        case ("postgres", "globals"): "roles and tablespaces: psql -d postgres -f FILE, before the databases"
        case ("postgres", "custom"): "createdb NEW && pg_restore --exit-on-error -d NEW FILE"
        case ("postgres", _): "createdb NEW && psql -v ON_ERROR_STOP=1 -d NEW -f FILE"
        case ("mysql", "users"): "users and grants: mariadb < FILE, before the databases; what is there is left alone"
        case ("mysql", _): mysql(part)
        case ("sqlite", _): "the database itself; remove an old -wal and -shm beside the place where you put it"
        default: nil
        }
    }
}
