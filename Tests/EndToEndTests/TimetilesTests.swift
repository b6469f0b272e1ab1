import Foundation
import TestSupport
import Testing

/// The profile that is shipped for a web application, as its operator uses it: PostgreSQL in a container, uploads in a folder,
/// a second copy in S3, everything by a link named `timetiles`.
@Suite(
    "The timetiles profile", .serialized,
    .enabled(
        if: ContainerizedPostgres.isPossible && !RealTools.restics.isEmpty && S3Server.isAvailable,
        "this machine cannot run containers"))
struct TimetilesTests {
    let postgres: ContainerizedPostgres
    let server: S3Server

    init() throws {
        postgres = try ContainerizedPostgres.shared.get()
        server = try S3Server()
    }

    private func world(_ database: String, _ preset: S3Server.Preset) throws -> World {
        let world = try World("timetiles")
        let app = world.folder["app"]
        var profile = try String(contentsOfFile: RealTools.packageRoot + "/profiles/timetiles.yaml", encoding: .utf8)
        // The application is elsewhere, and its server is reached through its container.
        profile = profile.replacing("/opt/timetiles", with: app)
        for line in ["      host: ${POSTGRES_HOST:-127.0.0.1}\n", "      port: ${POSTGRES_PORT:-5432}\n"] {
            try #require(profile.contains(line))
            profile = profile.replacing(line, with: "")
        }
        profile = profile.replacing(
            "      password: env:POSTGRES_PASSWORD\n",
            with: """
                      host: /tmp
                      through: { compose: \(postgres.composeFile), service: \(postgres.service) }

                """)
        try world.folder.write(profile, to: "config/timetiles.yaml")
        try world.program.writeProfile("sources: {}", named: "other")
        let credential = server.credential(preset)
        try world.folder.write(
            """
            RESTIC_PASSWORD=""
            RESTIC_REPOSITORY="\(app)/backups/restic-repo"
            RESTIC_OFFSITE_REPOSITORY="s3:s3.amazonaws.com/\(server.bucket)/timetiles"
            RESTIC_OFFSITE_ACCESS="\(preset.rawValue)"
            AWS_ACCESS_KEY_ID="\(credential.id)"
            AWS_SECRET_ACCESS_KEY="\(credential.secret)"
            AWS_ENDPOINT_URL="\(server.endpoint)"
            BACKUP_KEEP_DAILY="7"
            BACKUP_KEEP_WEEKLY="4"
            BACKUP_KEEP_MONTHLY="12"
            POSTGRES_DB=\(database)
            POSTGRES_USER=\(postgres.superuser)

            """, to: "app/.env", mode: 0o600)
        try world.folder.write("a picture\n", to: "app/uploads/picture.jpg")
        let link = world.folder["bin/timetiles"]
        try FileManager.default.createDirectory(
            atPath: world.folder["bin"], withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: world.program.path)
        var program = world.program
        program.path = link
        // Nothing but what the application's own file says.
        program.environment["RESTIC_PASSWORD"] = nil
        return World(program: program)
    }

    /// A machine that has the profile, the application's file and the password, and has never seen a backup.
    private func newMachine(_ world: World) throws -> HoldfastProgram {
        var other = world.program
        for (name, variable) in [("home", "HOME"), ("state", "HOLDFAST_STATE_DIR"), ("cache", "HOLDFAST_CACHE_DIR")] {
            let path = world.folder["new/\(name)"]
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            other.environment[variable] = path
        }
        return other
    }

    @Test(.timeLimit(.minutes(6)), arguments: [S3Server.Preset.full, .appendOnly, .writeOnly])
    func `backup, list, verify, prune and restore hold under each access, and a new machine restores from offsite`(
        preset: S3Server.Preset
    ) async throws {
        let database = try postgres.makeDatabase("CREATE TABLE tiles AS SELECT generate_series(1, 500) AS id;")
        let world = try world(database, preset)
        let timetiles = world.program
        let mayRead = preset != .writeOnly
        let mayRemove = preset == .full

        let first = try await timetiles.run("backup")
        #expect(
            first.code == 0 && first.errors.contains("(new, in \(world.folder["app"])/.restic-password)"), "\(first)")
        let offsite = try await timetiles.run("backup", "--offsite", "--strict")
        #expect(offsite.code == 0 && offsite.errors.contains("offsite: got"), "\(offsite)")
        for source in ["db", "uploads"] {
            let part = try await timetiles.run("backup", source)
            #expect(part.code == 0, "\(part)")
        }
        let behind = try await timetiles.run("backup", "list")
        #expect(behind.code == 0 && behind.output.contains("local+offsite"), "\(behind)")
        #expect(behind.output.contains("offsite 2 behind") || behind.output.contains("offsite 4 behind"), "\(behind)")
        #expect(try await timetiles.run("backup", "--offsite", "--strict").code == 0)

        let there = try await timetiles.run("backup", "list", "--offsite")
        #expect(there.code == 0 && there.errors.contains("cannot list") == !mayRead, "\(there)")
        let verified = try await timetiles.run("backup", "verify")
        #expect(verified.code == 0, "\(verified)")
        let pruned = try await timetiles.run("backup", "prune")
        #expect(pruned.code == 0 && pruned.errors.contains("offsite: skipped") == !mayRemove, "\(pruned)")

        // A reading credential is given at the moment of need.
        var reading = ["--offsite"]
        if !mayRead {
            let refused = try await timetiles.run("restore", "latest", "--offsite", "--to", world.folder["x"], "--yes")
            #expect(refused.code == 77 && refused.errors.contains("--credentials"), "\(refused)")
            let words = server.credential(.readOnly).environment.map { "\($0.key)=\($0.value)\n" }.joined()
            reading += ["--credentials", try world.folder.write(words, to: "reader.env", mode: 0o600)]
        }
        let tested = try await timetiles.run(["backup", "verify", "--data", "100%"] + reading)
        #expect(tested.code == 0, "\(tested)")

        // A restore of any of the points that are there proves itself, in a server of its own.
        let drill = try await timetiles.run(["drill", "--as-new-machine"] + reading)
        #expect(drill.code == 0 && drill.output.contains("500 rows"), "\(drill)")
        #expect(drill.output.contains("from offsite") && drill.output.contains("is true"), "\(drill)")

        // The machine is lost, with everything on it but what was kept elsewhere.
        try FileManager.default.removeItem(atPath: world.folder["app/backups"])
        try FileManager.default.moveItem(
            atPath: world.folder["app/uploads"], toPath: world.folder["uploads-as-they-were"])
        let new = try newMachine(world)
        let back = world.folder["back"]
        let restored = try await new.run(
            ["restore", "latest", "--to", back, "--into", "db=\(database)_back", "--yes"] + reading)
        #expect(restored.code == 0 && restored.said.contains("500 rows"), "\(restored)")
        #expect(try postgres.sql("SELECT sum(id) FROM tiles", database: "\(database)_back") == "125250")
        let files = back + "/uploads" + world.folder["app/uploads"]
        #expect(try await world.differences(world.folder["uploads-as-they-were"], files) == "")

        #expect(try postgres.isUnharmed())
        let asked = try server.requests().filter { $0.credential == server.credential(preset).id }
        if !mayRead { #expect(asked.allSatisfy { $0.method == "PUT" }) }
        #expect(try server.complaints() == "")
        let found = try await world.program.runTool(
            "grep", "-r", "-l", server.credential(preset).secret, world.program.state)
        #expect(found.output == "", "\(found)")
    }
}
