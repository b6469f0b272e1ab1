package import BackupModel
import Foundation
import GRDB

/// What the repositories hold, as last seen.
extension SQLiteRunStore {
    /// Oldest first.
    package func snapshots(of repository: String) throws(StoreError) -> [Snapshot] {
        try file.read { database in
            let rows = try String.fetchCursor(
                database, sql: "SELECT snapshot FROM snapshots WHERE repository = ? ORDER BY time, id",
                arguments: [repository])
            let decoder = JSONDecoder()
            return try Array(rows.map { try decoder.decode(Snapshot.self, from: Data($0.utf8)) })
        }
    }

    /// Manifests of snapshots that are gone go with them.
    package func replaceSnapshots(of repository: String, with snapshots: [Snapshot]) throws(StoreError) {
        try file.write { database in
            try database.execute(sql: "DELETE FROM snapshots WHERE repository = ?", arguments: [repository])
            try insert(snapshots, repository, database)
            try database.execute(
                sql: """
                    DELETE FROM manifests WHERE repository = ?1
                    AND snapshot NOT IN (SELECT id FROM snapshots WHERE repository = ?1)
                    """, arguments: [repository])
            try Fact.clear(.needsRebuilding, database)
        }
    }

    package func addSnapshots(_ snapshots: [Snapshot], to repository: String) throws(StoreError) {
        try file.write { try insert(snapshots, repository, $0) }
    }

    /// Their manifests go with them.
    package func removeSnapshots(_ ids: [SnapshotID], from repository: String) throws(StoreError) {
        try file.write { database in
            for id in ids {
                let arguments: StatementArguments = [repository, id.rawValue]
                try database.execute(
                    sql: "DELETE FROM snapshots WHERE repository = ? AND id = ?", arguments: arguments)
                try database.execute(
                    sql: "DELETE FROM manifests WHERE repository = ? AND snapshot = ?", arguments: arguments)
                try database.execute(sql: "DELETE FROM removals WHERE repository = ? AND id = ?", arguments: arguments)
            }
        }
    }

    /// A manifest that cannot be read is left out: the repository has it, and gives it again.
    package func manifests(of repository: String) throws(StoreError) -> [SnapshotID: Manifest] {
        try file.read { database in
            let rows = try Row.fetchCursor(
                database, sql: "SELECT snapshot, manifest FROM manifests WHERE repository = ?", arguments: [repository])
            let decoder = JSONDecoder()
            var manifests: [SnapshotID: Manifest] = [:]
            while let row = try rows.next() {
                let json: String = row["manifest"]
                // Left out: see above.
                manifests[SnapshotID(rawValue: row["snapshot"])] = try? decoder.decode(
                    Manifest.self, from: Data(json.utf8))
            }
            return manifests
        }
    }

    package func saveManifest(_ manifest: Manifest, snapshot: SnapshotID, repository: String) throws(StoreError) {
        let json = String(decoding: try StoredJSON.encode(manifest, path: file.path), as: UTF8.self)
        try file.write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO manifests (repository, snapshot, manifest) VALUES (?, ?, ?)",
                arguments: [repository, snapshot.rawValue, json])
        }
    }

    package func counter(_ key: String) throws(StoreError) -> Int {
        try file.read { database in
            try Int.fetchOne(database, sql: "SELECT value FROM counters WHERE key = ?", arguments: [key]) ?? 0
        }
    }

    package func setCounter(_ key: String, to value: Int) throws(StoreError) {
        try file.write { database in
            try database.execute(sql: "INSERT OR REPLACE INTO counters VALUES (?, ?)", arguments: [key, value])
        }
    }

    private func insert(_ snapshots: [Snapshot], _ repository: String, _ database: Database) throws {
        let statement = try database.makeStatement(
            sql: "INSERT OR REPLACE INTO snapshots (repository, id, time, snapshot) VALUES (?, ?, ?, ?)")
        for snapshot in snapshots {
            let json = String(decoding: try StoredJSON.encode(snapshot, path: file.path), as: UTF8.self)
            try statement.execute(
                arguments: [repository, snapshot.id.rawValue, snapshot.time.timeIntervalSince1970, json])
        }
    }
}
