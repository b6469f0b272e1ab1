import Foundation
import TestSupport
import Testing

/// Drills through the whole program, with real tools.
@Suite("Drills", .serialized, .enabled(if: !RealTools.restics.isEmpty))
struct DrillTests {
    private func evidence(_ result: HoldfastProgram.Result) throws -> [String: Any] {
        try result.record().object("drill")
    }

    /// What a drill may leave in no case.
    private func leftovers(_ program: HoldfastProgram) throws -> [String] {
        let folders = [program.state + "/scratch", program.state + "/journal/test"]
        return folders.flatMap { (try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? [] }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a drill proves files and databases, from the follower too, and leaves evidence that can be handed on`()
        async throws
    {
        let world = try World("drill")
        let database = world.folder["app.db"]
        _ = try await world.program.runTool(
            "sqlite3", database,
            "create table account(id); insert into account select value from generate_series(1, 40)")
        try world.folder.write(
            "#!/bin/sh\ntest -f app.db && echo '{\"message\": \"<b>looked</b>\"}'\n", to: "config/look.sh", mode: 0o755)
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
              db: { sqlite: "\(database)", drill: { sql: select count(*) = 40 from account, run: ./look.sh } }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              copy: { restic: "\(world.folder["copy"])", password: env:RESTIC_PASSWORD, follows: local }
            schedule: { backup: daily 02:00, drill: "monthly" }
            objectives: { drill: 40d, rto: 1h }
            """)
        #expect(try await world.program.run("drill").code == 10)
        let run = try await world.backUp().text("run")
        let before = try await world.differences(world.documents, world.documents)

        let plan = try await world.program.run("drill", "--dry-run")
        #expect(plan.code == 0 && plan.output.contains("db /sqlite/app.db"), "\(plan)")
        let drill = try await world.program.run("drill", "--report", world.folder["audit"])
        #expect(drill.code == 0, "\(drill)")
        for line in ["proven: 1 table, 40 rows", "is true", "files taken at random", "passed: db: ./look.sh"] {
            #expect(drill.output.contains(line), "\(line): \(drill)")
        }
        let id = try #require(drill.errors.firstMatch(of: /drill of profile test \(run (\S+)\)/)).1
        let page = try String(contentsOfFile: world.folder["audit/\(id).html"], encoding: .utf8)
        #expect(page.contains("PROVEN") && page.contains("&lt;b&gt;looked&lt;/b&gt;") && !page.contains("<b>looked"))
        // It needs nothing else: no address is loaded, nothing is run.
        #expect(
            !page.contains("http:") && !page.contains("https:") && !page.contains("<script") && !page.contains("src="))
        let document = try JSONText.object(
            String(contentsOfFile: world.folder["audit/\(id).json"], encoding: .utf8))
        #expect(document.object("record").object("drill").text("point") == run)
        let shown = try await world.program.run("show", String(id))
        #expect(shown.output.contains("evidence: \(world.program.state)/evidence/\(id).html"), "\(shown)")

        let copy = try await world.program.run("drill", "--from", "copy", "--as-new-machine", "--json")
        #expect(copy.code == 0, "\(copy)")
        #expect(try evidence(copy).text("repository") == "copy")
        #expect(try evidence(copy)["newMachine"] as? Bool == true)
        let status = try await world.program.run("status")
        #expect(status.code == 0 && status.output.contains("last drill: proven"), "\(status)")
        let due = try await world.program.run("drill", "--scheduled")
        #expect(due.code == 0 && due.errors.contains("drill is not due"), "\(due)")
        #expect(try await world.differences(world.documents, world.documents) == before)
        #expect(try leftovers(world.program) == [])
    }

    @Test(.timeLimit(.minutes(3)), .enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"))
    func `a sheet's own lines are drilled, its database in a server of the drill's own`() async throws {
        let postgres = try PrivatePostgres.shared.get()
        let name = try postgres.makeDatabase(
            "kd_" + UUID().uuidString.prefix(8).lowercased(), "CREATE TABLE t AS SELECT generate_series(1, 70) AS x")
        let world = try World("drill-kit")
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              db: { postgres: { database: \(name), host: "\(postgres.socketFolder)", user: \(postgres.superuser) } }
            """)
        try await world.backUp()
        let sheet = world.folder["sheet.sh"]
        let kit = try await world.program.run("kit", "--output", sheet)
        #expect(kit.code == 0, "\(kit)")
        let mistyped = try await world.program.run("drill", "--from-kit", sheet + "x")
        #expect(mistyped.code == 64 && mistyped.errors.contains("the sheet \(sheet)x cannot be read"), "\(mistyped)")
        #expect(
            try await world.program.run("history", "--operation", "drill", "--json").document().objects("runs").isEmpty)
        let drill = try await world.program.run("drill", "--from-kit", sheet)
        #expect(drill.code == 0 && drill.output.contains("proven: 1 table, 70 rows"), "\(drill)")
        #expect(try leftovers(world.program).isEmpty)
        let shown = try await world.program.run("show", "--json")
        #expect(try shown.document().object("drill").text("selection") == "kit", "\(shown)")
        // Somebody changed a line.
        let text = try String(contentsOfFile: sheet, encoding: .utf8)
        try world.folder.write(text.replacing("all of it is in", with: "nothing of it is in"), to: "other.sh")
        let other = try await world.program.run("drill", "--from-kit", world.folder["other.sh"])
        #expect(other.code != 0 && other.errors.contains("was changed after it was made"), "\(other)")
        #expect(try leftovers(world.program).isEmpty)
    }

    @Test(.timeLimit(.minutes(3)))
    func `wrong passwords, unknown sources and a full disk are told apart, recorded, and leave nothing`() async throws {
        let world = try World("drillfail")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let wrong = try await world.program.run("drill", environment: ["RESTIC_PASSWORD": "wrong"])
        #expect(wrong.code == 12 && wrong.errors.contains("password"), "\(wrong)")
        let unknown = try await world.program.run("drill", "documens")
        #expect(unknown.code == 64 && unknown.errors.contains("did you mean `documents`?"), "\(unknown)")
        let point = try await world.program.run("drill", "--point", "deadbeef")
        #expect(point.code == 1 && point.errors.contains("no restore point deadbeef"), "\(point)")
        let bounded = try await world.program.run(
            "drill", "-p",
            try world.program.writeProfile(
                "sources: { documents: { files: \"\(world.documents)\" } }\n\(world.repositories)\ndrill: { room: 1 }"))
        #expect(bounded.code == 74 && bounded.errors.contains("lets a drill take 1 B"), "\(bounded)")
        let history = try await world.program.run("history", "--operation", "drill")
        // A mistyped point is nobody's failed drill.
        #expect(history.output.components(separatedBy: "failed").count == 3, "\(history)")
        #expect(try leftovers(world.program) == [])
    }

    @Test(.timeLimit(.minutes(3)))
    func `damage in the repository fails a drill although history knows nothing of it`() async throws {
        let world = try World("drilldamage")
        try world.folder.write(String(repeating: "something long\n", count: 5000), to: "documents/long.txt")
        try world.writeDocumentsProfile()
        try await world.backUp()
        _ = try await world.program.runTool(
            "sh", "-c",
            "for f in \"$1\"/data/*/*; do chmod u+w $f; printf 'damaged' | dd of=$f bs=1 seek=64 conv=notrunc status=none; done",
            "sh", world.program.repository)
        let drill = try await world.program.run("drill", "--json")
        #expect(drill.code != 0 && drill.code != 5, "\(drill)")
        #expect(try evidence(drill).text("verdict") == "failed")
        #expect(try leftovers(world.program) == [])
    }

    @Test(
        .enabled(if: PrivatePostgres.programs != nil && geteuid() == 0, "PostgreSQL is not installed"),
        .timeLimit(.minutes(3)))
    func `a drill that is killed while its server is up leaves nothing that the next one does not sweep`() async throws
    {
        let world = try World("drillkill")
        let postgres = try PrivatePostgres.shared.get()
        let name = try postgres.makeDatabase(
            "dk_" + UUID().uuidString.prefix(8).lowercased(), "CREATE TABLE t AS SELECT generate_series(1, 300) AS i;")
        func profile(_ wait: String) throws {
            try world.program.writeProfile(
                """
                sources:
                  db:
                    postgres: { database: \(name), host: "\(postgres.socketFolder)", user: \(postgres.superuser) }
                    drill: { shell: "test $(psql -Atc 'SELECT count(*) FROM t') = 300 && touch '\(world.folder["up"])'\(wait)" }
                \(world.repositories)
                """)
        }
        try profile(" && sleep 60")
        try await world.backUp()
        let running = try world.program.start(["drill"])
        let isUp = try await running.wait(.seconds(60)) {
            FileManager.default.fileExists(atPath: world.folder["up"])
        }
        try #require(isUp, "\(running.output)\(running.errors)")
        let folder = try await world.program.runTool(
            "sh", "-c", "ls -d /var/tmp/holdfast-*/server-* \"$1\"/scratch/*/open/server-* 2>/dev/null", "sh",
            world.program.state
        ).output.split(separator: "\n").map(String.init)
        running.signal(SIGKILL)
        _ = await running.result()
        let isGone = try await running.wait(.seconds(20)) {
            folder.allSatisfy { !FileManager.default.fileExists(atPath: $0 + "/data/postmaster.pid") }
        }
        #expect(isGone && !folder.isEmpty, "its server goes with it: \(folder)")
        try profile("")
        let next = try await world.program.run("drill")
        #expect(next.code == 0 && next.errors.contains("removed the working folder"), "\(next)")
        #expect(next.output.contains("proven: 1 table, 300 rows"), "\(next)")
        #expect(try leftovers(world.program) == [])
        for path in folder { #expect(!FileManager.default.fileExists(atPath: path), "\(path)") }
    }
}
