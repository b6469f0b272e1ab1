import BackupModel
import Foundation
import GRDB

/// The database file: opened, checked, brought to the newest schema, and when it is damaged set aside for a new one.
struct HistoryFile {
    static let name = "history.sqlite"

    let path: String
    let queue: DatabaseQueue
    /// Where it stood when it was opened; another file in its place means that writes would go nowhere.
    private let place: Place

    private struct Place: Equatable {
        var device: UInt64
        var inode: UInt64
    }

    /// - Parameter date: names a file set aside, and dates the new one.
    /// - Throws: ``StoreError/newer(path:)`` for a schema we do not know; nothing is written then.
    init(folder: String, at date: Date, busyTimeout: TimeInterval) throws(StoreError) {
        path = "\(folder)/\(HistoryFile.name)"
        try StateFolder.prepare(folder)
        let lock = try OpeningLock(folder: folder)
        defer { lock.release() }
        try DurableFile.checkTarget(path)
        let isMissing = Foundation.access(path, F_OK) != 0
        let wasLost = isMissing ? try HistoryFile.hasTraces(in: folder) : false
        if isMissing { try HistoryFile.setAside(path, at: date) }
        if let opened = try HistoryFile.openUndamaged(path, recreated: wasLost ? date : nil, busyTimeout) {
            queue = opened
        } else {
            try HistoryFile.setAside(path, at: date)
            guard let opened = try HistoryFile.openUndamaged(path, recreated: date, busyTimeout) else {
                throw .unusable(path: path, reason: "a new history was damaged as soon as it was written")
            }
            queue = opened
        }
        guard let place = HistoryFile.place(of: path) else { throw stateError(path, errno) }
        self.place = place
    }

