import BackupModel
import Foundation
import TestSupport
import Testing

extension InPlaceTests {
    // MARK: SQLite

    @Test(.timeLimit(.minutes(5)))
    func `a live database that somebody has open is refused, and its log goes aside with it`() async throws {
        let world = try World("inplace-sqlite")
        let database = world.folder["app.db"]
        _ = try await world.program.runTool(
            "sqlite3", database, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1);")
        _ = try await world.program.runTool("chmod", "660", database)
        try world.writeProfile("  state: { sqlite: \"\(database)\" }")
        try await world.backUp()
        let script = """
            import sqlite3, sys, os, time
            c = sqlite3.connect(sys.argv[1], isolation_level=None)
            c.execute('INSERT INTO t VALUES (2)')
            open(sys.argv[2], 'w').close()
            time.sleep(60)
            """
        let ready = world.folder["ready"]
        let user = try Process.run(
            URL(fileURLWithPath: "/usr/bin/python3"), arguments: ["-c", script, database, ready])
        for _ in 0..<200 where !FileManager.default.fileExists(atPath: ready) {
            try await Task.sleep(for: .milliseconds(50))
        }
        let refused = try await world.program.run("restore", "latest", "--yes")
        #expect(refused.code == 1 && refused.errors.contains("is writing"), "\(refused)")
        kill(user.processIdentifier, SIGKILL)
        user.waitUntilExit()
        // What it committed is in the log alone.
        #expect(FileManager.default.fileExists(atPath: database + "-wal"))
        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(!FileManager.default.fileExists(atPath: database + "-wal"))
        #expect(try await world.program.runTool("sqlite3", database, "SELECT count(*) FROM t").output == "1\n")
        let mode = try FileManager.default.attributesOfItem(atPath: database)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o660)
        let undone = try await world.program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0, "\(undone)")
        #expect(try await world.program.runTool("sqlite3", database, "SELECT count(*) FROM t").output == "2\n")
    }

    /// Only root captures a live database at its own path among the files; for others it is a part of its own.
    @Test(.timeLimit(.minutes(5)))
    func `a database inside a folder is put back alone, also by an ordinary user`() async throws {
        let world = try OrdinaryUser.world("inplace-inside")
        let database = world.documents + "/app.db"
        _ = try await world.program.runTool("sqlite3", database, "CREATE TABLE t(x); INSERT INTO t VALUES (1);")
        try world.writeDocumentsProfile()
        try OrdinaryUser.give(world)
        try await world.backUp()
        _ = try await world.program.runTool("sqlite3", database, "DELETE FROM t")
        try write("changed\n", world.documents + "/one.txt")
        let restored = try await world.program.run("restore", "latest", "--path", database, "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(try await world.program.runTool("sqlite3", database, "SELECT count(*) FROM t").output == "1\n")
        #expect(content(world.documents + "/one.txt") == "changed\n")
    }

    @Test(.timeLimit(.minutes(5)), arguments: [RunMoment.settlementJournaled, .besidePlace])
    func `killed beside a database with a log, what is written afterwards is not lost`(moment: RunMoment) async throws {
        let world = try World("inplace-log")
        let database = world.folder["app.db"]
        func sql(_ text: String) async throws -> String {
            try await world.program.runTool("sqlite3", database, text).output
        }
        _ = try await sql("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1);")
        try world.writeProfile("  state: { sqlite: \"\(database)\" }")
        try await world.backUp()
        // A writer that dies leaves what it committed in the log.
        _ = try await world.program.runTool(
            "python3", "-c",
            """
            import os, sqlite3, sys
            c = sqlite3.connect(sys.argv[1], isolation_level=None)
            for i in range(100): c.execute('INSERT INTO t VALUES (2)')
            os._exit(0)
            """, database)
        #expect(FileManager.default.fileExists(atPath: database + "-wal"))
        let killed = try await world.program.run(
            "restore", "latest", "--yes", environment: ["HOLDFAST_FAILPOINT": "\(moment.rawValue):kill"])
        #expect(killed.code == -SIGKILL, "\(killed)")
        #expect(try await sql("SELECT count(*) FROM t") == "101\n", "all of it is there")
        _ = try await sql("INSERT INTO t VALUES (3),(3),(3)")
        let recovered = try await world.program.run("recover")
        #expect(recovered.code == 0, "\(recovered)")
        #expect(try await sql("SELECT count(*) FROM t") == "104\n")
        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(try await sql("SELECT count(*) FROM t") == "1\n")
        let undone = try await world.program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0, "\(undone)")
        #expect(try await sql("SELECT count(*) FROM t; PRAGMA integrity_check") == "104\nok\n")
    }

    // MARK: PostgreSQL

    @Test(.timeLimit(.minutes(5)), .enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"))
    func `a database is proven under another name and takes its own, on a server that lacks its roles too`()
        async throws
    {
        let postgres = try PrivatePostgres()
        let name = "shop"
        _ = try postgres.sql("CREATE ROLE keeper LOGIN PASSWORD 'opensesame'; CREATE DATABASE \(name) OWNER keeper")
        _ = try postgres.sql(
            "CREATE TABLE t AS SELECT generate_series(1, 500) AS x; ALTER TABLE t OWNER TO keeper", database: name)
        let world = try World("inplace-postgres")
        try world.writeProfile(
            "  db: { postgres: { database: \(name), host: \"\(postgres.socketFolder)\", user: \(postgres.superuser) } }"
        )
        try await world.backUp()
        _ = try postgres.sql("DELETE FROM t WHERE x > 3", database: name)
        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0 && restored.said.contains("500 rows"), "\(restored)")
        #expect(try postgres.sql("SELECT count(*) FROM t", database: name) == "500")
        let undone = try await world.program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0, "\(undone)")
        #expect(try postgres.sql("SELECT count(*) FROM t", database: name) == "3")
        let discarded = try await world.program.run("restore", "--discard", "--yes")
        #expect(discarded.code == 0, "\(discarded)")
        #expect(try postgres.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'shop%'") == "1")

        // A new machine.
        _ = try postgres.sql("DROP DATABASE \(name)")
        _ = try postgres.sql("DROP ROLE keeper")
        let anew = try await world.program.run("restore", "latest", "--yes")
        #expect(anew.code == 0 && anew.said.contains("made the role keeper"), "\(anew)")
        #expect(!anew.said.contains("opensesame") && !anew.said.contains("SCRAM"))
        #expect(try postgres.sql("SELECT count(*) FROM t", database: name) == "500")
        #expect(try postgres.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'") == "keeper")
        #expect(try postgres.sql("SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'keeper'") == "t")
    }

    @Test(
        .timeLimit(.minutes(5)),
        .enabled(
            if: PrivatePostgres.programs != nil && PrivatePostgres.newerPrograms != nil,
            "no PostgreSQL of two major versions"))
    func `a database moves to a server of a newer major version, role and rows and all`() async throws {
        let old = try PrivatePostgres.shared.get()
        let new = try PrivatePostgres(programs: PrivatePostgres.newerPrograms)
        let name = "move_" + UUID().uuidString.prefix(8).lowercased()
        _ = try old.sql("CREATE ROLE owner_\(name) LOGIN; CREATE DATABASE \(name) OWNER owner_\(name)")
        _ = try old.sql(
            """
            CREATE TABLE t (id int PRIMARY KEY, note text NOT NULL); CREATE INDEX ON t (note); ALTER TABLE t OWNER TO owner_\(name);
            INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 700) i;
            """, database: name)
        let world = try World("inplace-versions")
        let profile = { (server: PrivatePostgres) in
            try world.writeProfile(
                "  db: { postgres: { database: \(name), host: \"\(server.socketFolder)\", user: tester } }")
        }
        try profile(old)
        try await world.backUp()
        try profile(new)
        // The clients are those of the old version.
        let moved = try await world.program.run("restore", "latest", "--yes")
        #expect(moved.code == 0 && moved.said.contains("700 rows") && moved.said.contains("2 indexes"), "\(moved)")
        #expect(!moved.said.contains("not proven"), "\(moved)")
        #expect(try new.sql("SELECT count(*) FROM t", database: name) == "700")
        #expect(
            try new.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '\(name)'") == "owner_\(name)")
        // Over one that is there, and back.
        _ = try new.sql("DELETE FROM t WHERE id > 5", database: name)
        let again = try await world.program.run("restore", "latest", "--yes")
        #expect(again.code == 0, "\(again)")
        #expect(try new.sql("SELECT count(*) FROM t", database: name) == "700")
        let undone = try await world.program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0, "\(undone)")
        #expect(try new.sql("SELECT count(*) FROM t", database: name) == "5")
        // A backup of the new server needs its clients, and is told so.
        let unread = try await world.program.run("backup")
        #expect(unread.code != 0 && unread.errors.contains("older than the PostgreSQL server"), "\(unread)")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"))
    func `one database of several is put back alone, by the name of its dump or by its snapshot`() async throws {
        let postgres = try PrivatePostgres()
        for name in ["shop", "crm"] {
            try postgres.makeDatabase(name, "CREATE TABLE t AS SELECT generate_series(1, 10) AS x")
        }
        let world = try World("inplace-one-of-two")
        try world.writeProfile(
            "  db: { postgres: { databases: [shop, crm], host: \"\(postgres.socketFolder)\", user: \(postgres.superuser) } }"
        )
        let record = try await world.backUp()
        func empty() throws { for name in ["shop", "crm"] { try postgres.sql("DELETE FROM t", database: name) } }
        func rows() throws -> [String] {
            try ["shop", "crm"].map { try postgres.sql("SELECT count(*) FROM t", database: $0) }
        }
        try empty()
        let one = try await world.program.run("restore", "latest", "--path", "/postgres/shop.sql", "--yes")
        #expect(one.code == 0, "\(one)")
        #expect(try rows() == ["10", "0"])
        let undone = try await world.program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0, "\(undone)")
        #expect(try rows() == ["0", "0"])
        let part = try #require(record.objects("parts").first { $0.text("part") == "/postgres/crm.sql" })
        let other = try await world.program.run("restore", String(part.text("snapshot").prefix(12)), "--yes")
        #expect(other.code == 0 && other.said.contains("that snapshot is db /postgres/crm.sql alone"), "\(other)")
        #expect(try rows() == ["0", "10"])
    }
}
