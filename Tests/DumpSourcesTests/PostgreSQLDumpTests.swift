import BackupModel
import DumpSources
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"))
struct `PostgreSQL databases` {
    let bench: Bench
    let postgres: PrivatePostgres

    init() throws {
        bench = try Bench()
        postgres = try PrivatePostgres.shared.get()
    }

    static let content = """
        CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0));
        INSERT INTO account SELECT i, 100 FROM generate_series(1, 1000) i;
        CREATE TABLE "odd ""name".t (x int);
        CREATE INDEX ON account (balance);
        CREATE VIEW rich AS SELECT * FROM account WHERE balance > 100;
        """

    private func makeDatabase(_ name: String? = nil, _ more: String = "") throws -> String {
        try postgres.makeDatabase(
            name ?? "db_" + UUID().uuidString.prefix(8).lowercased(),
            "CREATE SCHEMA \"odd \"\"name\";" + `PostgreSQL databases`.content + more)
    }

    func dump(_ database: String, _ more: (String, Any)..., user: String? = nil) throws -> any DumpSource {
        var value = settings(
            ("database", database), ("host", postgres.socketFolder), ("user", user ?? postgres.superuser),
            ("globals", false))
        let added = more.flatMap { settings($0).entries }
        value.content = .map(value.entries.filter { entry in !added.contains { $0.key == entry.key } } + added)
        return try bench.source("postgres", value)
    }

    private var runPrefix: String { "holdfast-\(bench.context.run)" }

    @Test(arguments: ["plain", "custom"])
    func `a database comes back as it was, and is proved`(format: String) async throws {
        let source = try dump(makeDatabase(), ("format", format))
        let preview = try await source.preflight(bench.context)
        #expect(preview.summary.contains("PostgreSQL 1"))
        #expect(preview.estimatedBytes ?? 0 > .mebibytes(1))
        #expect(preview.tools["pg_dump"] != nil)
        let report = try #require(try await bench.capture(source).first)
        #expect(report.condition == .clean)
        #expect(report.facts.rows == ["public.account": 1000, "\"odd \"\"name\".t": 0])
        #expect(report.facts.rowCounting == .exact)
        #expect(report.facts.notes?["indexes"] == "2")
        #expect(report.facts.notes?["constraints"] == "2")
        #expect(report.facts.notes?["encoding"] == "UTF8")
        #expect(preview.parts == [report.path])
        #expect(try postgres.backends(named: runPrefix) == 0)

        let target = "back_" + UUID().uuidString.prefix(8).lowercased()
        let restored = try await bench.restore(report, with: source, database: target)
        #expect(restored.place == "database \(target)")
        #expect(restored.proofs.contains("2 tables, 1000 rows"))
        #expect(restored.proofs.contains("2 indexes"))
        #expect(restored.unproven.isEmpty)
        #expect(try postgres.sql("SELECT sum(balance) FROM account", database: target) == "100000")

        let saved = try await bench.restore(report, with: source)
        #expect(saved.place.hasPrefix(bench.folder["restored"]))
        #expect(saved.proofs.contains { $0.contains("complete") || $0.contains("decodes") })
    }

    @Test func `rows are counted in the very snapshot that is dumped`() async throws {
        let database = try makeDatabase(nil, "CREATE TABLE busy (x int);")
        let postgres = postgres
        let source = try dump(database)
        bench.store.before.withLock {
            // Between the snapshot and the dump somebody commits.
            $0 = { _ in _ = try? postgres.sql("INSERT INTO busy SELECT generate_series(1, 50)", database: database) }
        }
        let report = try #require(try await bench.capture(source).first)
        #expect(report.facts.rows?["public.busy"] == 0)
        #expect(try postgres.sql("SELECT count(*) FROM busy", database: database) == "50")
        let restored = try await bench.restore(report, with: source, database: database + "_back")
        #expect(restored.proofs.contains("3 tables, 1000 rows"))
    }

