import BackupModel
import Foundation
import GRDB

/// A run as a row: the columns that are searched by, and the whole record as JSON.
struct RunRow {
    private let run: RunRecord
    private let json: String

    init(_ run: RunRecord, path: String) throws(StoreError) {
        self.run = run
        json = String(decoding: try StoredJSON.encode(run, path: path), as: UTF8.self)
    }

    func write(_ database: Database, verb: String) throws {
        try database.execute(
            sql: """
                \(verb) INTO runs
                    (id, profile, operation, started, finished, outcome, pid, start_time, boot_id, record)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                run.id.rawValue, run.profile.rawValue, run.operation.rawValue, run.started.timeIntervalSince1970,
                run.finished?.timeIntervalSince1970, run.outcome?.rawValue, run.process.pid,
                Int64(bitPattern: run.process.startTime), run.process.bootID, json,
            ])
    }

    /// A record that cannot be read, such as one of another version, is put together from its columns and says so, for one
    /// bad row must not hide the others, and an unfinished run must be found whatever else is lost.
    static func record(_ row: Row) throws -> RunRecord {
        let json: String = row["record"]
        do {
            return try JSONDecoder().decode(RunRecord.self, from: Data(json.utf8))
        } catch {
            guard let id = RunID(rawValue: row["id"]), let profile = ProfileName(rawValue: row["profile"]),
                let operation = RunRecord.Operation(rawValue: row["operation"])
            else { throw DatabaseError(message: "the run \(row["id"] as String) is garbled") }
            let process = ProcessIdentity(
                pid: row["pid"], startTime: UInt64(bitPattern: row["start_time"]), bootID: row["boot_id"])
            var record = RunRecord(
                id: id, profile: profile, operation: operation, started: Date(timeIntervalSince1970: row["started"]),
                process: process, user: "unknown", profileDigest: "")
            record.finished = (row["finished"] as Double?).map(Date.init(timeIntervalSince1970:))
            record.outcome = (row["outcome"] as String?).flatMap(Outcome.init(rawValue:))
            record.notices = ["the details of this run cannot be read: \(error)"]
            return record
        }
    }
}
