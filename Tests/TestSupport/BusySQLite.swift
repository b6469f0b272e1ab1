import Foundation

/// A live SQLite database in WAL mode under a writer that commits all the time. Each commit moves money between accounts
/// and notes it, so that `SUM(balance)` is always ``total`` and `moves` only grows: a torn copy shows.
package final class BusySQLite: Sendable {
    package static let accounts = 2000
    package static let total = accounts * 100

    package let path: String
    private let writer: Process
    private let leash: Pipe

    /// - Parameters:
    ///   - bytes: roughly how large it begins.
    ///   - pause: between commits; zero is as fast as it goes.
    package init(at path: String, bytes: Int = 2 << 20, pause: Duration = .zero) throws {
        self.path = path
        leash = Pipe()
        writer = Process()
        writer.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        writer.arguments = [
            "python3", "-c", BusySQLite.program, path, String(BusySQLite.accounts), String(bytes),
            String(Double(pause.components.attoseconds) / 1e18 + Double(pause.components.seconds)),
        ]
        let ready = Pipe()
        writer.standardInput = leash
        writer.standardOutput = ready
        try writer.run()
        // One line comes when the database is there and the first commits are done.
        guard !ready.fileHandleForReading.availableData.isEmpty else { throw CocoaError(.fileReadUnknown) }
    }

    /// Ends the writer as `kill -9` would, leaving the -wal as it is.
    package func stop() {
        guard writer.isRunning else { return }
        kill(writer.processIdentifier, SIGKILL)
        writer.waitUntilExit()
    }

    deinit { stop() }

    private static let program = """
        import random, select, sqlite3, sys, time
        path, accounts, size, pause = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=OFF")
        db.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
        db.execute("CREATE TABLE move (id INTEGER PRIMARY KEY, note TEXT)")
        db.execute("CREATE TABLE filler (id INTEGER PRIMARY KEY, block BLOB)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO account VALUES (?, 100)", [(i,) for i in range(accounts)])
        db.executemany("INSERT INTO filler (block) VALUES (randomblob(?))", [(4000,)] * (size // 4000))
        db.execute("COMMIT")
        done = 0
        while not select.select([sys.stdin], [], [], pause)[0]:
            a, b = random.randrange(accounts), random.randrange(accounts)
            db.execute("BEGIN IMMEDIATE")
            db.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", (a,))
            db.execute("UPDATE account SET balance = balance + 1 WHERE id = ?", (b,))
            db.execute("INSERT INTO move (note) VALUES (?)", ("%d to %d" % (a, b),))
            db.execute("COMMIT")
            done += 1
            if done == 20:
                print("ready", flush=True)
        """
}
