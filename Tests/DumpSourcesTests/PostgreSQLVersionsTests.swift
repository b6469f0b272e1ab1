import BackupModel
import DumpSources
import Foundation
import TestSupport
import Testing

/// Dumps of one major version that are loaded into another.
@Suite(
    .enabled(
        if: PrivatePostgres.programs != nil && PrivatePostgres.newerPrograms != nil,
        "no PostgreSQL of two major versions"))
struct `PostgreSQL across versions` {
    let bench: Bench
    let old: PrivatePostgres
    let new: PrivatePostgres
    let name = "av_" + UUID().uuidString.prefix(8).lowercased()
    private static let newer = Result { try PrivatePostgres(programs: PrivatePostgres.newerPrograms) }
    private static let tables = """
        CREATE TABLE first (id int PRIMARY KEY, note text NOT NULL);
        INSERT INTO first SELECT i, md5(i::text) FROM generate_series(1, 2000) i;
        CREATE TABLE second (id int PRIMARY KEY REFERENCES first, "order" int CHECK ("order" > 0));
        INSERT INTO second SELECT generate_series(1, 50), 1;
        CREATE INDEX ON first (note);
        """

    init() throws {
        bench = try Bench()
        old = try PrivatePostgres.shared.get()
        new = try `PostgreSQL across versions`.newer.get()
    }

    private func source(_ server: PrivatePostgres, clients: PrivatePostgres, _ format: String = "plain") throws
        -> any DumpSource
    {
        try bench.source(
            "postgres",
            settings(
                ("database", name), ("host", server.socketFolder), ("user", server.superuser), ("globals", false),
                ("clients", clients.programs), ("format", format)))
    }

    @Test(arguments: ["plain", "custom"], [false, true])
    func `an older dump is loaded into a newer server and proven, by the clients of either`(
        format: String, newerClients: Bool
    ) async throws {
        try old.makeDatabase(name, Self.tables)
        let report = try #require(try await bench.capture(try source(old, clients: old, format)).first)
        let target = try source(new, clients: newerClients ? new : old, format)
        let restored = try await bench.restore(report, with: target, database: name)
        #expect(restored.unproven.isEmpty, "\(restored.unproven)")
        #expect(restored.proofs.contains("2 tables, 2050 rows") && restored.proofs.contains("3 indexes"))
        #expect(restored.proofs.contains("4 constraints"), "\(restored.proofs)")
        #expect(try new.sql("SELECT count(*) FROM first", database: name) == "2000")
    }

    @Test func `a newer dump that an older server cannot take leaves nothing behind, and says why`() async throws {
        try new.makeDatabase(name, Self.tables)
        let report = try #require(try await bench.capture(try source(new, clients: new)).first)
        let copy = "down_\(name)"
        await #expect { try await bench.restore(report, with: try source(old, clients: old), database: copy) } throws: {
            "\($0)".contains("newer")
        }
        #expect(try old.sql("SELECT count(*) FROM pg_database WHERE datname = '\(copy)'") == "0")
    }

    @Test func `what belongs to the database itself comes to the newer server too`() async throws {
        try old.makeDatabase(name, Self.tables)
        _ = try old.sql(
            """
            ALTER DATABASE \(name) SET search_path = app, public; REVOKE ALL ON DATABASE \(name) FROM PUBLIC;
            ALTER ROLE \(old.superuser) IN DATABASE \(name) SET work_mem = '4MB'; COMMENT ON DATABASE \(name) IS 'shop';
            """)
        let report = try #require(try await bench.capture(try source(old, clients: old)).first)
        let copy = "up_\(name)"
        let restored = try await bench.restore(report, with: try source(new, clients: new), database: copy)
        #expect(restored.notices.isEmpty, "\(restored.notices)")
        #expect(try new.properties(of: copy) == old.properties(of: name))
    }
}
