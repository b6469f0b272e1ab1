import Foundation
import TestSupport
import Testing

/// The whole way of an operator: files, a SQLite database in use and a PostgreSQL database, from the first backup to
/// what was restored from it.
@Suite("First use", .enabled(if: !RealTools.restics.isEmpty && PrivatePostgres.programs != nil))
struct FirstUseTests {
    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `files, a busy database and a server are backed up, listed, restored and compared`(
        restic: RealTools.Restic
    ) async throws {
        let world = try World("first", restic: restic, isNew: true)
        let postgres = try PrivatePostgres.shared.get()
        let database = try postgres.makeDatabase(
            "first_\(UUID().uuidString.prefix(8).lowercased())",
            "CREATE TABLE visit (id int PRIMARY KEY, note text); INSERT INTO visit SELECT n, 'n' || n FROM generate_series(1, 500) n;"
        )
        try await addOddFiles(world)
        let busy = try BusySQLite(at: world.folder["app.sqlite"])
        defer { busy.stop() }
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              app: { sqlite: "\(busy.path)" }
              db:
                postgres: { database: \(database), user: \(postgres.superuser), host: "\(postgres.socketFolder)" }
            """, "retention: { last: 1 }")

        let preview = try await world.program.run("backup", "--dry-run")
        #expect(preview.code == 0, "\(preview)")
        #expect(!FileManager.default.fileExists(atPath: world.program.repository), "a preview makes nothing")

        let first = try await world.backUp()
        #expect(Set(first.objects("parts").map { $0.text("source") }) == ["documents", "app", "db"])
        #expect(first.objects("parts").allSatisfy { $0.text("condition") == "clean" })
        let visits = first.objects("parts").first { $0.object("facts").object("rows")["public.visit"] != nil }
        #expect(visits?.object("facts").object("rows").number("public.visit") == 500)
        #expect(first.object("tools")["restic"] as? String == restic.version)

        let restored = world.folder["restored"]
        let restore = try await world.program.run(
            "restore", "latest", "--to", restored, "--into", "db=\(database)_back", "--yes")
        #expect(restore.code == 0, "\(restore)")
        #expect(restore.output.contains("proven:"))
        #expect(try await world.differences(world.documents, restored + "/documents" + world.documents) == "")
        try await compareSQLite(world, below: restored)
        #expect(try postgres.sql("SELECT count(*), max(note) FROM visit", database: database + "_back") == "500|n99")

        try await lookAfter(world, run: first.text("run"))
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `a database in use inside a folder is restored whole, at its own path and without its log`(
        restic: RealTools.Restic
    ) async throws {
        let world = try World("inside", restic: restic)
        let busy = try BusySQLite(at: world.documents + "/deep/app.db", bytes: 200_000, pause: .milliseconds(1))
        defer { busy.stop() }
        try world.writeDocumentsProfile()
        try await world.backUp()
        let listed = try await world.program.run("ls")
        #expect(listed.output.contains("/deep/app.db\n"), "\(listed)")
        #expect(!listed.output.contains("app.db-wal") && !listed.output.contains("app.db-shm"), "\(listed)")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        let answer = try await world.program.runTool(
            "sqlite3", world.folder["r/documents"] + busy.path,
            "PRAGMA integrity_check; SELECT sum(balance) FROM account;")
        #expect(answer.output == "ok\n\(BusySQLite.total)\n", "\(answer)")
    }

    private func addOddFiles(_ world: World) async throws {
        try world.folder.write(Data((0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }), to: "documents/data.bin")
        try world.folder.write("odd\n", to: "documents/ümläut & 'quoted' \n line.txt", mode: 0o600)
        let made = try await world.program.runTool(
            "sh", "-c",
            """
            cd "$1" && ln -s one.txt link && ln -s /nowhere dangling && mkdir -m 0511 closed && : > empty \
            && touch -d '2001-02-03 04:05:06.789' one.txt deep && chmod 4755 deep/two.txt
            """, "sh", world.documents)
        try #require(made.code == 0, "\(made)")
    }

    private func compareSQLite(_ world: World, below restored: String) async throws {
        let copies = try await world.program.runTool("find", restored + "/app", "-type", "f")
        let copy = try #require(copies.output.split(separator: "\n").first.map(String.init))
        let answer = try await world.program.runTool(
            "sqlite3", copy,
            "PRAGMA integrity_check; SELECT sum(balance), count(*) FROM account; SELECT count(*) >= 20 FROM move;")
        #expect(answer.output == "ok\n\(BusySQLite.total)|\(BusySQLite.accounts)\n1\n", "\(answer)")
    }

    /// Everything else that an operator looks at, on the repository that the first backup left.
    private func lookAfter(_ world: World, run: String) async throws {
        let program = world.program
        for (arguments, isThere) in [
            (["backup", "list"], run), (["history"], run), (["show", run], "capture documents: succeeded"),
            (["why"], "succeeded"), (["doctor"], "ok"), (["repository", "list"], "as pinned"),
            (["recover"], "nothing to put right"), (["ls", "latest", "documents"], "/deep/two.txt"),
            (["backup", "verify"], "verify succeeded"), (["backup", "verify", "--scrub"], "hashed"),
            (["backup", "prune", "--dry-run"], "keep"),
        ] {
            let result = try await program.run(arguments)
            #expect(result.code == 0, "\(result)")
            #expect(result.output.contains(isThere), "\(result)")
        }
        for slice in 1...2 {
            let result = try await program.run("backup", "verify", "--data", "50%")
            #expect(result.code == 0 && result.output.contains("slice \(slice) of 2"), "\(result)")
        }
        // A second backup, after which `last: 1` lets the first go.
        let second = try await world.backUp()
        #expect(try await world.points() == [second.text("run")], "retention keeps one")
        let again = try await program.run(
            "restore", second.text("run"), "--only", "documents", "--to", world.folder["two"], "--yes")
        #expect(again.code == 0, "\(again)")
    }
}
