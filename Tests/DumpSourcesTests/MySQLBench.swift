import BackupModel
import DumpSources
import Foundation
import TestSupport

/// What the suites of this kind share.
struct MySQLBench: Sendable {
    let bench: Bench
    let server: PrivateMariaDB

    init(_ server: PrivateMariaDB? = nil) throws {
        bench = try Bench()
        self.server = try server ?? PrivateMariaDB.shared.get()
    }

    func dump(_ database: String?, _ more: (String, Any)...) throws -> any DumpSource {
        var value = settings(("socket", server.socket), ("user", "root"))
        if let database { value.content = .map(value.entries + settings(("database", database)).entries) }
        let added = more.flatMap { settings($0).entries }
        value.content = .map(value.entries.filter { entry in !added.contains { $0.key == entry.key } } + added)
        return try bench.source("mysql", value)
    }

    /// A folder with client programs that do something before or after the real ones.
    func clients(dump: String = "exec mariadb-dump \"$@\"", shell: String = "exec mariadb \"$@\"") throws -> String {
        try bench.folder.write("#!/bin/sh\n\(dump)\n", to: "clients/mariadb-dump", mode: 0o755)
        try bench.folder.write("#!/bin/sh\n\(shell)\n", to: "clients/mariadb", mode: 0o755)
        return bench.folder["clients"]
    }

    func hint(_ error: any Error) -> String { (error as? SourceError)?.hint ?? "" }

    /// Until somebody is in there.
    func waitForSession(in database: String) async throws {
        for _ in 0..<200 {
            if try server.sessions(in: database) > 0 { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Whether the processes that a test started for a database are all gone.
    func isQuiet(_ database: String) async throws -> Bool {
        for _ in 0..<100 {
            if try server.sessions(in: database) == 0 { return true }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    static let content = """
        CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0), note text, raw blob);
        INSERT INTO account SELECT seq, 100, CONCAT('it''s \\n "', seq, '" \\\\),(''; -- x'), UNHEX(HEX(seq)) FROM seq_1_to_1000;
        INSERT INTO account VALUES (2000, 0, 'INSERT INTO `account` VALUES (1),(2);\nLOCK TABLES `x` WRITE;', x'00ff27');
        CREATE TABLE `odd ``na.me\nhere` (x int, y int AS (x + 1) STORED);
        INSERT INTO `odd ``na.me\nhere` (x) VALUES (1), (2);
        CREATE TABLE empty (x int);
        CREATE VIEW rich AS SELECT * FROM account WHERE balance > 100;
        CREATE TRIGGER before_empty BEFORE INSERT ON empty FOR EACH ROW SET NEW.x = 1;
        DELIMITER //
        CREATE PROCEDURE fill() BEGIN
        INSERT INTO `empty` VALUES (1);
        -- Dump completed
        END //
        DELIMITER ;
        CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM empty;
        """
}

/// A session that runs a statement and then stays.
struct MySQLHolder: Sendable {
    private let process: Process
    private let leash: Pipe

    /// Returns once the statement was run.
    init(_ server: PrivateMariaDB, _ statement: String) throws {
        process = Process()
        leash = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            "(printf '%s\\n' \"$2\" \"SELECT 'held';\"; read end) | mariadb --no-defaults -n -N -u root --socket=\"$1\"",
            "sh",
            server.socket, statement,
        ]
        let output = Pipe()
        process.standardInput = leash
        process.standardOutput = output
        try process.run()
        _ = output.fileHandleForReading.availableData
    }

    func end() {
        leash.fileHandleForWriting.closeFile()
        process.waitUntilExit()
    }
}
