import BackupModel
import DumpSources
import Foundation
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: PrivateMariaDB.program != nil, "MariaDB is not installed"))
struct `MySQL restores` {
    let my: MySQLBench
    let database: String
    var bench: Bench { my.bench }

    init() throws {
        my = try MySQLBench()
        database = try my.server.makeDatabase(
            nil,
            """
            CREATE TABLE first (id int PRIMARY KEY, note text);
            INSERT INTO first SELECT seq, MD5(seq) FROM seq_1_to_20000;
            CREATE TABLE second (id int PRIMARY KEY);
            INSERT INTO second SELECT seq FROM seq_1_to_50;
            CREATE PROCEDURE nothing() SELECT 1;
            """)
    }

    private func exists(_ name: String) throws -> Bool {
        try my.server.sql("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '\(name)'") == "1"
    }

    /// Changes what is stored, so that the repository's account of it agrees: only the content can tell.
    private func change(_ report: PartReport, _ script: String) throws -> ByteCount {
        try shell(script, bench.store.file(report.path))
        let size = try FileManager.default.attributesOfItem(atPath: bench.store.file(report.path))[.size] as? NSNumber
        return ByteCount(try #require(size).int64Value)
    }

    @Test(arguments: [
        ("sed -i '/^-- Dump completed/d' \"$1\"", "", "end marker"),
        ("sed -i '/^UNLOCK TABLES/,$d' \"$1\"", "no such table", "end marker"),
        ("sed -i '/^(20000,/s/^.*$/(0,NULL);/; /^(100,/d' \"$1\"", "rows", ""),
        ("sed -i '/PROCEDURE `nothing`/,/^;;/d; s/^SELECT 1$//' \"$1\"", "routines", ""),
    ])
    func `a dump that lacks something is no restore`(_ script: String, _ loaded: String, _ saved: String) async throws {
        let source = try my.dump(database)
        let report = try #require(try await bench.capture(source).first)
        let bytes = try change(report, script)
        let target = "cut_\(database)"
        if !loaded.isEmpty {
            await #expect {
                try await bench.restore(report, with: source, database: target) { $0.bytes = bytes }
            } throws: { isCase($0, "mismatch") && "\($0)".contains(loaded) }
            #expect(try !exists(target), "the half database is gone")
        }
        if !saved.isEmpty {
            await #expect { try await bench.restore(report, with: source) { $0.bytes = bytes } } throws: {
                "\($0)".contains(saved)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder["restored"]).isEmpty)
        }
        // Against the repository's own account it is found at once.
        await #expect(throws: SourceError.self) { try await bench.restore(report, with: source, database: target) }
        #expect(try !exists(target))
    }

    @Test func `a database that is there already is not touched`() async throws {
        let source = try my.dump(database)
        let report = try #require(try await bench.capture(source).first)
        let target = try my.server.makeDatabase("there_\(database)", "CREATE TABLE mine (x int)")
        await #expect { try await bench.restore(report, with: source, database: target) } throws: {
            isCase($0, "targetExists")
        }
        #expect(try my.server.sql("SELECT COUNT(*) FROM mine", database: target) == "0")
    }

    @Test func `a statement that fails drops the half database and is told`() async throws {
        let source = try my.dump(database)
        let report = try #require(try await bench.capture(source).first)
        let bytes = try change(report, "sed -i 's/^CREATE TABLE `second`/CREATE TABLE `nowhere`.`second`/' \"$1\"")
        await #expect {
            try await bench.restore(report, with: source, database: "bad_\(database)") { $0.bytes = bytes }
        } throws: { "\($0)".contains("nowhere") }
        #expect(try !exists("bad_\(database)"))
    }

    @Test func `a server without room says so, and the half database is gone`() async throws {
        let full = try my.server.makeDatabase(
            nil,
            "SET SESSION max_heap_table_size = 64000000; CREATE TABLE t (x char(200)) ENGINE=MEMORY; INSERT INTO t SELECT seq FROM seq_1_to_30000"
        )
        let source = try my.dump(full)
        let report = try #require(try await bench.capture(source).first)
        try my.server.sql("SET GLOBAL max_heap_table_size = 16384")
        defer { _ = try? my.server.sql("SET GLOBAL max_heap_table_size = 16777216") }
        await #expect { try await bench.restore(report, with: source, database: "full_\(database)") } throws: {
            "\($0)".contains("no room left") && "\($0)".contains("1114")
        }
        #expect(try !exists("full_\(database)"))
    }

    @Test func `a client that does not know the first line of newer dumps gets the rest`() async throws {
        let clients = try my.clients(
            shell: "sed '1{/sandbox/s/^/ERROR at line 1: Unknown command/;}' | exec mariadb \"$@\"")
        let source = try my.dump(database, ("clients", clients))
        let report = try #require(try await bench.capture(source).first)
        let stored = try String(contentsOfFile: bench.store.file(report.path), encoding: .utf8)
        try #require(stored.hasPrefix("/*M!999999\\- enable the sandbox mode"), "this mariadb-dump is an older one")
        let restored = try await bench.restore(report, with: source, database: "old_\(database)")
        #expect(restored.proofs.contains("2 tables, 20050 rows"))
    }

    @Test func `a dump with commands for the client in it runs none`() async throws {
        let source = try my.dump(database)
        let report = try #require(try await bench.capture(source).first)
        let proof = bench.folder["ran"]
        let bytes = try change(report, "sed -i '1d; $i \\\\\\\\! touch \(proof)\\nsystem touch \(proof)' \"$1\"")
        let text = try String(contentsOfFile: bench.store.file(report.path), encoding: .utf8)
        #expect(text.contains("\\! touch"))
        await #expect(throws: SourceError.self) {
            try await bench.restore(report, with: source, database: "hack_\(database)") { $0.bytes = bytes }
        }
        #expect(!FileManager.default.fileExists(atPath: proof))
    }

    @Test func `a cancelled restore leaves no database`() async throws {
        let source = try my.dump(database)
        let report = try #require(try await bench.capture(source).first)
        let bytes = try change(report, "sed -i '/^-- Dump completed/i DO SLEEP(60);' \"$1\"")
        let task = Task {
            try await bench.restore(report, with: source, database: "slow_\(database)") { $0.bytes = bytes }
        }
        try await my.waitForSession(in: "slow_\(database)")
        try await Task.sleep(for: .milliseconds(300))
        task.cancel()
        await #expect(throws: SourceError.self) { try await task.value }
        #expect(try !exists("slow_\(database)"))
    }

    @Test(.enabled(if: geteuid() == 0, "running as another user needs root"))
    func `the clients can run as another user of the system`() async throws {
        try my.server.makeUser("guarded", password: "s3cr:et\\pw", "ALL ON *.*")
        let source = try my.dump(
            database, ("user", "guarded"), ("password", "env:CANARY"), ("through", settings(("user", "nobody"))))
        let report = try #require(try await bench.capture(source).first)
        #expect(report.facts.rows?["first"] == 20_000)
    }

    @Test(.enabled(if: PrivateSSHServer.isPossible, "sshd or root is missing"))
    func `behind ssh a database comes back, its password in no argument`() async throws {
        let far = try PrivateSSHServer.shared.get()
        let name = "ssh \(database) 'x"
        try my.server.makeDatabase(name, "CREATE TABLE t (x int); INSERT INTO t SELECT seq FROM seq_1_to_500;")
        try my.server.makeUser("guarded", password: "s3cr:et\\pw", "ALL ON *.*")
        let source = try my.dump(
            name, ("user", "guarded"), ("password", "env:CANARY"),
            ("through", settings(("ssh", far.destination), ("options", far.options), ("identity", far.identity))))
        let report = try #require(try await bench.capture(source).first)
        #expect(report.facts.rows == ["t": 500])
        let restored = try await bench.restore(report, with: source, database: "\(name) back")
        #expect(restored.proofs.contains("1 table, 500 rows"))
        let command = try #require(
            bench.store.parts.compactMap { if case .stream(let command) = $0.content { command } else { nil } }.first)
        #expect(command.program == "ssh" && !command.displayed.contains("s3cr"))
        let wrong = try my.dump(
            name, ("user", "guarded"),
            ("through", settings(("ssh", far.destination), ("options", far.options), ("identity", far.identity))))
        await #expect { try await wrong.preflight(bench.context) } throws: { isCase($0, "notPermitted") }
        #expect(try my.server.sessions(in: name) == 0)
    }
}
