package import BackupModel
import Foundation
import GRDB

/// What vanished from repositories, and what somebody said of it.
extension SQLiteRunStore {
    package func vanished(from repository: String) throws(StoreError) -> [VanishedSnapshot] {
        try file.read { database in
            let rows = try String.fetchCursor(
                database, sql: "SELECT vanished FROM vanished WHERE repository = ? ORDER BY time, id",
                arguments: [repository])
            let decoder = JSONDecoder()
            return try Array(rows.map { try decoder.decode(VanishedSnapshot.self, from: Data($0.utf8)) })
        }
    }

    /// Of one that is noted already, the first note stays.
    package func noteVanished(_ snapshots: [VanishedSnapshot], from repository: String) throws(StoreError) {
        try file.write { database in
            for gone in snapshots {
                let json = String(decoding: try StoredJSON.encode(gone, path: file.path), as: UTF8.self)
                try database.execute(
                    sql: "INSERT OR IGNORE INTO vanished (repository, id, time, vanished) VALUES (?, ?, ?, ?)",
                    arguments: [
                        repository, gone.snapshot.id.rawValue, gone.snapshot.time.timeIntervalSince1970, json,
                    ])
            }
        }
    }

    package func forgetVanished(_ ids: Set<SnapshotID>, from repository: String) throws(StoreError) {
        try file.write { database in
            for id in ids {
                try database.execute(
                    sql: "DELETE FROM vanished WHERE repository = ? AND id = ?", arguments: [repository, id.rawValue])
            }
        }
    }

    package func noteRemoval(of ids: [SnapshotID], from repository: String) throws(StoreError) {
        try file.write { database in
            for id in ids {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO removals (repository, id) VALUES (?, ?)",
                    arguments: [repository, id.rawValue])
            }
        }
    }

    package func removals(from repository: String) throws(StoreError) -> Set<SnapshotID> {
        try file.read { database in
            let rows = try String.fetchAll(
                database, sql: "SELECT id FROM removals WHERE repository = ?", arguments: [repository])
            return Set(rows.map(SnapshotID.init(rawValue:)))
        }
    }

    package func acknowledgements(of profile: ProfileName) throws(StoreError) -> [Acknowledgement] {
        try file.read { database in
            let rows = try String.fetchCursor(
                database, sql: "SELECT acknowledgement FROM acknowledgements WHERE profile = ? ORDER BY at, rowid",
                arguments: [profile.rawValue])
            let decoder = JSONDecoder()
            return try Array(rows.map { try decoder.decode(Acknowledgement.self, from: Data($0.utf8)) })
        }
    }

    package func save(_ acknowledgement: Acknowledgement, of profile: ProfileName) throws(StoreError) {
        let json = String(decoding: try StoredJSON.encode(acknowledgement, path: file.path), as: UTF8.self)
        try file.write { database in
            try database.execute(
                sql: "INSERT INTO acknowledgements (profile, at, acknowledgement) VALUES (?, ?, ?)",
                arguments: [profile.rawValue, acknowledgement.at.timeIntervalSince1970, json])
        }
    }
}
