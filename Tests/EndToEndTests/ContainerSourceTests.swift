import Foundation
import TestSupport
import Testing

/// Databases and volumes of containers, by the whole program.
@Suite(
    "Containers", .serialized,
    .enabled(
        if: ContainerizedPostgres.isPossible && !RealTools.restics.isEmpty, "this machine cannot run containers"))
struct ContainerSourceTests {
    let postgres: ContainerizedPostgres

    init() throws { postgres = try ContainerizedPostgres.shared.get() }

    private func source(_ database: String) -> String {
        """
          db:
            postgres:
              database: \(database)
              host: /tmp
              user: \(postgres.superuser)
              through: { compose: \(postgres.composeFile), service: \(postgres.service) }
        """
    }

    @Test(.timeLimit(.minutes(5)))
    func `a database in a container is backed up and restored into it, proved by its rows`() async throws {
        let database = try postgres.makeDatabase("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i;")
        let world = try World("container")
        try world.writeProfile(source(database))
        let record = try await world.backUp()
        #expect(record.text("outcome") == "succeeded", "\(record)")
        #expect(record.objects("gaps").isEmpty)
        let restored = try await world.program.run(
            "restore", "latest", "--to", world.folder["r"], "--into", "db=\(database)_check", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(restored.said.contains("1000 rows"), "\(restored)")
        #expect(try postgres.sql("SELECT sum(i) FROM t", database: "\(database)_check") == "500500")
        #expect(try postgres.isUnharmed())
    }

    @Test(.timeLimit(.minutes(5)))
    func `a run that is killed leaves no dump in the container, and the next one succeeds`() async throws {
        let database = try postgres.makeDatabase(
            "CREATE TABLE big AS SELECT md5(i::text) || repeat(md5((i * 7)::text), 30) AS t FROM generate_series(1, 200000) i;"
        )
        let postgres = postgres
        let world = try World("container-kill")
        try world.writeProfile(source(database) + "\n  documents: { files: \"\(world.documents)\" }")
        let running = try world.program.start(["backup"])
        let begun = try await running.wait {
            try postgres.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database)' AND query LIKE 'COPY%'") != "0"
        }
        #expect(begun)
        running.signal(SIGKILL)
        _ = await running.result()
        let isQuiet = try await running.wait {
            try postgres.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database)' AND application_name LIKE 'holdfast-%'"
            )
                == "0" && postgres.processes(with: "PGDATABASE=\(database)") == 0
        }
        #expect(isQuiet)
        #expect(try postgres.isUnharmed())
        let record = try await world.backUp()
        #expect(record.text("outcome") == "succeeded", "\(record)")
        #expect(try await world.points().count == 1)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a volume is backed up where it lies, and comes back below the target`() async throws {
        let name = "holdfast_e2e_\(UUID().uuidString.prefix(8).lowercased())"
        try ContainerizedPostgres.run(["podman", "volume", "create", name])
        defer { _ = try? ContainerizedPostgres.run(["podman", "volume", "rm", "--force", name]) }
        let place = try ContainerizedPostgres.run(["podman", "volume", "inspect", "--format", "{{.Mountpoint}}", name])
        try "hello\n".write(toFile: "\(place)/hello.txt", atomically: true, encoding: .utf8)
        try "skip\n".write(toFile: "\(place)/skip.tmp", atomically: true, encoding: .utf8)
        let world = try World("volume")
        try world.writeProfile("  uploads: { volume: { name: \(name), exclude: [\"/skip.tmp\"] } }")
        try await world.backUp()
        let restored = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        let found = try await world.program.runTool("find", world.folder["r"], "-type", "f")
        #expect(found.output.contains("\(place)/hello.txt\n"), "\(found)")
        #expect(!found.output.contains("skip.tmp"))
    }

    @Test(.timeLimit(.minutes(5)))
    func `an ordinary user is told why a volume cannot be read`() async throws {
        let world = try OrdinaryUser.world("volume-closed")
        let closed = world.folder["closed/v"]
        try world.folder.write("x", to: "closed/v/x", mode: 0o600)
        try world.program.writeTool(
            "podman", "echo '[{\"Name\": \"v\", \"Driver\": \"local\", \"Mountpoint\": \"\(closed)\"}]'")
        try world.writeProfile("  uploads: { volume: { name: v, engine: podman } }")
        try OrdinaryUser.give(world, closed: "no")
        try ContainerizedPostgres.run(["chown", "-R", "root:root", world.folder["closed"]])
        try ContainerizedPostgres.run(["chmod", "700", world.folder["closed"]])
        let result = try await world.program.run("backup")
        #expect(result.code != 0)
        #expect(result.said.contains("the volume v at \(closed)") && result.said.contains("run as root"), "\(result)")
    }
}
