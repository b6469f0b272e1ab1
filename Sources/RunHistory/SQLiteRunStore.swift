package import BackupModel
package import Foundation
import GRDB
import Synchronization

/// The history as one SQLite file, `history.sqlite` in the state folder.
///
/// A damaged file is set aside as `history.sqlite.damaged-<time>` and a new one begun. The outcome of a run is never lost to
/// a full disk or a locked file: ``update(_:)`` then keeps the record in a file of its own, and the next opening takes it in.
package final class SQLiteRunStore: RunStore {
    let file: HistoryFile
    private let unrecorded: UnrecordedRuns
    /// Runs of this process whose record waits in a file of its own.
    private let waiting = Mutex<Set<RunID>>([])

    /// True until a repository was listed into a history that was begun anew; so a rebuilding that was itself interrupted is
    /// asked for again.
    package let wasRecreated: Bool
    /// When this history was begun anew, if it was; runs before that which left nothing in a repository are gone.
    package let recreatedAt: Date?

    /// - Parameters:
    ///   - folder: the state folder; made where it is missing.
    ///   - fallbackFolder: takes records of runs when the state folder cannot.
    ///   - busyTimeout: how long to wait, in seconds, for another program's lock on the file.
    /// - Throws: ``StoreError``.
    package init(
        folder: String, fallbackFolder: String? = nil, now: Date = Date(), busyTimeout: TimeInterval = 10
    ) throws(StoreError) {
        file = try HistoryFile(folder: folder, at: now, busyTimeout: busyTimeout)
        unrecorded = UnrecordedRuns(folders: [folder] + (fallbackFolder.map { [$0] } ?? []))
        (wasRecreated, recreatedAt) = try file.read { database in
            (try Fact.date(.needsRebuilding, database) != nil, try Fact.date(.recreated, database))
        }
        try takeInUnrecorded()
    }

    package func begin(_ run: RunRecord) throws(StoreError) {
        let row = try RunRow(run, path: file.path)
        try file.write { try row.write($0, verb: "INSERT") }
    }

    package func update(_ run: RunRecord) throws(StoreError) {
        do throws(StoreError) {
            let row = try RunRow(run, path: file.path)
            try file.write { try row.write($0, verb: "INSERT OR REPLACE") }
        } catch {
            var kept = run
            kept.notices.append("\(error.description); this record waited in a file of its own")
            do { try unrecorded.write(kept) } catch _ { throw error }
            waiting.withLock { _ = $0.insert(run.id) }
            return
        }
        if waiting.withLock({ $0.remove(run.id) }) != nil { try unrecorded.remove(run.id) }
    }

    package func run(_ id: RunID) throws(StoreError) -> RunRecord? {
        try file.read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM runs WHERE id = ?", arguments: [id.rawValue])
                .map(RunRow.record)
        }
    }

    package func runs(_ query: RunQuery) throws(StoreError) -> [RunRecord] {
        var conditions: [String] = []
        var arguments = StatementArguments()
        func add(_ condition: String, _ value: (any DatabaseValueConvertible)?) {
            guard let value else { return }
            conditions.append(condition)
            arguments += [value]
        }
        add("profile = ?", query.profile?.rawValue)
        add("operation = ?", query.operation?.rawValue)
        add("outcome = ?", query.outcome?.rawValue)
        add("started >= ?", query.since?.timeIntervalSince1970)
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        arguments += [max(0, query.limit)]
        return try file.read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM runs \(filter) ORDER BY started DESC, id DESC LIMIT ?",
                arguments: arguments
            ).map(RunRow.record)
        }
    }

    package func unfinished(profile: ProfileName?) throws(StoreError) -> [RunRecord] {
        try file.read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM runs WHERE (?1 IS NULL OR profile = ?1) AND finished IS NULL ORDER BY started, id",
                arguments: [profile?.rawValue]
            ).map(RunRow.record)
        }
    }

    private func takeInUnrecorded() throws(StoreError) {
        for (run, path) in try unrecorded.all() {
            let row = try RunRow(run, path: path)
            try file.write { database in
                let isFinished = try Bool.fetchOne(
                    database, sql: "SELECT finished IS NOT NULL FROM runs WHERE id = ?", arguments: [run.id.rawValue])
                // A file that outlived a later, complete record has nothing to add.
                if isFinished == true, run.finished == nil { return }
                try row.write(database, verb: "INSERT OR REPLACE")
            }
            try DurableFile.remove(path)
        }
    }
}

extension SQLiteRunStore {
    /// What the connection is set to, for tests of its durability.
    package func pragmas() throws(StoreError) -> [String: String] {
        try file.read { database in
            var values: [String: String] = [:]
            for name in ["synchronous", "journal_mode", "foreign_keys"] {
                values[name] = try String.fetchOne(database, sql: "PRAGMA \(name)")
            }
            return values
        }
    }
}
