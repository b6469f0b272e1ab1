package import BackupModel
import Foundation
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

    package func mirroredSize(at place: String) throws(StoreError) -> (files: Int, bytes: ByteCount) {
        try file.read { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT count(*) AS files, sum(bytes) AS bytes FROM mirrored WHERE place = ?",
                arguments: [place])
            return (row?["files"] ?? 0, ByteCount(row?["bytes"] ?? 0))
        }
    }

    package func remove(_ paths: [String], at place: String) throws(StoreError) {
        try file.write { database in
            let statement = try database.makeStatement(sql: "DELETE FROM mirrored WHERE place = ? AND path = ?")
            for path in paths { try statement.execute(arguments: [place, path]) }
        }
    }

    package func dropMirrored(at place: String) throws(StoreError) {
        try file.write { try $0.execute(sql: "DELETE FROM mirrored WHERE place = ?", arguments: [place]) }
    }

    package func generations(at place: String) throws(StoreError) -> [MirrorGeneration] {
        try file.read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM generations WHERE place = ? ORDER BY started, name", arguments: [place]
            ).map { row in
                func date(_ column: String) -> Date? {
                    (row[column] as Double?).map(Date.init(timeIntervalSince1970:))
                }
                return MirrorGeneration(
                    name: row["name"], started: date("started") ?? .distantPast, completed: date("completed"),
                    closed: date("closed"), proven: date("proven"))
            }
        }
    }

    package func save(_ generations: [MirrorGeneration], at place: String) throws(StoreError) {
        try file.write { database in
            for one in generations {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO generations VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [
                        place, one.name, one.started.timeIntervalSince1970, one.completed?.timeIntervalSince1970,
                        one.closed?.timeIntervalSince1970, one.proven?.timeIntervalSince1970,
                    ])
            }
        }
    }

    package func removeGeneration(_ name: String, at place: String) throws(StoreError) {
        try file.write {
            try $0.execute(sql: "DELETE FROM generations WHERE place = ? AND name = ?", arguments: [place, name])
        }
    }
}
