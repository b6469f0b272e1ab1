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

    /// What stands in for neo4j-admin, which cannot be had here: it refuses a file that is there, writes for a while, and says what it
    /// does on standard output.
    private func putStandIn(_ name: String) throws {
        let script = """
            #!/bin/sh
            for word; do case $word in --to=*) file=${word#--to=} ;; esac; done
            [ ! -e "$file" ] || { echo "Archive already exists: $file"; exit 1; }
            echo "Starting dump to $file"
            for i in 1 2 3 4 5 6 7 8 9 10; do
                head -c 100000 /dev/zero | tr '\\0' "$((i % 10))" >>"$file"
                [ ! -e /tmp/slow-\(name) ] || sleep 1
            done
            [ ! -e /tmp/broken-\(name) ] || { echo "store is in use" >&2; exit 1; }
            echo "Done: 24 files, 1 MB processed."
            """
        try ContainerizedPostgres.run(
            [
                "podman", "exec", "--interactive", postgres.name, "sh", "-c",
                "cat >/usr/bin/\(name) && chmod 755 /usr/bin/\(name)",
            ], input: script)
    }

    private func inContainer(_ script: String) throws -> String {
        try ContainerizedPostgres.run(["podman", "exec", postgres.name, "sh", "-c", script])
    }

    private func graph(_ name: String) -> String {
        """
          graph:
            command:
              run: [\(name), dump, "--to={scratch}/neo4j.dump"]
              writes: "{scratch}/neo4j.dump"
              name: neo4j.dump
              through: { compose: \(postgres.composeFile), service: \(postgres.service) }
        """
    }

    @Test(.timeLimit(.minutes(5)))
    func `what a program writes inside a container is stored without touching a disk here, and nothing stays there`()
        async throws
    {
        let name = "neo4j-\(UUID().uuidString.prefix(8).lowercased())"
        try putStandIn(name)
        let world = try World("container-file")
        try world.writeProfile(graph(name))
        for _ in 1...2 {
            let record = try await world.backUp()
            #expect(record.text("outcome") == "succeeded", "\(record)")
        }
        let restored = try await world.program.run("restore", "latest", "--to", world.folder["r"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        let bytes = try Data(contentsOf: URL(fileURLWithPath: world.folder["r/graph/neo4j.dump"]))
        #expect(bytes == Data((1...10).flatMap { Array(repeating: UInt8(48 + $0 % 10), count: 100_000) }))
        #expect(try inContainer("ls /tmp").contains("holdfast-") == false)

        _ = try inContainer("touch /tmp/broken-\(name)")
        let failed = try await world.program.run("backup")
        #expect(failed.code != 0 && failed.said.contains("store is in use"), "\(failed)")
        #expect(try await world.points().count == 2)
        #expect(try inContainer("ls /tmp").contains("holdfast-") == false)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a run that is killed ends the program in the container and takes its file along`() async throws {
        let name = "neo4j-\(UUID().uuidString.prefix(8).lowercased())"
        try putStandIn(name)
        _ = try inContainer("touch /tmp/slow-\(name)")
        let world = try World("container-file-kill")
        try world.writeProfile(graph(name))
        let running = try world.program.start(["backup"])
        #expect(try await running.wait { try inContainer("cat /tmp/holdfast-*/neo4j.dump | wc -c") != "0" })
        running.signal(SIGKILL)
        _ = await running.result()
        let isQuiet = try await running.wait {
            try postgres.processes(with: name) == 0 && !inContainer("ls /tmp").contains("holdfast-")
        }
        #expect(isQuiet)
        #expect(try postgres.isUnharmed())
        #expect(try await world.points().isEmpty)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a file that lies in the container already is neither taken for a dump nor removed`() async throws {
        let name = "neo4j-\(UUID().uuidString.prefix(8).lowercased())"
        try putStandIn(name)
        let world = try World("container-file-there")
        let text = graph(name).replacingOccurrences(of: "{scratch}/neo4j.dump", with: "/tmp/\(name).dump")
        try world.writeProfile(text)
        #expect(try await world.backUp().text("outcome") == "succeeded")
        _ = try inContainer("! test -e /tmp/\(name).dump; echo mine >/tmp/\(name).dump")
        let refused = try await world.program.run("backup")
        #expect(refused.code != 0 && refused.said.contains("is there already"), "\(refused)")
        #expect(try inContainer("cat /tmp/\(name).dump") == "mine")
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
    func `a volume is restored into place while no container runs with it, and the container sees it then`()
        async throws
    {
        let name = "holdfast_e2e_\(UUID().uuidString.prefix(8).lowercased())"
        try ContainerizedPostgres.run(["podman", "volume", "create", name])
        defer { _ = try? ContainerizedPostgres.run(["podman", "volume", "rm", "--force", name]) }
        let place = try ContainerizedPostgres.run(["podman", "volume", "inspect", "--format", "{{.Mountpoint}}", name])
        try "hello\n".write(toFile: "\(place)/hello.txt", atomically: true, encoding: .utf8)
        let world = try World("volume-place")
        try world.writeProfile("  uploads: { volume: \(name) }")
        try await world.backUp()
        try "changed\n".write(toFile: "\(place)/hello.txt", atomically: true, encoding: .utf8)
        try ContainerizedPostgres.run(
            ["podman"] + ContainerizedPostgres.runOptions + [
                "--detach", "--name", name, "--volume", "\(name):/data", ContainerizedPostgres.image, "sleep", "300",
            ])
        defer { _ = try? ContainerizedPostgres.run(["podman", "rm", "--force", "--time", "0", name]) }
        let refused = try await world.program.run("restore", "latest", "--yes")
        #expect(refused.code == 1 && refused.errors.contains("container \(name) runs with it"), "\(refused)")
        try ContainerizedPostgres.run(["podman", "stop", "--time", "0", name])
        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(try String(contentsOfFile: "\(place)/hello.txt", encoding: .utf8) == "hello\n")
        try ContainerizedPostgres.run(["podman", "start", name])
        #expect(try ContainerizedPostgres.run(["podman", "exec", name, "cat", "/data/hello.txt"]) == "hello")
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
