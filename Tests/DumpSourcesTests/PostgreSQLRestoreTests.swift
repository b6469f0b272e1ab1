import BackupModel
import DumpSources
import Foundation
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"))
struct `PostgreSQL restores` {
    let bench: Bench
    let postgres: PrivatePostgres
    let database: String

    init() throws {
        bench = try Bench()
        postgres = try PrivatePostgres.shared.get()
        database = try postgres.makeDatabase(
            "rs_" + UUID().uuidString.prefix(8).lowercased(),
            """
            CREATE TABLE first (id int PRIMARY KEY, note text);
            INSERT INTO first SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
            CREATE TABLE second (id int PRIMARY KEY REFERENCES first);
            INSERT INTO second SELECT generate_series(1, 50);
            CREATE INDEX ON first (note);
            """)
    }

    private func source(_ format: String = "plain") throws -> any DumpSource {
        try bench.source(
            "postgres",
            settings(
                ("database", database), ("host", postgres.socketFolder), ("user", postgres.superuser),
                ("globals", false),
                ("format", format)))
    }

    private func exists(_ name: String) throws -> Bool {
        try postgres.sql("SELECT count(*) FROM pg_database WHERE datname = '\(name)'") == "1"
    }

    private func cut(_ report: PartReport, to share: Double) throws {
        let bytes = Int(Double(report.stored.bytes.bytes) * share)
        try shell("truncate -s \"$2\" \"$1\"", bench.store.file(report.path), String(bytes))
    }

