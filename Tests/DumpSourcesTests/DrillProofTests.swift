import BackupModel
import Foundation
import Programs
import Synchronization
import TestSupport
import Testing

@testable import DumpSources

/// What sources prove in a drill, with the real programs.
@Suite("Proofs of drills")
struct DrillProofTests {
    /// Restores a tree by copying it from where it lay.
    private struct TreeReader: PartReader {
        let snapshot = SnapshotID(rawValue: "aa")
        let root: String
        /// Changes what came back.
        var change: @Sendable (String) throws -> Void = { _ in }

        func dump(path: PartPath) async throws(RepositoryError) -> [ToolCommand] { [] }
        func content(of path: PartPath, limit: ByteCount) async throws(RepositoryError) -> [UInt8] { [] }
        func entries(_ body: @escaping @Sendable (SnapshotEntry) -> Void) async throws(RepositoryError) {}
        func extract(
            include: [String], into directory: String, exact: Bool,
            progress: @escaping @Sendable (TransferProgress) -> Void
        ) async throws(RepositoryError) -> ExtractReport {
            do {
                try shell("mkdir -p \"$2$1\" && cp -a \"$1/.\" \"$2$1\"", root, directory)
                try change(directory + root)
            } catch { throw .unsupported("\(error)") }
            return ExtractReport(files: 3, bytes: 9)
        }
    }

    private func proveFiles(
        _ bench: Bench, changing change: @escaping @Sendable (String) throws -> Void
    ) async throws -> ProofReport {
        let root = bench.folder["live"]
        for name in ["a", "b", "c"] { try bench.folder.write(name + name + "\n", to: "live/\(name)") }
        let source = try bench.source("files", settings(("paths", [root])))
        var part = ManifestPart(
            source: source.spec.name, sourceKind: "files", part: PartPath(rawValue: "/"),
            snapshot: SnapshotID(rawValue: "aa"), capturedAt: Date(), condition: .clean, bytes: 9, files: 3,
            facts: Facts())
        part.facts.files = 3
        part.facts.bytes = 9
        let restore = RestoreRequest(
            part: part, reader: TreeReader(root: root, change: change), directory: bench.folder["proof"])
        return try await source.prove(ProofRequest(restore: restore, sample: 50), bench.context)
    }

    @Test func `restored files are compared byte by byte with the live ones`() async throws {
        let report = try await proveFiles(try Bench()) { _ in }
        #expect(report.findings.isEmpty)
        #expect(report.restored.proofs.contains("3 files taken at random are byte for byte what lies there live"))
    }

    @Test func `a file with other content and the same time is a finding, and one that was changed since is not`()
        async throws
    {
        let bench = try Bench()
        let live = bench.folder["live"]
        let report = try await proveFiles(bench) { restored in
            try shell(
                "printf 'xx\\n' > \"$1/a.new\"; touch -r \"$1/a\" \"$1/a.new\"; mv \"$1/a.new\" \"$1/a\"", restored)
            try shell("echo changed since >> \"$1/b\"", live)
        }
        #expect(report.findings.map(\.what) == [live + "/a"])
        #expect(report.restored.notices.contains { $0.contains("1 changed or went since") })
        #expect(report.restored.proofs.contains { $0.hasPrefix("1 file taken at random is") })
    }

    @Test func `a database among the files that came back damaged is a finding`() async throws {
        let bench = try Bench()
        try shell(
            "mkdir -p \"$1\"; sqlite3 \"$1/x.db\" 'create table t(a); insert into t values(1), (2);'",
            bench.folder["live"])
        let whole = try await proveFiles(bench) { _ in }
        #expect(whole.findings.isEmpty && whole.restored.proofs.contains { $0.hasPrefix("1 SQLite database inside") })
        let damaged = try await proveFiles(bench) { restored in
            try shell(
                "printf 'damaged damaged damaged' | dd of=\"$1/x.db\" bs=1 seek=4096 conv=notrunc status=none", restored
            )
        }
        #expect(damaged.findings.count == 1 && damaged.findings[0].what.hasSuffix("/x.db"), "\(damaged)")
    }

