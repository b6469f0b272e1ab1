import BackupModel
import DumpSources
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: PrivateMariaDB.program != nil, "MariaDB is not installed"))
struct `MySQL databases` {
    let my: MySQLBench
    var bench: Bench { my.bench }
    var server: PrivateMariaDB { my.server }

    init() throws { my = try MySQLBench() }

    @Test func `a database comes back as it was, and is proved`() async throws {
        let database = try server.makeDatabase(nil, MySQLBench.content)
        let source = try my.dump(database)
        let preview = try await source.preflight(bench.context)
        #expect(preview.summary.hasPrefix("database \(database) (MariaDB 1"))
        #expect(preview.estimatedBytes ?? 0 > .kibibytes(16))
        #expect(preview.tools["mariadb-dump"] != nil)
        #expect(preview.notices == [])
        let report = try #require(try await bench.capture(source).first)
        #expect(report.path.rawValue == "/mysql/\(database).sql" && preview.parts == [report.path])
        #expect(report.condition == .clean)
        #expect(report.facts.rows == ["account": 1001, "odd `na.me\nhere": 2, "empty": 0])
        #expect(report.facts.rowCounting == .exact)
        let notes = report.facts.notes ?? [:]
        #expect(notes["charset"] == "utf8mb4" && notes["server"]?.hasPrefix("MariaDB 1") == true)
        for kind in ["views", "triggers", "routines", "events"] { #expect(notes[kind] == "1", "\(kind)") }
        #expect(notes["binlog"]?.hasPrefix("bin.0") == true)
        #expect(bench.scratchContent.isEmpty)
        #expect(try server.sessions(in: database) == 0)

        let target = "\(database)_back"
        let restored = try await bench.restore(report, with: source, database: target)
        #expect(restored.place == "database \(target)")
        #expect(restored.proofs.contains("3 tables, 1003 rows"))
        #expect(restored.proofs.contains("1 trigger") && restored.proofs.contains("1 event"))
        #expect(restored.unproven.isEmpty)
        #expect(restored.notices.contains { $0.contains("event_scheduler") })
        let sums = try server.sql("CHECKSUM TABLE \(database).account, \(target).account").split(separator: "\n")
        #expect(Set(sums.compactMap { $0.split(separator: "\t").last }).count == 1 && sums.count == 2)
        #expect(try server.sql("SELECT SUM(x), SUM(y) FROM `odd ``na.me\nhere`", database: target) == "3\t5")
        let collation = "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = '\(target)'"
        #expect(try server.sql(collation) == "utf8mb4_unicode_ci")

        let saved = try await bench.restore(report, with: source)
        #expect(saved.proofs.contains("the dump is complete"))
        let text = try String(contentsOfFile: saved.place, encoding: .utf8)
        #expect(text.hasSuffix("-- Dump completed\n"), "the same data is the same bytes, whenever it is dumped")
    }

    @Test func `while somebody writes, a dump is one moment, and its rows are those of that moment`() async throws {
        let database = try server.makeDatabase(
            nil, "CREATE TABLE a (x int); CREATE TABLE b (x int); INSERT INTO a SELECT seq FROM seq_1_to_20000;")
        let server = server
        let isOver = Atomic(false)
        let writing = Task.detached {
            while !isOver.load(ordering: .relaxed) {
                let pairs = String(
                    repeating: "BEGIN; INSERT INTO a VALUES (0); INSERT INTO b VALUES (0); COMMIT;", count: 50)
                _ = try? server.sql(pairs, database: database)
            }
        }
        let source = try my.dump(database)
        let report = try #require(try await bench.capture(source).first)
        isOver.store(true, ordering: .relaxed)
        _ = await writing.value
        let rows = try #require(report.facts.rows)
        #expect(rows["a"] == 20_000 + (rows["b"] ?? -1))
        let restored = try await bench.restore(report, with: source, database: "\(database)_back")
        #expect(restored.proofs.contains { $0.hasPrefix("2 tables, ") })
    }

    @Test func `a dump that ends well without its last line stores nothing`() async throws {
        let database = try server.makeDatabase(nil, "CREATE TABLE t (x int); INSERT INTO t VALUES (1);")
        let clients = try my.clients(dump: "mariadb-dump \"$@\" | sed '/^-- Dump completed/d'")
        await #expect { try await bench.capture(my.dump(database, ("clients", clients))) } throws: {
            isCase($0, "repository") && "\($0)".contains("not whole")
        }
        #expect(bench.scratchContent.isEmpty)
    }

