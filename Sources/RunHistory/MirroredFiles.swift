package import BackupModel
import GRDB

/// The ledger of mirrors.
extension SQLiteRunStore: MirrorLedger {
    package func mirrored(at place: String) throws(StoreError) -> [String: MirroredFile] {
        try file.read { database in
            let rows = try Row.fetchCursor(
                database, sql: "SELECT path, digest, bytes FROM mirrored WHERE place = ?", arguments: [place])
            var files: [String: MirroredFile] = [:]
            while let row = try rows.next() {
                files[row["path"]] = MirroredFile(digest: row["digest"], bytes: row["bytes"])
            }
            return files
        }
    }

    package func enter(_ files: [String: MirroredFile], at place: String) throws(StoreError) {
        try file.write { database in
            let statement = try database.makeStatement(sql: "INSERT OR REPLACE INTO mirrored VALUES (?, ?, ?, ?)")
            for (path, file) in files {
                try statement.execute(arguments: [place, path, file.digest, file.bytes])
            }
        }
    }
}