    @Test func `a query is answered by the restored SQLite database, and only a true answer is one`() async throws {
        let bench = try Bench()
        let path = bench.folder["app.db"]
        try shell("sqlite3 \"$1\" 'create table t(a); insert into t values(1), (2);'", path)
        let source = try bench.source("sqlite", settings(("path", path)))
        let report = try #require(try await bench.capture(source).first)
        func ask(_ queries: String...) async throws -> ProofReport {
            try await bench.prove(
                report, with: source, asking: queries.map { .init(database: nil, query: $0) })
        }
        let good = try await ask("select count(*) = 2 from t", "select sum(a) from t;")
        #expect(good.findings.isEmpty && good.restored.proofs.contains("`select sum(a) from t;` is true"))
        let bad = try await ask("select 0", "select null", "select a from t where a > 5", "select 'yes'", "selec")
        #expect(bad.findings.map(\.found).prefix(4) == ["0", "nothing (NULL)", "no row", "yes"])
        #expect(bad.findings.count == 5 && bad.findings[4].found?.contains("syntax error") == true)
        // Facts are of the capture: one that is wrong is not made good by what is there.
        await #expect {
            try await bench.prove(report, with: source) { $0.facts.rows = ["t": 3] }
        } throws: { "\($0)".contains("expected 3 rows, found 2 rows") }
    }

    @Test func `names of roles and tablespaces are found in a dump`() {
        var requirements = PostgreSQLRequirements()
        for line in [
            "ALTER TABLE public.t OWNER TO bob;", "GRANT SELECT ON TABLE public.t TO \"Read Only\";",
            "GRANT ALL ON SCHEMA public TO alice WITH GRANT OPTION;", "REVOKE ALL ON TABLE public.t FROM PUBLIC;",
            "ALTER DEFAULT PRIVILEGES FOR ROLE owner2 IN SCHEMA public GRANT SELECT ON TABLES TO carol;",
            "CREATE POLICY p ON public.t TO dave, \"e\"\"f\" USING (true);", "SET default_tablespace = fast;",
            "SET default_tablespace = '';", "CREATE USER MAPPING FOR gina SERVER far;", "GRANT\tx", "GRANT",
            "ALTER FUNCTION public.f(a integer) OWNER TO bob;", "GRANT USAGE ON TYPE x TO pg_monitor;",
        ] { requirements.read(line) }
        #expect(
            requirements.roles == ["bob", "Read Only", "alice", "owner2", "carol", "dave", "e\"f", "gina"],
            "\(requirements.roles)")
        #expect(requirements.tablespaces == ["fast"])
    }

    @Test func `roles and tablespaces that were noted are those that a dump names, whatever they are called`() throws {
        let answer = #"{"roles": ["a\"b", "Read Only", "pg_x", "holdfast_drill", "to, with"], "tablespaces": ["fast"]}"#
        let note = try #require(PostgreSQLNeeds.noted([answer[...]]))
        let requirements = try #require(PostgreSQLNeeds(["needs": note])).requirements
        #expect(requirements.roles == ["a\"b", "Read Only", "to, with"] && requirements.tablespaces == ["fast"])
        #expect(PostgreSQLNeeds.noted([#"{"roles": ["a"], "tablespaces": null}"#]) != nil)
        let many = (0...500).map { "\"r\($0)\"" }.joined(separator: ",")
        #expect(PostgreSQLNeeds.noted(["{\"roles\": [\(many)]}"]) == nil)
        #expect(PostgreSQLNeeds.noted([]) == nil && PostgreSQLNeeds(["needs": "["]) == nil)
    }
}

