package import BackupModel
package import Foundation
import GRDB

/// Messages that are still to be delivered, and how each notifier stands.
extension SQLiteRunStore {
    package func waiting(profile: ProfileName) throws(StoreError) -> [WaitingMessage] {
        let rows = try file.read { database in
            try Row.fetchAll(
                database, sql: "SELECT next, entry FROM outbox WHERE profile = ? ORDER BY since, notifier, topic",
                arguments: [profile.rawValue]
            ).map { (next: $0["next"] as Double, entry: $0["entry"] as String) }
        }
        return rows.compactMap { row in
            do {
                var message = try StoredJSON.decode(WaitingMessage.self, from: Array(row.entry.utf8), path: file.path)
                message.nextAttempt = Date(timeIntervalSince1970: row.next)
                return message
            } catch {
                // One that a newer version wrote is left to it.
                return nil
            }
        }
    }

    package func keep(_ message: WaitingMessage) throws(StoreError) {
        let entry = String(decoding: try StoredJSON.encode(message, path: file.path), as: UTF8.self)
        try file.write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    message.message.profile.rawValue, message.notifier.rawValue, message.message.topic,
                    message.since.timeIntervalSince1970, message.message.at.timeIntervalSince1970,
                    message.nextAttempt.timeIntervalSince1970, entry,
                ])
        }
    }

    package func drop(_ message: WaitingMessage) throws(StoreError) {
        try file.write { database in
            try database.execute(
                sql: "DELETE FROM outbox WHERE profile = ? AND notifier = ? AND topic = ? AND at <= ?",
                arguments: [
                    message.message.profile.rawValue, message.notifier.rawValue, message.message.topic,
                    message.message.at.timeIntervalSince1970,
                ])
        }
    }

    package func claim(_ message: WaitingMessage, at now: Date, until date: Date) throws(StoreError) -> Bool {
        try file.write { database in
            try database.execute(
                sql: "UPDATE outbox SET next = ? WHERE profile = ? AND notifier = ? AND topic = ? AND next <= ?",
                arguments: [
                    date.timeIntervalSince1970, message.message.profile.rawValue, message.notifier.rawValue,
                    message.message.topic, now.timeIntervalSince1970,
                ])
            return database.changesCount == 1
        }
    }

    package func standing(of notifier: NotifierName, profile: ProfileName) throws(StoreError) -> NotifierStanding {
        try file.read { try SQLiteRunStore.standing(of: notifier, profile, $0) }
    }

    package func changeStanding(
        of notifier: NotifierName, profile: ProfileName, _ change: (inout NotifierStanding) -> Void
    ) throws(StoreError) {
        let path = file.path
        try file.write { database in
            var standing = try SQLiteRunStore.standing(of: notifier, profile, database)
            change(&standing)
            let text = String(decoding: try StoredJSON.encode(standing, path: path), as: UTF8.self)
            try database.execute(
                sql: "INSERT OR REPLACE INTO notifiers VALUES (?, ?, ?)",
                arguments: [profile.rawValue, notifier.rawValue, text])
        }
    }

    private static func standing(
        of notifier: NotifierName, _ profile: ProfileName, _ database: Database
    ) throws -> NotifierStanding {
        let text = try String.fetchOne(
            database, sql: "SELECT standing FROM notifiers WHERE profile = ? AND notifier = ?",
            arguments: [profile.rawValue, notifier.rawValue])
        guard let text else { return NotifierStanding() }
        return try StoredJSON.decode(NotifierStanding.self, from: Array(text.utf8), path: HistoryFile.name)
    }
}
