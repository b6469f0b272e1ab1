import Foundation
import TestSupport
import Testing

/// The lines of a sheet go to the end: dumps become databases, and their rows are counted.
@Suite(
    .enabled(if: PrivatePostgres.programs != nil && PrivateMariaDB.program != nil, "no database server is installed"))
struct KitDatabaseTests {
    @Test(.timeLimit(.minutes(3)))
    func `databases of PostgreSQL and MySQL are made, loaded and counted, and other rows are told`() async throws {
        let postgres = try PrivatePostgres.shared.get()
        let mariadb = try PrivateMariaDB.shared.get()
        let name = "kit's-\(UUID().uuidString.prefix(6).lowercased())"
        try postgres.makeDatabase(
            name, "CREATE TABLE \"odd ta'ble\"(a int); CREATE TABLE visit AS SELECT generate_series(1, 500) AS id;")
        try postgres.sql(
            """
            ALTER DATABASE "\(name)" SET search_path = app, "$user", public; COMMENT ON DATABASE "\(name)" IS 'the shop''s, :"db"';
            CREATE ROLE "\(name)"; ALTER ROLE "\(name)" IN DATABASE "\(name)" SET work_mem = '4MB';
            ALTER DATABASE "\(name)" OWNER TO "\(name)"; REVOKE ALL ON DATABASE "\(name)" FROM PUBLIC;
            """)
        let other = try mariadb.makeDatabase(nil, "CREATE TABLE `we``ird $HOME` AS SELECT 1 AS a UNION SELECT 2")
        let world = try World("kit-databases")
        let folder = world.folder
        try world.program.writeProfile(
            """
            sources:
              db: { postgres: { database: "\(name)", host: "\(postgres.socketFolder)", port: \(postgres.port), user: \(postgres.superuser) } }
              my: { mysql: { database: \(other), user: root, socket: "\(mariadb.socket)" } }
            repositories:
              local: { rsync: "\(folder["repository"])" }
            """)
        try await world.backUp()
        let kit = try await world.program.run("kit")
        #expect(kit.code == 0, "\(kit)")
        let script = try folder.write(kit.output, to: "kit.sh")
        try folder.write("[client]\nsocket=\(mariadb.socket)\nuser=root\n", to: "my.cnf", mode: 0o600)
        func carryOut(_ sheet: String, _ target: String, _ variables: [String]) async throws -> HoldfastProgram.Result {
            try await world.program.startTool(
                ["env", "-i", "PATH=/usr/bin:/bin", "HOME=\(folder["home"])", "TARGET=\(folder[target])"] + variables
                    + ["bash", sheet]
            ).result()
        }
        let files = try await carryOut(script, "files", [])
        #expect(files.code == 0 && files.output.contains("PGHOST is not set, so it stays a file"), "\(files)")
        #expect(files.output.contains("MYSQL_FILE is not set"), "\(files)")

        let servers = [
            "PGHOST=\(postgres.socketFolder)", "PGPORT=\(postgres.port)", "PGUSER=\(postgres.superuser)",
            "MYSQL_FILE=\(folder["my.cnf"])",
        ]
        func variable(_ name: String) -> String {
            "DATABASE_" + name.uppercased().map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
        }
        func names(_ ending: String) -> [String] {
            ["\(variable(name))=\(name)\(ending)", "\(variable(other))=\(other)\(ending)"]
        }
        let loaded = try await carryOut(script, "loaded", servers + names("_b"))
        #expect(loaded.code == 0, "\(loaded)")
        #expect(loaded.output.contains("proven: database \(name)_b: 2 tables, 500 rows"), "\(loaded)")
        #expect(loaded.output.contains("proven: database \(other)_b: 1 table, 2 rows"), "\(loaded)")
        #expect(try postgres.sql("SELECT sum(id) FROM visit", database: "\(name)_b") == "125250")
        #expect(try postgres.properties(of: "\(name)_b") == postgres.properties(of: name))
        #expect(loaded.output.contains("left alone:") && loaded.output.contains("globals.sql"), "\(loaded)")

        // The databases as they were called, on a server that has none of these: it stands in for one of its own.
        try postgres.sql("DROP DATABASE \"\(name)\"")
        let rehearsed = try await world.program.run(
            ["kit", "rehearse", script, "--databases"],
            environment: ["PGHOST": postgres.socketFolder, "PGUSER": postgres.superuser])
        #expect(
            rehearsed.code == 0 && rehearsed.output.contains("proven: database \(name): 2 tables, 500 rows"),
            "\(rehearsed)")
        #expect(rehearsed.output.contains("MYSQL_FILE is not set"), "\(rehearsed)")
        let without = try await world.program.run(["kit", "rehearse"], environment: ["PGHOST": postgres.socketFolder])
        #expect(without.output.contains("PGHOST is not set"), "\(without)")

        // A drill has a server of its own for PostgreSQL; what it loads nowhere it does not call proven.
        let drilled = try await world.program.run("drill", "--from-kit", script)
        #expect(drilled.code == 5 && drilled.output.contains("proven: 2 tables, 500 rows"), "\(drilled)")
        #expect(drilled.said.contains("it stays a file") && drilled.said.contains("`holdfast drill my`"), "\(drilled)")

        // What is there is not loaded over.
        let again = try await carryOut(script, "again", servers + names("_b"))
        #expect(again.code == 1 && again.errors.contains("already exists"), "\(again)")
        let altered = try folder.write(kit.output.replacing("500 public.visit", with: "501 public.visit"), to: "k2.sh")
        let wrong = try await carryOut(altered, "wrong", servers + names("_c"))
        #expect(wrong.code == 1 && wrong.errors.contains("public.visit has 500 rows, and had 501"), "\(wrong)")
        #expect(wrong.output.contains("proven: database \(other)_c: 1 table, 2 rows"), "\(wrong)")
        let nobody = try await carryOut(script, "nobody", ["PGHOST=\(folder["nowhere"])"])
        #expect(nobody.code == 1 && nobody.errors.contains("does not let us in"), "\(nobody)")
        #expect(!FileManager.default.fileExists(atPath: folder["nobody"]))
    }
}