    @Test func `a table that the dump leaves out without a word is missed`() async throws {
        let database = try server.makeDatabase(nil, "CREATE TABLE t (x int); CREATE TABLE lost (x int);")
        let clients = try my.clients(
            dump:
                "for last; do :; done; first=$1; shift; exec mariadb-dump \"$first\" --ignore-table=\"$last.lost\" \"$@\""
        )
        await #expect { try await bench.capture(my.dump(database, ("clients", clients))) } throws: {
            isCase($0, "mismatch") && "\($0)".contains("the table lost")
        }
    }

    @Test func `a server that is not there, a database, a user or a password that is wrong are told apart at once`()
        async throws
    {
        let database = try server.makeDatabase()
        try server.makeUser("guarded", password: "s3cr:et\\pw", "ALL ON *.*")
        let cases: [(any DumpSource, String)] = [
            (try my.dump(database, ("socket", bench.folder["nowhere"])), "unreachable"),
            (try my.dump("no such database"), "missing"), (try my.dump(database.uppercased()), "missing"),
            (try my.dump(database, ("user", "nobody_at_all"), ("password", "env:CANARY")), "notPermitted"),
            (try my.dump(database, ("user", "guarded")), "notPermitted"),
        ]
        let started = ContinuousClock.now
        for (source, name) in cases {
            await #expect { try await source.preflight(bench.context) } throws: {
                isCase($0, name) && !my.hint($0).isEmpty && !"\($0)\(my.hint($0))".contains("s3cr")
            }
            await #expect { try await bench.capture(source) } throws: { isCase($0, name) }
        }
        let tcp = try bench.source(
            "mysql", settings(("database", "x"), ("user", "x"), ("host", "127.0.0.1"), ("port", 1)))
        await #expect { try await tcp.preflight(bench.context) } throws: { isCase($0, "unreachable") }
        #expect(ContinuousClock.now - started < .seconds(60))
        #expect(bench.store.parts.isEmpty)
    }

    @Test(arguments: ["s3cr:et\\pw", "a\"b'c#d\\n e;\t%ö=", " lead", "#x"])
    func `a password reaches the server in a memory file and stands nowhere else`(password: String) async throws {
        let database = try server.makeDatabase(nil, "CREATE TABLE t (x int);")
        try server.makeUser("guarded", password: password, "ALL ON *.*")
        let file = try bench.folder.write(password, to: "password")
        let log = bench.folder["arguments"]
        let clients = try my.clients(
            dump: "printf '%s\\n' \"$@\" >>\(log); env >>\(log); exec mariadb-dump \"$@\"",
            shell: "printf '%s\\n' \"$@\" >>\(log); env >>\(log); exec mariadb \"$@\"")
        let source = try my.dump(
            database, ("user", "guarded"), ("clients", clients),
            ("password", "file:\(file)"))
        let report = try #require(try await bench.capture(source).first)
        #expect(report.facts.rows == ["t": 0])
        let seen = try String(contentsOfFile: log, encoding: .utf8)
        #expect(seen.contains("--defaults-file=/dev/fd/"))
        #expect(!seen.contains(password) && !seen.contains("PWD=" + password))
    }

    @Test func `option files of the user change nothing of what is dumped`() async throws {
        let database = try server.makeDatabase(nil, "CREATE TABLE t (x int); INSERT INTO t VALUES (1);")
        try bench.folder.write(
            "[client]\nhost=nowhere.invalid\n[mysqldump]\nno-data\nskip-comments\n", to: "home/.my.cnf")
        let home = bench.folder["home"]
        let clients = try my.clients(
            dump: "HOME=\(home) exec mariadb-dump \"$@\"", shell: "HOME=\(home) exec mariadb \"$@\"")
        let report = try #require(try await bench.capture(my.dump(database, ("clients", clients))).first)
        #expect(report.facts.rows == ["t": 1])
    }

    @Test func `what the user may not see is refused before anything runs, and said with the grant that helps`()
        async throws
    {
        let database = try server.makeDatabase(nil, MySQLBench.content)
        func source(_ more: (String, Any)...) throws -> any DumpSource {
            var value = settings(
                ("socket", server.socket), ("user", "limited"), ("database", database), ("password", "env:CANARY"))
            value.content = .map(value.entries + more.flatMap { settings($0).entries })
            return try bench.source("mysql", value)
        }
        func limit(_ grants: String) throws {
            try server.makeUser("limited", password: "s3cr:et\\pw", grants)
        }
        try limit("SELECT ON \(database).account")
        await #expect { try await source().preflight(bench.context) } throws: {
            isCase($0, "notPermitted") && "\($0)".contains("no SELECT, TRIGGER, EVENT on the whole")
                && my.hint($0).contains("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON `\(database)`.* TO limited")
        }
        try limit("SELECT, EVENT, SHOW VIEW ON \(database).*")
        await #expect { try await source().preflight(bench.context) } throws: { "\($0)".contains("no TRIGGER") }
        let without = try await source(("triggers", false)).preflight(bench.context)
        #expect(without.notices.contains { $0.contains("mysql.proc") }, "routines it may not see")
        try limit("SELECT, TRIGGER, EVENT ON \(database).*")
        await #expect { try await source().preflight(bench.context) } throws: {
            isCase($0, "notPermitted") && "\($0)".contains("SHOW VIEW")
        }
        await #expect { try await source(("lock", true)).preflight(bench.context) } throws: {
            "\($0)".contains("no LOCK TABLES")
        }
        // No RELOAD: no place in the binary log, and all else is well.
        try limit("SELECT, TRIGGER, EVENT, SHOW VIEW ON \(database).*")
        let report = try #require(try await bench.capture(source(("routines", false))).first)
        #expect(report.facts.notes?["binlog"] == nil && report.facts.rows?.count == 3)
        #expect(report.facts.notes?["routines"] == nil)
    }

    @Test func `a view of a table that is gone is named, and can be left out`() async throws {
        let database = try server.makeDatabase(
            nil, "CREATE TABLE t (x int); CREATE TABLE u (x int); CREATE VIEW broken AS SELECT * FROM u; DROP TABLE u;")
        await #expect { try await my.dump(database).preflight(bench.context) } throws: {
            isCase($0, "missing") && my.hint($0).contains("broken") && my.hint($0).contains("exclude-tables")
        }
        let report = try await bench.capture(my.dump(database, ("exclude-tables", ["broken"])))
        #expect(report.first?.facts.rows == ["t": 0])
    }

    @Test func `of two families of clients the server's own is taken, and another is spoken to in its own options`()
        async throws
    {
        let database = try server.makeDatabase(nil, "CREATE TABLE t (x int); INSERT INTO t VALUES (1);")
        let log = bench.folder["arguments"]
        let clients = try my.clients()
        // One of MySQL's that knows nothing of MariaDB's options.
        try bench.folder.write(
            """
            #!/bin/bash
            if [ "$1" = --version ]; then echo "mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)"; exit; fi
            printf '%s\\n' "$@" >>\(log)
            exec mariadb-dump $(printf '%s\\n' "$@" | grep -v -e gtid-purged -e column-statistics)
            """, to: "clients/mysqldump", mode: 0o755)
        try bench.folder.write("#!/bin/sh\nexec mariadb \"$@\"\n", to: "clients/mysql", mode: 0o755)
        let both = try #require(try await bench.capture(my.dump(database, ("clients", clients))).first)
        #expect(both.restoreNotes["client"]?.hasPrefix("MariaDB") == true)
        #expect(!FileManager.default.fileExists(atPath: log))

        try FileManager.default.removeItem(atPath: clients + "/mariadb-dump")
        let alone = try #require(try await bench.capture(my.dump(database, ("clients", clients))).first)
        #expect(alone.restoreNotes["client"] == "MySQL 8.0.36" && alone.facts.rows == ["t": 1])
        #expect(try String(contentsOfFile: log, encoding: .utf8).contains("--column-statistics=0"))
        await #expect {
            try await my.dump(database, ("clients", clients), ("users", true)).preflight(bench.context)
        } throws: { isCase($0, "unsupported") && my.hint($0).contains("users: false") }
        try FileManager.default.removeItem(atPath: clients + "/mysqldump")
        await #expect { try await my.dump(database, ("clients", clients)).preflight(bench.context) } throws: {
            isCase($0, "tool") && "\($0)".contains("mariadb-dump")
        }
    }

    @Test func `a server that is killed in the middle stores nothing and is named`() async throws {
        let other = try MySQLBench(PrivateMariaDB(restarts: false))
        let database = try other.server.makeDatabase(
            "big", "CREATE TABLE t AS SELECT seq, REPEAT(MD5(seq), 200) AS s FROM seq_1_to_3000;")
        // The consumer reads nothing for a while, so that the dump stands in the middle of the table.
        other.bench.store.delay.withLock { $0 = 20 }
        let source = try other.dump(database)
        let task = Task { try await other.bench.capture(source) }
        try await other.waitForSession(in: database)
        try await Task.sleep(for: .milliseconds(300))
        try other.server.kill()
        await #expect { try await task.value } throws: { isCase($0, "unreachable") && "\($0)".contains("2013") }
        await #expect { try await source.preflight(other.bench.context) } throws: { isCase($0, "unreachable") }
    }

    @Test func `a table that somebody holds locked is waited for as long as the profile says`() async throws {
        let database = try server.makeDatabase(nil, "CREATE TABLE t (x int);")
        let holder = try MySQLHolder(server, "LOCK TABLE \(database).t WRITE;")
        defer { holder.end() }
        let source = try my.dump(database, ("lock-wait", "1s"))
        await #expect { try await bench.capture(source) } throws: {
            isCase($0, "busy") && "\($0)".contains("longer than 1 s")
        }
        #expect(bench.store.parts.isEmpty)
    }

    @Test func `cancelling a dump that waits leaves no session on the server`() async throws {
        let database = try server.makeDatabase(nil, "CREATE TABLE t (x int);")
        let server = server
        let holder = Mutex<MySQLHolder?>(nil)
        bench.store.before.withLock {
            // After we have looked for locks.
            $0 = { _ in
                let held = try? MySQLHolder(server, "LOCK TABLE \(database).t WRITE;")
                holder.withLock { $0 = held }
            }
        }
        defer { holder.withLock { $0 }?.end() }
        let source = try my.dump(database)
        let task = Task { try await bench.capture(source) }
        try await my.waitForSession(in: database)
        task.cancel()
        await #expect(throws: (any Error).self) { try await task.value }
        #expect(try await my.isQuiet(database), "not even while the lock is still held")
    }

    @Test func `tables without transactions are named, and locked on request`() async throws {
        let database = try server.makeDatabase(
            nil, "CREATE TABLE a (x int) ENGINE=MyISAM; INSERT INTO a VALUES (1); CREATE TABLE b (x varchar(400));")
        let report = try #require(try await bench.capture(my.dump(database)).first)
        #expect(report.notices.contains { $0.hasPrefix("1 table of \(database) knows no transactions: a (MyISAM)") })
        #expect(report.facts.rows == ["a": 1, "b": 0])

        let server = server
        let couldWrite = Atomic(true)
        bench.store.delay.withLock { $0 = 3 }
        // More than what the pipes take while nobody reads.
        let fill = "INSERT INTO b SELECT REPEAT('9', 400) FROM seq_1_to_30000"
        try server.sql(fill, database: database)
        let my = my
        let task = Task.detached {
            try await my.waitForSession(in: database)
            try await Task.sleep(for: .milliseconds(100))
            do { try server.sql("SET lock_wait_timeout = 1; UPDATE b SET x = 0 LIMIT 1", database: database) } catch {
                couldWrite.store(false, ordering: .relaxed)
            }
        }
        let locked = try #require(try await bench.capture(my.dump(database, ("lock", true), ("lock-wait", "5s"))).first)
        _ = try? await task.value
        #expect(locked.notices == [] && locked.facts.rows?["b"] == 30_000)
        let wrote = couldWrite.load(ordering: .relaxed)
        #expect(!wrote)
    }

    @Test func `users and grants come along where all is dumped, and leave alone what is there`() async throws {
        let other = try MySQLBench(PrivateMariaDB())
        try other.server.makeDatabase("one", "CREATE TABLE t (x int); INSERT INTO t VALUES (1);")
        try other.server.makeDatabase("new one", "CREATE TABLE t (x int);")
        try other.server.makeUser("app", password: "pw", "SELECT ON one.*")
        let source = try other.dump(nil, ("all", true))
        #expect(
            try await source.preflight(other.bench.context).parts.map(\.rawValue)
                == ["/mysql/new one.sql", "/mysql/one.sql", "/mysql/users.sql"])
        let reports = try await other.bench.capture(source)
        #expect(reports.count == 3)
        let users = try #require(reports.last)
        let saved = try await other.bench.restore(users, with: source)
        try other.server.sql("DROP USER app@localhost")
        try shell("mariadb --no-defaults --socket=\"$1\" --user=root <\"$2\"", other.server.socket, saved.place)
        #expect(try other.server.sql("SHOW GRANTS FOR app@localhost").contains("GRANT SELECT ON `one`.*"))
        await #expect { try await other.bench.restore(users, with: source, database: "never") } throws: {
            isCase($0, "unsupported")
        }

        // One that fails does not lose the others.
        let holder = try MySQLHolder(other.server, "LOCK TABLE one.t WRITE;")
        defer { holder.end() }
        await #expect { try await other.bench.capture(other.dump(nil, ("all", true), ("lock-wait", "1s"))) } throws: {
            guard case .incomplete(let reports, let failures)? = $0 as? SourceError else { return false }
            return reports.map(\.path.rawValue) == ["/mysql/new one.sql", "/mysql/users.sql"] && failures.count == 1
        }
        try other.server.makeUser("mortal", password: "s3cr:et\\pw", "SELECT, SHOW VIEW, TRIGGER, EVENT ON `new one`.*")
        let mortal = try other.dump(nil, ("all", true), ("user", "mortal"), ("password", "env:CANARY"))
        let limited = try await mortal.preflight(other.bench.context)
        #expect(limited.parts.map(\.rawValue) == ["/mysql/new one.sql"])
        #expect(limited.notices.contains { $0.hasPrefix("users and grants are not dumped") })
    }

    @Test func `names of databases with blanks, quotes, commas, slashes and signs work`() async throws {
        for name in ["we ird, 'q' \\ \"x\" = ü/%", "-x", "users", "a`b"] {
            try server.makeDatabase(
                name, "CREATE TABLE t (x int); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT * FROM t;")
            defer { _ = try? server.sql("DROP DATABASE \(PrivateMariaDB.quoted(name))") }
            let source = try my.dump(name)
            let report = try #require(try await bench.capture(source).first)
            #expect(report.facts.rows == ["t": 1])
            #expect(report.path.rawValue.split(separator: "/").count == 2 && report.path.rawValue != "/mysql/users.sql")
            let restored = try await bench.restore(report, with: source, database: name + " back")
            #expect(restored.proofs.contains("1 table, 1 row"))
            try server.sql("DROP DATABASE \(PrivateMariaDB.quoted(name + " back"))")
        }
    }

    @Test func `excluded tables are neither dumped nor expected, and estimates say that they are estimates`()
        async throws
    {
        let database = try server.makeDatabase(
            nil,
            "CREATE TABLE account (x int); INSERT INTO account VALUES (1); CREATE TABLE log_2024 (x int); CREATE TABLE cache1 (x int);"
        )
        let source = try my.dump(database, ("exclude-tables", ["log_*", "cache?"]))
        let report = try #require(try await bench.capture(source).first)
        #expect(report.facts.rows == ["account": 1])
        #expect(
            try await bench.restore(report, with: source, database: "\(database)_back").proofs.contains(
                "1 table, 1 row"))
        let estimate = try #require(try await bench.capture(my.dump(database, ("facts", "estimate"))).first)
        #expect(estimate.facts.rowCounting == .estimate && estimate.facts.rows?.count == 3)
        let off = try #require(try await bench.capture(my.dump(database, ("facts", "off"))).first)
        #expect(off.facts.rows == nil)
        let restored = try await bench.restore(off, with: source, database: "\(database)_off")
        #expect(restored.unproven.contains { $0.contains("not counted") })
    }
}