    @Test func `a dump whose backend is killed stores nothing and leaves no session`() async throws {
        let database = try makeDatabase(
            nil, "CREATE TABLE big AS SELECT repeat(md5(i::text), 20) FROM generate_series(1, 30000) i;")
        let postgres = postgres
        let prefix = runPrefix
        // The consumer reads nothing for a while, so that the dump stands in the middle of the table.
        bench.store.delay.withLock { $0 = 3 }
        Thread.detachNewThread {
            for _ in 0..<600 {
                let ended = try? postgres.sql(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                        + "WHERE application_name LIKE '\(prefix)%' AND query LIKE 'COPY%'")
                if let ended, ended != "0" { return }
            }
        }
        let source = try dump(database)
        await #expect { try await bench.capture(source) } throws: {
            if case .repository(.producerFailed(_, _, let detail, _))? = $0 as? SourceError {
                return detail.contains("terminating connection") || detail.contains("closed the connection")
            }
            return false
        }
        #expect(try postgres.backends(named: runPrefix) == 0)
    }

    @Test func `a table that somebody holds locked is waited for as long as the profile says`() async throws {
        let database = try makeDatabase()
        let holder = try Session(postgres, database, "BEGIN; LOCK TABLE account; SELECT 'held';")
        defer { holder.end() }
        let source = try dump(database, ("lock-wait", "1s"))
        let started = ContinuousClock.now
        await #expect { try await bench.capture(source) } throws: {
            isCase($0, "busy") && "\($0)".contains("longer than 1 s") && "\($0)".contains("public.account")
        }
        #expect(ContinuousClock.now - started < .seconds(60))
        #expect(try postgres.backends(named: runPrefix) == 0)
    }

    @Test func `cancelling a dump that waits leaves no session on the server`() async throws {
        let database = try makeDatabase()
        let holder = try Session(postgres, database, "BEGIN; LOCK TABLE account; SELECT 'held';")
        defer { holder.end() }
        let source = try dump(database, ("facts", "off"))
        let task = Task { try await bench.capture(source) }
        for _ in 0..<100 where try postgres.backends(named: runPrefix) < 2 {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try postgres.backends(named: runPrefix) == 2)
        task.cancel()
        await #expect(throws: (any Error).self) { try await task.value }
        #expect(try postgres.backends(named: runPrefix) == 0, "not even while the lock is still held")
    }

    @Test func `a dump from which nothing comes is stopped at the stall limit`() async throws {
        let database = try makeDatabase()
        let holder = try Session(postgres, database, "BEGIN; LOCK TABLE account; SELECT 'held';")
        defer { holder.end() }
        let source = try dump(database, ("stall-limit", "1s"), ("lock-wait", "10m"), ("facts", "off"))
        await #expect { try await bench.capture(source) } throws: {
            if case .repository(.producerFailed(_, let how, _, _))? = $0 as? SourceError {
                return how.contains("stallLimit")
            }
            return false
        }
        #expect(try postgres.backends(named: runPrefix) == 0)
    }

    @Test func `a server that is not there, a database, a role or a password that is wrong are told apart at once`()
        async throws
    {
        let database = try makeDatabase()
        let started = ContinuousClock.now
        let cases: [(any DumpSource, String)] = [
            (try dump(database, ("host", bench.folder["nowhere"])), "unreachable"),
            (try dump(database, ("host", "127.0.0.1"), ("port", 1)), "unreachable"),
            (try dump("no such database"), "missing"), (try dump(database, user: "nobody_at_all"), "notPermitted"),
        ]
        for (source, name) in cases {
            await #expect { try await source.preflight(bench.context) } throws: { isCase($0, name) }
            await #expect { try await bench.capture(source) } throws: { isCase($0, name) }
        }
        #expect(ContinuousClock.now - started < .seconds(60))
        #expect(bench.store.parts.isEmpty)
    }

    @Test func `a password reaches the server through a memory file and stands nowhere else`() async throws {
        let database = try makeDatabase()
        try postgres.sql(
            "DO $$ BEGIN CREATE ROLE guarded LOGIN SUPERUSER PASSWORD E's3cr:et\\\\pw'; EXCEPTION WHEN duplicate_object THEN END $$"
        )
        await #expect { try await dump(database, user: "guarded").preflight(bench.context) } throws: {
            isCase($0, "notPermitted")
        }
        let source = try dump(database, ("password", "env:CANARY"), user: "guarded")
        let report = try #require(try await bench.capture(source).first)
        #expect(report.condition == .clean)
        let command = try #require(
            bench.store.parts.compactMap { if case .stream(let command) = $0.content { command } else { nil } }.first)
        #expect(!command.displayed.contains("s3cr"))
        #expect(!command.environment.values.contains { $0.contains("s3cr") })
        #expect(command.whenOrphaned == .leave)
    }

    @Test func `clients older than the server are refused with both versions`() async throws {
        let database = try makeDatabase()
        for name in ["pg_dump", "psql"] {
            try bench.folder.write(
                "#!/bin/sh\ncase $1 in --version) echo \"\(name) (PostgreSQL) 9.6.24\";; *) exec \(PrivatePostgres.programs!)/\(name) \"$@\";; esac\n",
                to: "old/\(name)", mode: 0o755)
        }
        let source = try dump(database, ("clients", bench.folder["old"]))
        for attempt in [
            source.preflight,
            { context in
                _ = try await bench.capture(source)
                return SourcePreview(summary: "", parts: [])
            },
        ]
            as [(CaptureContext) async throws -> SourcePreview]
        {
            await #expect { _ = try await attempt(bench.context) } throws: {
                isCase($0, "tooOld") && "\($0)".contains("9.6.24")
                    && "\($0)".contains("older than the PostgreSQL server 1")
            }
        }
    }

    @Test func `a role that may not read a table is refused before anything runs`() async throws {
        let database = try makeDatabase()
        try postgres.sql("DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
        let source = try dump(database, user: "reader")
        await #expect { try await source.preflight(bench.context) } throws: {
            isCase($0, "notPermitted") && "\($0)".contains("account")
        }
        try postgres.sql("GRANT pg_read_all_data TO reader", database: database)
        _ = try await source.preflight(bench.context)
        try postgres.sql("REVOKE pg_read_all_data FROM reader", database: database)
        let without = try dump(database, ("exclude-table", ["account", "\"odd \"\"name\".*"]), user: "reader")
        _ = try await without.preflight(bench.context)
    }

    @Test func `what restores have put aside is nobody's database, unless it is named`() async throws {
        let server = try PrivatePostgres()
        for name in ["shop", "shop_before_20261121t020000z_000001"] { try server.makeDatabase(name) }
        let value = settings(
            ("databases", "all"), ("host", server.socketFolder), ("user", server.superuser), ("globals", false))
        let kept: Set = ["shop_before_20261121t020000z_000001"]
        let all = try await bench.capture(bench.source("postgres", value)) { $0.keptDatabases = kept }
        #expect(all.map(\.path.rawValue).sorted() == ["/postgres/postgres.sql", "/postgres/shop.sql"])
        let named = try await bench.capture(
            bench.source(
                "postgres",
                settings(
                    ("database", "shop_before_20261121t020000z_000001"), ("host", server.socketFolder),
                    ("user", server.superuser), ("globals", false)))
        ) { $0.keptDatabases = kept }
        #expect(named.count == 1)
    }

    @Test func `roles come along, without passwords where those may not be read`() async throws {
        let database = try postgres.makeDatabase("globals_" + UUID().uuidString.prefix(6).lowercased())
        try postgres.sql(
            "DO $$ BEGIN CREATE ROLE plain_role LOGIN PASSWORD 'x'; EXCEPTION WHEN duplicate_object THEN END $$")
        let full = try await bench.capture(dump(database, ("globals", true)))
        #expect(full.map(\.path.rawValue) == ["/postgres/\(database).sql", "/postgres/globals.sql"])
        let text = try String(contentsOfFile: bench.store.file(full[1].path), encoding: .utf8)
        #expect(text.contains("CREATE ROLE plain_role") && text.contains("SCRAM-SHA-256"))
        #expect(!bench.store.parts[1].bytesAreExact)

        let limited = try await bench.capture(dump(database, ("globals", true), user: "plain_role"))
        let less = try String(contentsOfFile: bench.store.file(limited[1].path), encoding: .utf8)
        #expect(less.contains("CREATE ROLE plain_role") && !less.contains("SCRAM-SHA-256"))
        #expect(limited[1].notices.contains { $0.contains("without them") })
        await #expect { try await bench.restore(full[1], with: dump(database), database: "never") } throws: {
            isCase($0, "unsupported")
        }
    }

    @Test func `names of databases with blanks, quotes, commas, slashes and signs work`() async throws {
        for name in ["we ird, 'q' \\ \"x\" = ü/%", "-x", "globals", "dbname=postgres"] {
            let database = try makeDatabase(name)
            defer { _ = try? postgres.sql(PostgreSQLNames.drop(database)) }
            let source = try dump(database)
            let report = try #require(try await bench.capture(source).first)
            #expect(report.facts.rows?["public.account"] == 1000)
            #expect(report.restoreNotes["database"] == name)
            #expect(report.path.rawValue.split(separator: "/").count == 2)
            #expect(report.path.rawValue != "/postgres/globals.sql")
            let target = name + " back"
            let restored = try await bench.restore(report, with: source, database: target)
            #expect(restored.proofs.contains("2 tables, 1000 rows"))
            _ = try postgres.sql(PostgreSQLNames.drop(target))
        }
    }

    @Test func `excluded tables are neither dumped nor expected`() async throws {
        let database = try makeDatabase(
            nil,
            "CREATE TABLE log_2024 (x int); INSERT INTO log_2024 VALUES (1); CREATE TABLE cache (x int); INSERT INTO cache VALUES (1);"
        )
        let source = try dump(
            database, ("exclude-table", ["LOG_*", "odd*.*"]), ("exclude-table-data", ["public.cache"]))
        let report = try #require(try await bench.capture(source).first)
        #expect(report.facts.rows == ["public.account": 1000])
        #expect(report.facts.uncounted == ["public.cache": "left out by exclude-table-data"])
        let target = database + "_back"
        let restored = try await bench.restore(report, with: source, database: target)
        #expect(restored.proofs.contains("1 table, 1000 rows"))
        #expect(try postgres.sql("SELECT to_regclass('log_2024') IS NULL", database: target) == "t")
        #expect(try postgres.sql("SELECT count(*) FROM cache", database: target) == "0")
    }

    @Test func `counting gives up at its limit, and estimates say that they are estimates`() async throws {
        let database = try makeDatabase(nil, "ANALYZE account;")
        let report = try #require(try await bench.capture(dump(database, ("facts-limit", "0s"))).first)
        #expect(report.facts.rows?.isEmpty == true)
        #expect(report.facts.uncounted?["public.account"] == "not counted within 0 s")
        let estimate = try #require(try await bench.capture(dump(database, ("facts", "estimate"))).first)
        #expect(estimate.facts.rowCounting == .estimate)
        #expect(estimate.facts.rows == ["public.account": 1000])
        #expect(estimate.facts.uncounted?.values.contains("never analysed") == true)
        let off = try #require(try await bench.capture(dump(database, ("facts", "off"))).first)
        #expect(off.facts.rows == nil)
    }
}

/// Statements that tests need beside those of the sources.
enum PostgreSQLNames {
    static func drop(_ name: String) -> String {
        "DROP DATABASE \"\(name.replacingOccurrences(of: "\"", with: "\"\""))\""
    }
}

/// A session that runs statements and then stays.
struct Session: Sendable {
    private let process: Process
    private let leash: Pipe

    /// Returns once the first line has come back.
    init(_ postgres: PrivatePostgres, _ database: String, _ statements: String) throws {
        process = Process()
        leash = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            "(printf '%s\\n' \"$4\"; read end) | PGDATABASE=\"$3\" \"$1/psql\" -X -w -q -A -t -h \"$2\" -U tester",
            "sh",
            PrivatePostgres.programs!, postgres.socketFolder, database, statements,
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
