import Foundation
import TestSupport
import Testing

/// MySQL's way through the whole program, with a real MariaDB and a real restic.
@Suite("MySQL", .serialized, .enabled(if: !RealTools.restics.isEmpty && PrivateMariaDB.program != nil))
struct MySQLTests {
    @Test(.timeLimit(.minutes(5)))
    func `a server is looked at, backed up, tested, and restored into a new database`() async throws {
        let world = try World("mysql")
        let server = try PrivateMariaDB.shared.get()
        let database = try server.makeDatabase(
            nil,
            "CREATE TABLE visit (id int PRIMARY KEY, note text); INSERT INTO visit SELECT seq, MD5(seq) FROM seq_1_to_500;"
        )
        try world.writeProfile(
            "  db: { mysql: { database: \(database), user: root, socket: \"\(server.socket)\" } }",
            "retention: { last: 2 }")
        let doctor = try await world.program.run("doctor")
        #expect(doctor.output.contains("mariadb-dump"), "\(doctor)")
        let preview = try await world.program.run("backup", "--dry-run")
        #expect(preview.code == 0 && preview.output.contains("database \(database) (MariaDB 1"), "\(preview)")

        let run = try await world.backUp()
        let part = try #require(run.objects("parts").first)
        #expect(part.text("part") == "/mysql/\(database).sql" && part.text("condition") == "clean")
        #expect(part.object("facts").object("rows").number("visit") == 500)
        let kit = try await world.program.run("kit")
        #expect(kit.output.contains("CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"), "\(kit)")

        let restored = world.folder["restored"]
        let restore = try await world.program.run(
            "restore", "latest", "--to", restored, "--into", "db=\(database)_back", "--yes")
        #expect(restore.code == 0 && restore.output.contains("1 table, 500 rows"), "\(restore)")
        #expect(try server.sql("SELECT COUNT(*), MAX(id) FROM visit", database: "\(database)_back") == "500\t500")
        let again = try await world.program.run(
            "restore", "latest", "--into", "db=\(database)_back", "--to", restored + "2", "--yes")
        #expect(again.code != 0 && again.errors.contains("exists already"), "\(again)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a run that is killed in the middle of a dump leaves no snapshot, no session and no process`() async throws {
        let server = try PrivateMariaDB.shared.get()
        let database = try server.makeDatabase(
            nil, "CREATE TABLE filler AS SELECT seq, REPEAT(MD5(seq), 10) AS text FROM seq_1_to_150000;")
        let restic = try #require(RealTools.restics.last)
        let scene = try await InterruptionScene(
            restic,
            extra: "  my: { mysql: { database: \(database), user: root, socket: \"\(server.socket)\" } }")
        let running = try scene.program.start(["backup", "my"])
        var isDumping = false
        while running.isRunning, !isDumping {
            usleep(2000)
            isDumping = try Processes.mentioning(scene.program.folder["home"]).contains {
                $0.contains("mariadb-dump ") && !$0.contains("--no-data")
            }
        }
        try #require(isDumping, "\(running.output)\(running.errors)")
        usleep(UInt32.random(in: 0...100_000))
        running.signal(SIGKILL)
        _ = await running.result()
        try await scene.waitForChildren()
        #expect(try await scene.points().isEmpty)
        for _ in 0..<200 where try server.sessions(in: database) > 0 { try await Task.sleep(for: .milliseconds(50)) }
        #expect(try server.sessions(in: database) == 0)
        let next = try await scene.program.run("backup", "my")
        #expect(next.code == 0, "\(next)")
        try await scene.expectNothingLeft()
        try await scene.expectSoundRepository()
    }
}
