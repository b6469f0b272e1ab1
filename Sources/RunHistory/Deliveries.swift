package import BackupModel
import GRDB

/// What followers have, as their last feeds saw it.
extension SQLiteRunStore {
    package func deliveries(from repository: String) throws(StoreError) -> [RepositoryName: Set<SnapshotID>] {
        try file.read { database in
            var deliveries: [RepositoryName: Set<SnapshotID>] = [:]
            // One that was fed and has nothing is something else than one that never was.
            let fed = try String.fetchAll(
                database, sql: "SELECT follower FROM fed WHERE repository = ?", arguments: [repository])
            for follower in fed { deliveries[RepositoryName(unchecked: follower)] = [] }
            let rows = try Row.fetchCursor(
                database, sql: "SELECT follower, snapshot FROM deliveries WHERE repository = ?", arguments: [repository]
            )
            while let row = try rows.next() {
                deliveries[RepositoryName(unchecked: row["follower"]), default: []].insert(
                    SnapshotID(rawValue: row["snapshot"]))
            }
            return deliveries
        }
    }

    package func setDeliveries(
        _ snapshots: Set<SnapshotID>, from repository: String, to follower: RepositoryName
    ) throws(StoreError) {
        try file.write { database in
            let place: StatementArguments = [repository, follower.rawValue]
            try database.execute(sql: "INSERT OR IGNORE INTO fed VALUES (?, ?)", arguments: place)
            try database.execute(
                sql: "DELETE FROM deliveries WHERE repository = ? AND follower = ?", arguments: place)
            let statement = try database.makeStatement(sql: "INSERT INTO deliveries VALUES (?, ?, ?)")
            for snapshot in snapshots {
                try statement.execute(arguments: [repository, follower.rawValue, snapshot.rawValue])
            }
        }
    }
}