/// With servers of the tests' own.
@Suite("Proofs of dumps", .serialized)
struct DumpProofTests {
    @Test(
        .enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"), .timeLimit(.minutes(2)),
        arguments: ["plain", "custom"])
    func `a dump is loaded into a PostgreSQL server of its own, with owners and tablespaces, and asked`(format: String)
        async throws
    {
        let bench = try Bench()
        let postgres = try PrivatePostgres.shared.get()
        let name = "dr_" + UUID().uuidString.prefix(8).lowercased()
        try postgres.makeDatabase(
            name,
            """
            CREATE ROLE "\(name) Owner"; CREATE ROLE \(name)_reader;
            CREATE TABLE t (id int PRIMARY KEY, x text); INSERT INTO t SELECT i, i::text FROM generate_series(1, 2000) i;
            CREATE INDEX ON t (x); ALTER TABLE t OWNER TO "\(name) Owner"; GRANT SELECT ON t TO \(name)_reader;
            CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM t; ALTER MATERIALIZED VIEW m OWNER TO "\(name) Owner";
            """)
        let source = try bench.source(
            "postgres",
            settings(
                ("database", name), ("host", postgres.socketFolder), ("user", postgres.superuser), ("globals", false),
                ("format", format)))
        let report = try #require(try await bench.capture(source).first)
        let served = Mutex<[String: String]>([:])
        let proof = try await bench.prove(
            report, with: source,
            asking: [
                .init(database: nil, query: "SELECT count(*) = 2000 FROM t"),
                .init(database: "other", query: "SELECT false"),
            ],
            whileServed: { (variables: [String: String]) async throws -> Void in
                served.withLock { $0 = variables }
                #expect(try shellOutput("psql -Atc 'SELECT count(*) FROM t'", variables) == "2000")
            })
        #expect(proof.findings.isEmpty && proof.restored.unproven.isEmpty, "\(proof)")
        #expect(proof.restored.proofs.contains("2 indexes") && proof.tools["postgres"] != nil)
        #expect(proof.restored.proofs.contains { $0.hasSuffix("2000 rows") || $0.contains("rows") }, "\(proof)")
        let host = served.withLock { $0["PGHOST"] } ?? ""
        #expect(host.hasPrefix("/proc/") && !FileManager.default.fileExists(atPath: host), "the server is gone")
        let left = try shellOutput("find \"$FOLDER\" -name PG_VERSION", ["FOLDER": bench.folder.path])
        #expect(left == "")
        await #expect {
            try await bench.prove(report, with: source) { $0.facts.rows = ["public.t": 2001] }
        } throws: { "\($0)".contains("expected 2001 rows, found 2000 rows") }
        // What the server must have was noted: the dump is read once for each proof, to be loaded. Without the note it is read for it.
        #expect(bench.readings.count.withLock { $0 } == 2)
        #expect(proof.preparation < .seconds(1) && report.restoreNotes["needs"]?.contains("\(name) Owner") == true)
        let older = try await bench.prove(report, with: source) { $0.restoreNotes["needs"] = nil }
        #expect(bench.readings.count.withLock { $0 } == 4 && older.preparation > .zero && older.findings.isEmpty)
        if geteuid() == 0, format == "plain" { try await isRunByNobody(report, source, bench) }
        // The server that was dumped has not been asked for anything.
        #expect(try postgres.backends(named: "holdfast-\(bench.context.run)") == 0)
    }

    /// What a dump makes psql do is done by somebody who may do nothing.
    private func isRunByNobody(_ report: PartReport, _ source: any DumpSource, _ bench: Bench) async throws {
        let (file, witness) = (bench.store.file(report.path), bench.folder["open/witness"])
        try shell("chmod 777 \"$3\"; echo '\\! id -un > '\"$2\" >> \"$1\"", file, witness, bench.folder["open"])
        let size = try #require(FileManager.default.attributesOfItem(atPath: file)[.size] as? NSNumber).int64Value
        _ = try await bench.prove(report, with: source) { $0.bytes = ByteCount(size) }
        #expect(try String(contentsOfFile: witness, encoding: .utf8) == "nobody\n")
    }

    @Test(.enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"), .timeLimit(.minutes(2)))
    func `a dump of a version that no server here takes is complete and not proven, and what to install is said`()
        async throws
    {
        let bench = try Bench()
        let postgres = try PrivatePostgres.shared.get()
        let name = "dn_" + UUID().uuidString.prefix(8).lowercased()
        try postgres.makeDatabase(name, "CREATE TABLE t (id int); INSERT INTO t VALUES (1);")
        let source = try bench.source(
            "postgres",
            settings(
                ("database", name), ("host", postgres.socketFolder), ("user", postgres.superuser), ("globals", false)))
        let report = try #require(try await bench.capture(source).first)
        let proof = try await bench.prove(report, with: source) { $0.restoreNotes["server"] = "99.1" }
        #expect(proof.restored.proofs.contains("the dump is complete"))
        #expect(
            proof.restored.unproven.count == 1 && proof.remedies.first?.contains("postgresql-99") == true, "\(proof)")
    }

    @Test(.enabled(if: PrivateMariaDB.program != nil, "MariaDB is not installed"), .timeLimit(.minutes(2)))
    func `a dump is loaded into a MariaDB server of its own, where its events do not run`() async throws {
        let my = try MySQLBench()
        let database = try my.server.makeDatabase(
            nil,
            """
            CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT seq FROM seq_1_to_500;
            CREATE VIEW v AS SELECT * FROM t; CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO DELETE FROM t;
            """)
        let source = try my.dump(database)
        let report = try #require(try await my.bench.capture(source).first)
        let proof = try await my.bench.prove(
            report, with: source,
            asking: [
                .init(database: nil, query: "SELECT COUNT(*) = 500 FROM t"),
                .init(database: database, query: "SELECT @@event_scheduler = 'OFF'"),
                .init(database: nil, query: "SELECT NULL"),
            ])
        #expect(
            proof.findings == [DrillFinding("`SELECT NULL`", expected: "true", found: "nothing (NULL)")], "\(proof)")
        #expect(proof.restored.proofs.contains("1 table, 500 rows") && proof.restored.proofs.contains("1 event"))
        #expect(proof.restored.unproven.isEmpty && proof.tools["mariadbd"] != nil)
    }
}

private func shellOutput(_ script: String, _ variables: [String: String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    process.environment = variables.merging(["PATH": "/usr/bin:/bin"]) { $1 }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
}