    /// Runs `body` in a transaction that waits for no writer.
    func read<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        try access { try queue.read(body) }
    }

    /// Runs `body` in a transaction that is on disk when this returns.
    func write<Value>(_ body: (Database) throws -> Value) throws(StoreError) -> Value {
        try access { try queue.write(body) }
    }

    private func access<Value>(_ work: () throws -> Value) throws(StoreError) -> Value {
        guard HistoryFile.place(of: path) == place else {
            throw .unusable(path: path, reason: "it was removed or replaced while this program had it open")
        }
        do {
            return try work()
        } catch let error as StoreError {
            throw error
        } catch {
            throw HistoryFile.storeError(error, path)
        }
    }

    private static func place(of path: String) -> Place? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return nil }
        return Place(device: UInt64(facts.st_dev), inode: UInt64(facts.st_ino))
    }

    /// True when this folder was in use before.
    private static func hasTraces(in folder: String) throws(StoreError) -> Bool {
        if try StateFolder.names(in: folder).contains(where: { $0.hasPrefix("\(name).") }) { return true }
        for below in ["pins", "journal"] where try !StateFolder.names(in: "\(folder)/\(below)").isEmpty { return true }
        return false
    }

    /// - Returns: `nil` when the file is damaged.
    private static func openUndamaged(_ path: String, recreated: Date?, _ busyTimeout: TimeInterval)
        throws(StoreError) -> DatabaseQueue?
    {
        do {
            return try open(path, recreated: recreated, busyTimeout)
        } catch let error as DatabaseError where isDamage(error) {
            return nil
        } catch let error as StoreError {
            throw error
        } catch {
            throw storeError(error, path)
        }
    }

    private static func open(_ path: String, recreated: Date?, _ busyTimeout: TimeInterval) throws -> DatabaseQueue {
        try provide(path)
        var configuration = Configuration()
        configuration.busyMode = .timeout(busyTimeout)
        configuration.foreignKeysEnabled = true
        // A commit is on disk before it is reported.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        let migrator = Migrations.migrator
        if try queue.read(migrator.hasBeenSuperseded) { throw StoreError.newer(path: path) }
        try check(queue)
        // Readers such as `status` never wait for a run, nor it for them.
        try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL") }
        if try !queue.read(migrator.hasCompletedMigrations) { try migrator.migrate(queue) }
        if let recreated {
            try queue.write { database in
                for key in [Fact.recreated, Fact.needsRebuilding] { try Fact.set(key, to: recreated, database) }
            }
        }
        return queue
    }

    /// SQLite gives its side files the mode of this one.
    private static func provide(_ path: String) throws {
        // One that is there is not opened: closing it again would take away all locks that SQLite of this process has on it, and
        // the next program that closed it would throw away its log.
        guard Foundation.access(path, F_OK) != 0 else {
            guard Foundation.access(path, R_OK | W_OK) == 0 else { throw stateError(path, errno) }
            return
        }
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw stateError(path, errno) }
        close(descriptor)
    }

    /// At the size of a history this takes milliseconds, so it is done whether or not the last run ended well.
    /// - Source: PRAGMA quick_check, https://sqlite.org/pragma.html, SQLite 3.40.
    private static func check(_ queue: DatabaseQueue) throws {
        let answer = try queue.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
        guard answer == "ok" else { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: answer) }
    }

    private static func isDamage(_ error: DatabaseError) -> Bool {
        [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode)
    }

    private static func setAside(_ path: String, at date: Date) throws(StoreError) {
        let stamp = UTCTime(date).compact
        var target = "\(path).damaged-\(stamp)"
        var count = 1
        while Foundation.access(target, F_OK) == 0 || Foundation.access(target + "-wal", F_OK) == 0 {
            count += 1
            target = "\(path).damaged-\(stamp)-\(count)"
        }
        // The log goes along, for without it the file is older than it was.
        for suffix in ["-wal", "-shm", ""] {
            guard rename(path + suffix, target + suffix) == 0 || errno == ENOENT else {
                throw stateError(path + suffix, errno, doing: "setting it aside")
            }
        }
    }

    private static func hasNoRoom(at path: String) -> Bool {
        var facts = statvfs()
        return statvfs((path as NSString).deletingLastPathComponent, &facts) == 0 && facts.f_bavail < 16
    }

    private static func storeError(_ error: any Error, _ path: String) -> StoreError {
        guard let error = error as? DatabaseError else { return .unusable(path: path, reason: "\(error)") }
        let message = error.message ?? "SQLite error \(error.resultCode.rawValue)"
        return switch error.resultCode {
        case .SQLITE_FULL: .full(path: path, reason: message)
        // Where its side files find no room SQLite says no more than that.
        case .SQLITE_IOERR where hasNoRoom(at: path): .full(path: path, reason: message)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            .unusable(path: path, reason: "another program keeps it locked (\(message))")
        case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
            .unusable(path: path, reason: "it cannot be written (\(message))")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            .unusable(
                path: path, reason: "it is damaged (\(message)); the next command sets it aside and begins a new one")
        default: .unusable(path: path, reason: message)
        }
    }
}

/// Only one process at a time opens the history, so that a damaged one is set aside once.
private struct OpeningLock {
    private let descriptor: Int32

    init(folder: String) throws(StoreError) {
        let path = "\(folder)/history.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw stateError(path, errno) }
        // Opening takes milliseconds; somebody who needs 10 seconds is stuck.
        for _ in 0..<500 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
            guard errno == EWOULDBLOCK || errno == EINTR else { break }
            usleep(20_000)
        }
        let error = stateError(path, errno, doing: "another process keeps it")
        close(descriptor)
        throw error
    }

    func release() { close(descriptor) }
}

/// Facts about the history itself.
enum Fact: String {
    /// When it was begun anew.
    case recreated
    /// Set until a repository was listed into it.
    case needsRebuilding

    static func set(_ fact: Fact, to date: Date, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO facts VALUES (?, ?)", arguments: [fact.rawValue, date.timeIntervalSince1970])
    }

    static func clear(_ fact: Fact, _ database: Database) throws {
        try database.execute(sql: "DELETE FROM facts WHERE key = ?", arguments: [fact.rawValue])
    }

    static func date(_ fact: Fact, _ database: Database) throws -> Date? {
        try Double.fetchOne(database, sql: "SELECT value FROM facts WHERE key = ?", arguments: [fact.rawValue])
            .map(Date.init(timeIntervalSince1970:))
    }
}
