import BackupModel
import DumpSources
import Foundation
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"))
struct `PostgreSQL databases in place` {
    let bench: Bench
    let postgres: PrivatePostgres
    let name: String

    init() throws {
        bench = try Bench()
        postgres = try PrivatePostgres.shared.get()
        name = try postgres.makeDatabase(
            "ip_" + UUID().uuidString.prefix(8).lowercased(), "CREATE TABLE t (x int); INSERT INTO t VALUES (1);")
    }

    private func source(user: String? = nil) throws -> any DumpSource {
        try bench.source(
            "postgres",
            settings(
                ("database", name), ("host", postgres.socketFolder), ("user", user ?? postgres.superuser),
                ("globals", false)))
    }

    private func server(user: String? = nil) async throws -> any DatabaseServer {
        let source = try source(user: user)
        return try #require(try await source.databaseServer(bench.context))
    }

    private func count(_ database: String) throws -> String { try postgres.sql("SELECT x FROM t", database: database) }

    @Test func `two databases trade names although sessions come and go`() async throws {
        let staged = try postgres.makeDatabase("new_\(name)", "CREATE TABLE t (x int); INSERT INTO t VALUES (2);")
        let (folder, user) = (postgres.socketFolder, postgres.superuser)
        let client = try Process.run(
            URL(fileURLWithPath: "/bin/sh"),
            arguments: [
                "-c",
                "for i in 1 2 3 4 5 6 7 8 9; do psql -qAt -h \(folder) -U \(user) \(name) -c 'select pg_sleep(5)' 2>/dev/null; done",
            ])
        defer { client.terminate() }
        let server = try await server()
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(name)'"
        for _ in 0..<200 where try postgres.sql(sessions) == "0" { try await Task.sleep(for: .milliseconds(50)) }
        #expect(try postgres.sql(sessions) != "0", "nobody came")
        let notices = try await server.exchange(live: name, staged: staged, aside: "old_\(name)")
        #expect(notices.isEmpty, "\(notices)")
        #expect(try count(name) == "2" && count("old_\(name)") == "1")
        #expect(try await server.existing([name, staged, "old_\(name)"]) == [name, "old_\(name)"])
    }

    @Test func `owner, grants, limit and settings of the former one are taken over`() async throws {
        let owner = "owner_\(name)"
        _ = try postgres.sql(
            """
            CREATE ROLE "\(owner)"; ALTER DATABASE \(name) OWNER TO "\(owner)"; ALTER DATABASE \(name) CONNECTION LIMIT 7;
            ALTER DATABASE \(name) SET search_path = app, "$user", public; ALTER DATABASE \(name) SET work_mem = '3MB';
            ALTER DATABASE \(name) SET app.words = 'it''s, "so"'; ALTER ROLE "\(owner)" IN DATABASE \(name) SET work_mem = '4MB';
            ALTER ROLE "\(owner)" IN DATABASE \(name) SET search_path = '';
            REVOKE ALL ON DATABASE \(name) FROM PUBLIC; GRANT CONNECT ON DATABASE \(name) TO "\(owner)" WITH GRANT OPTION;
            COMMENT ON DATABASE \(name) IS 'whose';
            """)
        let before = try postgres.properties(of: name)
        let staged = try postgres.makeDatabase("new2_\(name)", "CREATE TABLE t (x int)")
        // What it was given when it was loaded is not to stay beside that.
        _ = try postgres.sql(
            """
            ALTER DATABASE \(staged) SET statement_timeout = 1; ALTER ROLE "\(owner)" IN DATABASE \(staged) SET jit = off;
            GRANT CREATE ON DATABASE \(staged) TO "\(owner)", pg_monitor WITH GRANT OPTION;
            GRANT CREATE ON DATABASE \(staged) TO PUBLIC;
            """)
        let notices = try await server().exchange(live: name, staged: staged, aside: "old2_\(name)")
        #expect(notices.isEmpty, "\(notices)")
        let found = try postgres.properties(of: name)
        #expect(found == before, "\(found) is not \(before)")
        #expect(before.contains("7") && before.contains("it's"))
        // Taken back, it has its own, whatever the other one has by then.
        _ = try postgres.sql("ALTER DATABASE \(name) RESET ALL; ALTER DATABASE \(name) CONNECTION LIMIT 3")
        _ = try await server().exchange(live: name, staged: "old2_\(name)", aside: "gone_\(name)", adopting: false)
        let back = try postgres.properties(of: name)
        #expect(back == before, "\(back) is not \(before)")
    }

    @Test func `without the right to rename nothing has changed, and it is said which right`() async throws {
        let role = "weak_\(name)"
        _ = try postgres.sql("CREATE ROLE \"\(role)\" LOGIN")
        let staged = try postgres.makeDatabase("new3_\(name)", "CREATE TABLE t (x int)")
        let server = try await server(user: role)
        await #expect { _ = try await server.exchange(live: name, staged: staged, aside: "old3_\(name)") } throws: {
            isCase($0, "notPermitted") && (($0 as? SourceError)?.hint?.contains("CREATEDB") ?? false)
        }
        #expect(try count(name) == "1")
    }

    @Test func `a name that is free is just taken, and a database is dropped with its sessions`() async throws {
        let server = try await server()
        _ = try await server.exchange(live: "free_\(name)", staged: name, aside: "unused")
        #expect(try count("free_\(name)") == "1")
        try await server.drop("free_\(name)")
        #expect(try await server.existing(["free_\(name)", name]).isEmpty)
    }
}
