import BackupModel
import DumpSources
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite(
    .serialized,
    .enabled(
        if: PrivateSSHServer.isPossible && PrivatePostgres.programs != nil, "sshd, root or PostgreSQL is missing"))
struct `PostgreSQL behind ssh` {
    let bench: Bench
    let postgres: PrivatePostgres
    let server: PrivateSSHServer

    init() throws {
        bench = try Bench()
        postgres = try PrivatePostgres.shared.get()
        server = try PrivateSSHServer.shared.get()
    }

    private var runName: String { "holdfast-\(bench.context.run)" }

    private func dump(
        _ database: String, options: [String]? = nil, identity: String? = nil, _ more: (String, Any)...
    ) throws -> any DumpSource {
        var value = settings(
            ("database", database), ("host", postgres.socketFolder), ("user", postgres.superuser), ("globals", false),
            ("clients", PrivatePostgres.programs!),
            (
                "through",
                settings(
                    ("ssh", server.destination), ("options", options ?? server.options),
                    ("identity", identity ?? server.identity))
            ))
        let added = more.flatMap { settings($0).entries }
        value.content = .map(value.entries.filter { entry in !added.contains { $0.key == entry.key } } + added)
        return try bench.source("postgres", value)
    }

    private func makeDatabase(_ statements: String) throws -> String {
        try postgres.makeDatabase("ssh_" + UUID().uuidString.prefix(8).lowercased() + " 'x", statements)
    }

    @Test func `a database with an awkward name comes back, its password in no argument`() async throws {
        let database = try makeDatabase("CREATE TABLE t AS SELECT generate_series(1, 500) AS i;")
        try postgres.sql(
            "DO $$ BEGIN CREATE ROLE guarded LOGIN SUPERUSER PASSWORD E's3cr:et\\\\pw'; EXCEPTION WHEN duplicate_object THEN END $$"
        )
        let source = try dump(database, ("user", "guarded"), ("password", "env:CANARY"))
        let report = try #require(try await bench.capture(source).first)
        #expect(report.facts.rows == ["public.t": 500])
        let restored = try await bench.restore(report, with: source, database: "\(database) back")
        #expect(restored.proofs.contains("1 table, 500 rows"))
        let command = try #require(
            bench.store.parts.compactMap { if case .stream(let command) = $0.content { command } else { nil } }.first)
        #expect(command.program == "ssh" && !command.displayed.contains("s3cr"))
        #expect(try postgres.backends(named: runName) == 0)
    }

    @Test func `an unknown host and a refused key are told apart, and nothing is asked`() async throws {
        let database = try makeDatabase("")
        let strange = ["Port=\(server.port)", "UserKnownHostsFile=\(server.folder["no_hosts"])"]
        await #expect { try await dump(database, options: strange).preflight(bench.context) } throws: {
            isCase($0, "unreachable") && ($0 as? SourceError)?.hint?.contains("fingerprint") == true
        }
        // A profile cannot loosen what we demand.
        await #expect {
            try await dump(database, options: strange + ["StrictHostKeyChecking=no"]).preflight(bench.context)
        } throws: { isCase($0, "unreachable") }
        await #expect {
            try await dump(database, identity: server.folder["strange-key"]).preflight(bench.context)
        } throws: { isCase($0, "notPermitted") }
        await #expect { try await dump(database, options: ["Port=1"]).preflight(bench.context) } throws: {
            isCase($0, "unreachable")
        }
    }

    @Test func `a dump whose client is killed leaves nothing on the other host`() async throws {
        let database = try makeDatabase(
            "CREATE TABLE big AS SELECT repeat(md5(i::text), 20) AS t FROM generate_series(1, 60000) i;")
        let (postgres, run) = (postgres, runName)
        bench.store.delay.withLock { $0 = 15 }
        let killing = Task {
            for _ in 0..<400 {
                if try postgres.sql(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '\(run)%' AND query LIKE 'COPY%'"
                )
                    != "0"
                {
                    return try shell(
                        "for p in /proc/[0-9]*; do tr '\\0\\n' '  ' <$p/cmdline 2>/dev/null | "
                            + "grep -q \"^ssh .*$1.*pg_dump\" && kill -9 ${p#/proc/} && echo killed; done", run)
                }
                try await Task.sleep(for: .milliseconds(25))
            }
            return ""
        }
        await #expect(throws: SourceError.self) { try await bench.capture(dump(database)) }
        let said = try await killing.value
        #expect(said.contains("killed"))
        #expect(try postgres.backends(named: runName) == 0)
        var left = "?"
        for _ in 0..<100 where !left.isEmpty {
            left = try shell("grep -lzs \"PGAPPNAME=$1\" /proc/[0-9]*/environ", run)
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(left.isEmpty)
    }
}