    @Test(arguments: ["plain", "custom"])
    func `a dump that was cut short is no restore, into a database or a file`(format: String) async throws {
        let source = try source(format)
        let report = try #require(try await bench.capture(source).first)
        try cut(report, to: 0.6)
        await #expect(throws: SourceError.self) {
            try await bench.restore(report, with: source, database: "cut_\(database)")
        }
        #expect(try !exists("cut_\(database)"), "the half database is gone")
        await #expect(throws: SourceError.self) { try await bench.restore(report, with: source) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder["restored"]).isEmpty)
    }

    @Test(arguments: [0.6, 0.9999])
    func `a dump that was cut before it was stored is found by its rows or by what comes last`(share: Double)
        async throws
    {
        let source = try source()
        let report = try #require(try await bench.capture(source).first)
        if share > 0.9 {
            // Everything but the indexes and constraints.
            try shell("sed -i '/Name: first first_pkey/,$d' \"$1\"", bench.store.file(report.path))
        } else {
            try cut(report, to: share)
        }
        let size = try FileManager.default.attributesOfItem(atPath: bench.store.file(report.path))[.size] as? NSNumber
        let bytes = ByteCount(try #require(size).int64Value)
        // The repository's account of it agrees: only the content can tell.
        await #expect {
            try await bench.restore(report, with: source, database: "cut2_\(database)") { $0.bytes = bytes }
        } throws: { isCase($0, "mismatch") && "\($0)".contains(share > 0.9 ? "indexes" : "rows") }
        #expect(try !exists("cut2_\(database)"))
        await #expect { try await bench.restore(report, with: source) { $0.bytes = bytes } } throws: {
            "\($0)".contains("end marker")
        }
    }

    @Test func `a flipped byte in an archive is found`() async throws {
        let source = try source("custom")
        let report = try #require(try await bench.capture(source).first)
        try shell(
            "printf '\\377\\376\\375' | dd of=\"$1\" bs=1 seek=3000 conv=notrunc status=none",
            bench.store.file(report.path))
        await #expect(throws: SourceError.self) { try await bench.restore(report, with: source) }
    }

    @Test func `a database that is there already is not touched`() async throws {
        let source = try source()
        let report = try #require(try await bench.capture(source).first)
        let target = try postgres.makeDatabase("there_\(database)", "CREATE TABLE mine (x int)")
        await #expect { try await bench.restore(report, with: source, database: target) } throws: {
            isCase($0, "targetExists")
        }
        #expect(try postgres.sql("SELECT count(*) FROM mine", database: target) == "0")
    }

    @Test func `a statement that fails drops the half database and is told`() async throws {
        let source = try source()
        let report = try #require(try await bench.capture(source).first)
        try shell(
            "sed -i 's/^CREATE TABLE public.second/CREATE TABLE nowhere.second/' \"$1\"", bench.store.file(report.path))
        let size = try FileManager.default.attributesOfItem(atPath: bench.store.file(report.path))[.size] as? NSNumber
        await #expect {
            try await bench.restore(report, with: source, database: "bad_\(database)") {
                $0.bytes = ByteCount(size?.int64Value ?? 0)
            }
        } throws: { "\($0)".contains("nowhere") }
        #expect(try !exists("bad_\(database)"))
    }

    @Test func `all databases are listed afresh, and one that fails does not lose the others`() async throws {
        // A server of its own, for it dumps whatever there is.
        let other = try PrivatePostgres()
        try other.makeDatabase("one", "CREATE TABLE t (x int); INSERT INTO t VALUES (1);")
        let source = try bench.source(
            "postgres", settings(("databases", "all"), ("host", other.socketFolder), ("user", other.superuser)))
        #expect(
            try await bench.capture(source).map(\.path.rawValue)
                == ["/postgres/one.sql", "/postgres/postgres.sql", "/postgres/globals.sql"])
        try other.makeDatabase("new one")
        #expect(try await source.preflight(bench.context).parts.map(\.rawValue).contains("/postgres/new one.sql"))
        #expect(try await bench.capture(source).count == 4)

        try other.sql(
            "ALTER DATABASE one CONNECTION LIMIT 0; CREATE ROLE mortal LOGIN; GRANT pg_read_all_data TO mortal")
        let limited = try bench.source(
            "postgres",
            settings(("databases", "all"), ("host", other.socketFolder), ("user", "mortal"), ("globals", false)))
        await #expect { try await bench.capture(limited) } throws: {
            guard case .incomplete(let reports, let failures)? = $0 as? SourceError else { return false }
            return reports.map(\.path.rawValue) == ["/postgres/new one.sql", "/postgres/postgres.sql"]
                && failures.count == 1
        }
        #expect(try other.backends(named: "holdfast-\(bench.context.run)") == 0)
    }

    @Test(.enabled(if: geteuid() == 0, "running as another user needs root"))
    func `the clients can run as another user`() async throws {
        let source = try bench.source(
            "postgres",
            settings(
                ("database", database), ("host", postgres.socketFolder), ("user", postgres.superuser),
                ("globals", false),
                ("run-as", "postgres"), ("password", "env:CANARY")))
        let report = try #require(try await bench.capture(source).first)
        #expect(report.facts.rows?["public.first"] == 20_000)
    }

    @Test func `what belongs to the database and not to its content comes back with it`() async throws {
        let role = "role_\(database)"
        let (original, copy) = ("own_\(database)", "copy_\(database)")
        _ = try postgres.sql(
            """
            CREATE ROLE "\(role)"; CREATE DATABASE \(original) TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'sv';
            ALTER DATABASE \(original) OWNER TO "\(role)"; ALTER DATABASE \(original) CONNECTION LIMIT 7;
            ALTER DATABASE \(original) SET search_path = app, "$user", public;
            ALTER DATABASE \(original) SET app.words = 'it''s, :"db" \\ so';
            ALTER ROLE "\(role)" IN DATABASE \(original) SET work_mem = '4MB';
            ALTER ROLE "\(role)" IN DATABASE \(original) SET search_path = '', "a""b", "x, y";
            ALTER ROLE "\(role)" IN DATABASE \(original) SET temp_tablespaces = '';
            REVOKE ALL ON DATABASE \(original) FROM PUBLIC; GRANT CONNECT ON DATABASE \(original) TO pg_monitor WITH GRANT OPTION;
            COMMENT ON DATABASE \(original) IS E'the\nshop''s';
            """)
        let source = try bench.source(
            "postgres",
            settings(
                ("database", original), ("host", postgres.socketFolder), ("user", postgres.superuser),
                ("globals", false)))
        let report = try #require(try await bench.capture(source).first)
        #expect(report.notices.isEmpty, "\(report.notices)")
        let restored = try await bench.restore(report, with: source, database: copy)
        #expect(restored.notices.isEmpty, "\(restored.notices)")
        #expect(try postgres.properties(of: copy) == postgres.properties(of: original))
        #expect(try postgres.properties(of: copy).contains("sv"))
        // A server without the role has what can be had, and says what not.
        _ = try postgres.sql("DROP DATABASE \(copy); DROP DATABASE \(original); DROP ROLE \"\(role)\"")
        let poorer = try await bench.restore(report, with: source, database: copy)
        #expect(
            poorer.notices.contains { $0.contains("ALTER ROLE") && $0.contains("does not exist") }, "\(poorer.notices)")
        #expect(try postgres.properties(of: copy).contains("pg_monitor=c*"))
    }
}
