import BackupModel
import DumpSources
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: ContainerizedPostgres.isPossible, "this machine cannot run containers"))
struct `PostgreSQL in a container` {
    let bench: Bench
    let postgres: ContainerizedPostgres

    init() throws {
        bench = try Bench()
        postgres = try ContainerizedPostgres.shared.get()
    }

    private static let content = """
        CREATE TABLE account (id int PRIMARY KEY, note text);
        INSERT INTO account SELECT i, md5(i::text) FROM generate_series(1, 1000) i;
        CREATE INDEX ON account (note);
        """
    private static let big =
        "CREATE TABLE big AS SELECT repeat(md5(i::text), 20) AS t FROM generate_series(1, 60000) i;"

    private var runName: String { "holdfast-\(bench.context.run)" }
    private var container: ConfigValue { settings(("container", postgres.name)) }

    private func dump(
        _ database: String, _ through: ConfigValue? = nil, _ more: (String, Any)...
    ) throws -> any DumpSource {
        var value = settings(
            ("database", database), ("host", "/tmp"), ("user", postgres.superuser), ("globals", false),
            ("through", through ?? container))
        let added = more.flatMap { settings($0).entries }
        value.content = .map(value.entries.filter { entry in !added.contains { $0.key == entry.key } } + added)
        return try bench.source("postgres", value)
    }

    /// Ends the clients of a run here, as if somebody had killed them, as soon as one of them dumps.
    private func killClient(when begun: @escaping @Sendable () throws -> Bool) -> Task<Bool, any Error> {
        let run = runName
        return Task {
            for _ in 0..<400 {
                if try begun() {
                    let killed = try shell(
                        "for p in /proc/[0-9]*; do tr '\\0\\n' '  ' <$p/cmdline 2>/dev/null | "
                            + "grep -q \"^podman exec.*$1.* pg_dump\" && kill -9 ${p#/proc/} && echo killed; done", run)
                    return killed.contains("killed")
                }
                try await Task.sleep(for: .milliseconds(25))
            }
            return false
        }
    }

    private func wait(until isSo: () throws -> Bool) async throws {
        for _ in 0..<200 {
            if try isSo() { return }
            try await Task.sleep(for: .milliseconds(25))
        }
        Issue.record("it never came to that")
    }

