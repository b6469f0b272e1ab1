import Foundation
import TestSupport
import Testing

/// Sources that are missing, empty, unreadable or damaged: the run says so, and what could be captured is there.
@Suite("Trouble with a source", .enabled(if: !RealTools.restics.isEmpty))
struct SourceTroubleTests {
    @Test(.timeLimit(.minutes(5)))
    func `missing and empty folders are gaps of a failed run that still captures the rest`() async throws {
        let world = try World("missing")
        try FileManager.default.createDirectory(atPath: world.folder["hollow"], withIntermediateDirectories: true)
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              hollow: { files: "\(world.folder["hollow"])" }
              missing: { files: "\(world.folder["missing"])" }
              lost: { sqlite: "\(world.folder["lost.sqlite"])" }
            """)
        let result = try await world.program.run("backup")
        #expect(result.code == 1, "\(result)")
        for name in ["hollow", "missing", "lost"] {
            #expect(result.errors.contains("error: \(name): "), "\(result)")
        }
        #expect(result.errors.contains(world.folder["missing"]) && result.errors.contains(world.folder["lost.sqlite"]))
        let shown = try await world.program.run("show", "--json").document()
        #expect(shown.text("outcome") == "failed")
        #expect(Set(shown.objects("gaps").map { $0.text("source") }) == ["hollow", "missing", "lost"])
        #expect(shown.objects("parts").map { $0.text("source") } == ["documents"])
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        #expect(restore.errors.contains("warning: missing is not in it"), "\(restore)")

        let preview = try await world.program.run("backup", "--dry-run")
        #expect(preview.code == 1 && preview.errors.contains("missing: "), "\(preview)")
        let doctor = try await world.program.run("doctor")
        #expect(doctor.code == 1 && doctor.output.contains("bad      source lost"), "\(doctor)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a source that says abort stops the run before the others are captured`() async throws {
        let world = try World("abort", isNew: true)
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              missing: { files: "\(world.folder["missing"])", on-failure: abort }
            """)
        let result = try await world.program.run("backup", "--json")
        #expect(result.code == 1, "\(result)")
        #expect(try result.record().objects("parts").isEmpty)
        #expect(!FileManager.default.fileExists(atPath: world.program.repository), "preflight comes first")
    }

    @Test(.timeLimit(.minutes(5)))
    func `an exclude that matches nothing is mentioned, one that matches is heeded`() async throws {
        let world = try World("exclude")
        try world.folder.write("t\n", to: "documents/junk.tmp")
        try world.writeProfile(
            "  documents: { files: { paths: \"\(world.documents)\", exclude: [\"*.tmp\", \"*.never\"] } }")
        let result = try await world.program.run("backup")
        #expect(result.code == 0, "\(result)")
        #expect(result.errors.contains("*.never"), "\(result)")
        #expect(!result.errors.contains("*.tmp"), "\(result)")
        let files = try await world.program.run("ls")
        #expect(files.output.contains("one.txt") && !files.output.contains("junk.tmp"), "\(files)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `what the snapshot must contain is looked for in the snapshot`() async throws {
        let world = try World("expect")
        try world.writeProfile(
            """
              documents:
                files: "\(world.documents)"
                expect: { contains: ["\(world.documents)/absent.txt"], min-files: 1 }
            """)
        let result = try await world.program.run("backup")
        #expect(result.code == 1, "\(result)")
        #expect(result.errors.contains("absent.txt"), "\(result)")
        #expect(try await world.points() == [])
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `a damaged database is stored as damaged and fails the run`(restic: RealTools.Restic) async throws {
        let world = try World("corrupt", restic: restic)
        let database = world.folder["app.sqlite"]
        let made = try await world.program.runTool(
            "sqlite3", database,
            "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                + "WHERE i < 5000) INSERT INTO t SELECT i, 'value ' || i FROM n; CREATE INDEX tx ON t (x);")
        try #require(made.code == 0, "\(made)")
        try world.writeProfile("  documents: { files: \"\(world.documents)\" }\n  app: { sqlite: \"\(database)\" }")
        try await world.backUp()

        let file = try #require(FileHandle(forUpdatingAtPath: database))
        try file.seek(toOffset: 4096 * 5)
        try file.write(contentsOf: Data(repeating: 0x5a, count: 3 * 4096))
        try file.close()
        let result = try await world.program.run("backup", "--json")
        #expect(result.code != 0, "\(result)")
        let record = try result.record()
        #expect(record.text("outcome") == "failed")
        #expect(
            record.objects("parts").first { $0.text("source") == "app" }?.text("condition") == "damaged", "\(result)")
        #expect(record.objects("parts").first { $0.text("source") == "documents" }?.text("condition") == "clean")
        #expect(try await world.program.run("backup", "list").output.contains("app*"))

        // The newest good one stands in for it, and it is said which it stands in for; on request it can be had itself.
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(
            restore.code == 0 && restore.errors.contains("the one of run \(record.text("run")) is damaged"),
            "\(restore)")
        let damaged = try #require(record.objects("parts").first { $0.text("source") == "app" }).text("snapshot")
        let itself = try await world.program.run(
            "restore", damaged, "--only", "app", "--to", world.folder["d"], "--dry-run")
        #expect(itself.code == 0 && itself.errors.contains("warning: app /sqlite/app.sqlite: damaged"), "\(itself)")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: PrivatePostgres.programs != nil))
    func `a server that is down is a gap with its own exit code, and the next run makes up for it`() async throws {
        let world = try World("down")
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              db: { postgres: { database: app, user: app, host: "\(world.folder["socket"])" } }
            """)
        let result = try await world.program.run("backup")
        #expect(result.code == 69, "\(result)")
        #expect(result.errors.contains("error: db: "), "\(result)")
        let points = try await world.program.run("backup", "list", "--json").document().objects("points")
        #expect(points.first?.objects("gaps").map { $0.text("source") } == ["db"])
    }

    /// Root reads everything, so this is done as somebody else.
    @Test(.timeLimit(.minutes(5)))
    func `a file that cannot be read makes the run partial, unless it is tolerated`() async throws {
        let world = try OrdinaryUser.world("unreadable")
        try world.writeDocumentsProfile()
        try OrdinaryUser.give(world, closed: "documents/secret.txt")
        let partial = try await world.program.run("backup", "--json")
        #expect(partial.code == 3, "\(partial)")
        let record = try partial.record()
        #expect(record.text("outcome") == "partial")
        let part = try #require(record.objects("parts").first)
        #expect(part.text("condition") == "partial" && part.texts("unreadable").description.contains("secret.txt"))
        #expect(try await world.program.run("show").output.contains("unreadable: "))
        let told = try await world.program.run("backup")
        #expect(told.code == 3 && told.errors.contains("could not be read: \(world.documents)/secret.txt"), "\(told)")

        try world.writeProfile(
            "  documents: { files: \"\(world.documents)\", unreadable: { tolerate: [\"*/secret.txt\"] } }")
        try OrdinaryUser.give(world, closed: "documents/secret.txt")
        let tolerated = try await world.program.run("backup", "--json")
        #expect(tolerated.code == 0, "\(tolerated)")
        #expect(try tolerated.record().objects("parts").first?.text("condition") == "tolerated")
    }
}