    private func leavesNothing() async throws -> Bool {
        for _ in 0..<100 {
            if try postgres.backends(named: runName) == 0, try postgres.processes(with: runName) == 0 {
                return try postgres.isUnharmed()
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        return false
    }

    @Test(arguments: ["plain", "custom"])
    func `a database comes back as it was, into the container and into a file`(format: String) async throws {
        let database = try postgres.makeDatabase(Self.content)
        let source = try dump(database, nil, ("format", format), ("globals", true))
        let preview = try await source.preflight(bench.context)
        #expect(preview.summary.contains("PostgreSQL 1"))
        let reports = try await bench.capture(source)
        #expect(reports.map(\.path.rawValue).last == "/postgres/globals.sql")
        let report = try #require(reports.first)
        #expect(report.condition == .clean)
        #expect(report.facts.rows == ["public.account": 1000])
        #expect(report.facts.notes?["indexes"] == "2")
        #expect(bench.store.parts.allSatisfy { !$0.bytesAreExact })
        #expect(try await leavesNothing())

        let restored = try await bench.restore(report, with: source, database: "\(database)_back")
        #expect(restored.proofs.contains("1 table, 1000 rows"), "\(restored)")
        #expect(try postgres.sql("SELECT count(*) FROM account", database: "\(database)_back") == "1000")
        let file = try await bench.restore(report, with: source)
        #expect(FileManager.default.fileExists(atPath: file.place))
        #expect(try await leavesNothing())
    }

    @Test func `rows are counted in the very snapshot that is dumped`() async throws {
        let database = try postgres.makeDatabase(Self.content)
        let postgres = postgres
        bench.store.before.withLock {
            $0 = { _ in _ = try? postgres.sql("INSERT INTO account VALUES (5000, 'late')", database: database) }
        }
        let report = try #require(try await bench.capture(dump(database)).first)
        #expect(report.facts.rows == ["public.account": 1000])
        #expect(try postgres.sql("SELECT count(*) FROM account", database: database) == "1001")
    }

    @Test(arguments: ["plain", "custom"])
    func `a password comes in on standard input and stands in no argument, here or there`(format: String) async throws {
        let secret = "s3cr:et\\pw"
        let database = try postgres.makeDatabase(Self.content)
        try postgres.sql(
            "DO $$ BEGIN CREATE ROLE guarded LOGIN SUPERUSER PASSWORD E's3cr:et\\\\pw'; EXCEPTION WHEN duplicate_object THEN END $$"
        )
        await #expect { try await dump(database, nil, ("user", "guarded")).preflight(bench.context) } throws: {
            isCase($0, "notPermitted")
        }
        let seen = Mutex("")
        bench.store.delay.withLock { $0 = 1 }
        let watching = Task {
            while !Task.isCancelled {
                let lines = try shell("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
                seen.withLock { $0 += lines }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        let source = try dump(database, nil, ("user", "guarded"), ("password", "env:CANARY"), ("format", format))
        let report = try #require(try await bench.capture(source).first)
        let restored = try await bench.restore(report, with: source, database: "\(database)_back")
        watching.cancel()
        #expect(restored.proofs.contains("1 table, 1000 rows"))
        #expect(seen.withLock { $0.contains(runName) }, "the programs were looked at")
        #expect(!seen.withLock { $0.contains(secret) })
        let command = try #require(
            bench.store.parts.compactMap { if case .stream(let command) = $0.content { command } else { nil } }.first)
        #expect(command.environment.isEmpty && command.secrets.isEmpty)
        #expect(!command.displayed.contains("s3cr"))
    }

    @Test func `a dump whose client is killed in the middle of a table leaves nothing in the container`() async throws {
        let database = try postgres.makeDatabase(Self.big)
        let postgres = postgres
        let run = runName
        // Longer than a machine with much else to do takes to look; who is killed ends the wait.
        bench.store.delay.withLock { $0 = 20 }
        let killing = killClient {
            try postgres.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '\(run)%' AND query LIKE 'COPY%'")
                != "0"
        }
        await #expect(throws: SourceError.self) { try await bench.capture(dump(database)) }
        #expect(try await killing.value)
        #expect(try await leavesNothing())
    }

    @Test func `a dump whose client is killed while its backend sleeps leaves nothing in the container`() async throws {
        let database = try postgres.makeDatabase(Self.content)
        let postgres = postgres
        let run = runName
        // The backend waits for a lock, and would wait for a minute without looking at its client.
        Thread.detachNewThread {
            _ = try? postgres.sql("BEGIN; LOCK TABLE account; SELECT pg_sleep(20);", database: database)
        }
        let killing = killClient {
            try postgres.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '\(run)%' AND query LIKE 'LOCK%' "
                    + "AND wait_event_type = 'Lock'") != "0"
        }
        try await wait { try postgres.sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'") != "0" }
        await #expect(throws: SourceError.self) { try await bench.capture(dump(database)) }
        #expect(try await killing.value)
        #expect(try await leavesNothing())
        try postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()"
        )
    }

    @Test func `a program that nobody watches goes on without its client, and so has to be watched`() async throws {
        let name = "unwatched-\(UUID().uuidString.prefix(8))"
        let child = try WatchedChild(
            ["/usr/bin/podman", "exec", "--interactive", postgres.name, "env", "MARK=\(name)", "sleep", "8"],
            environment: ["PATH": "/usr/sbin:/usr/bin:/bin", "HOME": "/root"], output: bench.folder["o"],
            errors: bench.folder["e"])
        try await wait { try postgres.processes(with: name) > 0 }
        child.signal(SIGKILL)
        _ = await child.code
        try await Task.sleep(for: .seconds(2))
        #expect(try postgres.processes(with: name) > 0)
    }

    @Test func `a cancelled dump leaves nothing in the container`() async throws {
        let database = try postgres.makeDatabase(Self.big)
        let postgres = postgres
        bench.store.delay.withLock { $0 = 5 }
        let source = try dump(database)
        let bench = bench
        let capture = Task { try await bench.capture(source) }
        try await wait { try postgres.backends(named: runName) > 1 }
        try await Task.sleep(for: .milliseconds(300))
        capture.cancel()
        await #expect(throws: (any Error).self) { try await capture.value }
        #expect(try await leavesNothing())
    }

    @Test func `a compose service is found by its labels`() async throws {
        let database = try postgres.makeDatabase(Self.content)
        let source = try dump(
            database, settings(("compose", postgres.composeFile), ("service", "db"), ("engine", "podman")))
        #expect(try await bench.capture(source).first?.facts.rows == ["public.account": 1000])
        for (file, service, hint) in [
            (postgres.composeFile, "dbb", "did you mean `db`"), ("/opt/other/docker-compose.yml", "db", "is it up"),
        ] {
            let lost = try dump(database, settings(("compose", file), ("service", service), ("engine", "podman")))
            await #expect { try await lost.preflight(bench.context) } throws: {
                isCase($0, "missing") && ($0 as? SourceError)?.hint?.contains(hint) == true
            }
        }
    }

    @Test func `a container that is missing, stopped or without clients is named with what to do`() async throws {
        let typo = try dump("x", settings(("container", postgres.name + "x"), ("engine", "podman")))
        await #expect { try await typo.preflight(bench.context) } throws: {
            isCase($0, "missing") && ($0 as? SourceError)?.hint == "did you mean `\(postgres.name)`?"
        }
        let stopped = "holdfast-test-stopped-\(UUID().uuidString.prefix(8).lowercased())"
        try ContainerizedPostgres.run(
            [
                "podman", "create", "--name", stopped, "--network", "none", ContainerizedPostgres.image,
                "sleep", "9",
            ])
        defer { _ = try? ContainerizedPostgres.run(["podman", "rm", "--force", stopped]) }
        let asleep = try dump("x", settings(("container", stopped), ("engine", "podman")))
        await #expect { try await asleep.preflight(bench.context) } throws: {
            isCase($0, "missing") && ($0 as? SourceError)?.hint == "start it: podman start \(stopped)"
        }
        let elsewhere = try dump("x", nil, ("clients", "/opt/none"))
        await #expect { try await elsewhere.preflight(bench.context) } throws: {
            isCase($0, "missing") && "\($0)".contains("/opt/none/pg_dump in the container")
        }
        let wrong = try dump("not_there")
        await #expect { try await wrong.preflight(bench.context) } throws: { isCase($0, "missing") }
    }

    @Test func `a command runs in the container, its secret in no argument`() async throws {
        let source = try bench.source(
            "command",
            settings(
                ("run", ["sh", "-c", "printf '%s|%s' \"$GREETING\" \"$TOKEN\""]), ("through", container),
                ("environment", settings(("GREETING", "hello world"), ("TOKEN", "env:CANARY")))))
        _ = try await source.preflight(bench.context)
        let report = try #require(try await bench.capture(source).first)
        #expect(try String(contentsOfFile: bench.store.file(report.path), encoding: .utf8) == "hello world|s3cr:et\\pw")
        let failing = try bench.source(
            "command", settings(("run", ["sh", "-c", "echo x; exit 7"]), ("through", container)))
        await #expect { try await bench.capture(failing) } throws: { "\($0)".contains("7") }
    }
}
