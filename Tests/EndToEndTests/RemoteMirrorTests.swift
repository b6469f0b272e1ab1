import Foundation
import TestSupport
import Testing

/// Mirrors by sftp and by rclone: nothing is replaced, and what is there is a repository.
@Suite("Mirrors by sftp and rclone", .enabled(if: !RealTools.restics.isEmpty))
struct RemoteMirrorTests {
    /// A place that a mirror is put, with what reaches it.
    private struct Place {
        var address: String
        /// Keys of the profile's entry.
        var keys: String
        /// Arguments of restic, and its environment.
        var options: [String]
        var environment: [String: String]
        /// Where a file of the mirror is on this machine.
        var file: (String) -> String
        /// Keeps the server.
        var server: Any
    }

    private func sftp() throws -> Place {
        let server = try SFTPServer()
        let command = "ssh -F \(server.clientConfiguration) \(server.host) -s sftp"
        return Place(
            address: server.repository("a [place]"), keys: "options: { sftp.command: \"\(command)\" }",
            options: server.options, environment: [:],
            file: { server.repositoryFolder("a [place]") + "/" + $0 }, server: server)
    }

    private func rclone(_ world: World) throws -> Place {
        let server = try S3Server()
        let credential = server.credential(.full)
        let configuration = try world.folder.write(
            """
            [there]
            type = s3
            provider = Other
            access_key_id = \(credential.id)
            secret_access_key = \(credential.secret)
            endpoint = \(server.endpoint)
            region = us-east-1

            """, to: "rclone.conf", mode: 0o600)
        return Place(
            address: "rclone:there:\(server.bucket)/mirror", keys: "environment: { RCLONE_CONFIG: \(configuration) }",
            options: [], environment: ["RCLONE_CONFIG": configuration], file: { server.file("mirror/" + $0) },
            server: server)
    }

    private func change(_ world: World, _ number: Int) throws {
        var random = SeededGenerator(seed: UInt64(number))
        let lines = (0..<20_000).map { _ in String(random.next(), radix: 16) + "\n" }
        try world.folder.write(lines.joined(), to: "documents/large-\(number % 3).txt")
    }

    private func prove(_ world: World, _ place: Place, _ restic: RealTools.Restic) async throws {
        func profile(_ more: String) throws {
            try world.program.writeProfile(
                """
                sources: { documents: { files: "\(world.documents)" } }
                repositories:
                  local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
                  offsite: { restic: "\(place.address)", password: env:RESTIC_PASSWORD, follows: local, by: mirror, \(place.keys)\(more) }
                retention: { last: 2 }
                """)
        }
        func check(_ generation: String) async throws {
            let command =
                [restic.path, "--repo", place.address + generation, "--no-cache", "--no-lock"] + place.options
                + ["check", "--read-data"]
            let check = try await world.program.startTool(command, environment: place.environment).result()
            #expect(check.code == 0, "\(check)")
        }
        try profile("")
        for number in 1...4 {
            try change(world, number)
            let run = try await world.program.run("backup", "--strict")
            #expect(run.code == 0, "\(run)")
        }
        try await check("")
        let idle = try await world.program.run("backup", "--json")
        let fed = try #require(try idle.record().objects("feeds").first)
        #expect(fed.number("delivered") == 2 && fed.number("behind") == 0, "\(fed)")

        // What is there is never replaced, and a generation of a lost ledger is left alone.
        try profile(", generations: 30d")
        let first = try await world.program.run("backup", "--strict")
        #expect(first.code == 0, "\(first)")
        let name = try #require(first.errors.firstMatch(of: /generation (g-[0-9]+) is complete/)?.1)
        let config = place.file("\(name)/config")
        let before = try Data(contentsOf: URL(fileURLWithPath: config))
        for file in try FileManager.default.contentsOfDirectory(atPath: world.program.state)
        where file.hasPrefix("history") {
            try FileManager.default.removeItem(atPath: world.program.state + "/" + file)
        }
        let second = try await world.program.run("backup", "--strict")
        #expect(second.code == 0 && second.errors.contains("generation \(name)-2 is complete"), "\(second)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: config)) == before)
        for generation in ["/\(name)", "/\(name)-2"] { try await check(generation) }

        // A file that was cut short there is told of, and stays.
        try change(world, 5)
        #expect(try await world.program.run("backup", "--strict").code == 0)
        try profile("")
        let key = try #require(
            try FileManager.default.contentsOfDirectory(atPath: world.program.repository + "/snapshots").sorted().last)
        try? FileManager.default.removeItem(atPath: place.file("snapshots/\(key)"))
        try Data("cut".utf8).write(to: URL(fileURLWithPath: place.file("snapshots/\(key)")))
        let refused = try await world.program.run("backup")
        #expect(refused.output.contains("degraded") && refused.errors.contains(key), "\(refused)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: place.file("snapshots/\(key)"))) == Data("cut".utf8))

        // A machine that knows nothing reads the newest generation that is whole.
        try profile(", generations: 30d")
        try FileManager.default.removeItem(atPath: world.program.state)
        let restored = try await world.program.run(
            "restore", "latest", "--offsite", "--to", world.folder["back"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(try await world.differences(world.documents, world.folder["back/documents"] + world.documents) == "")
    }

    @Test(.timeLimit(.minutes(6)), .enabled(if: SFTPServer.program != nil, "openssh-server is not installed"))
    func `an SFTP server has a mirror, file by file and create-only`() async throws {
        let restic = try #require(RealTools.restics.last)
        try await prove(try World("mirror-sftp", restic: restic), try sftp(), restic)
    }

    @Test(.timeLimit(.minutes(6)), .enabled(if: RcloneServer.program != nil && S3Server.isAvailable))
    func `one of rclone's remotes has a mirror, file by file and create-only`() async throws {
        let restic = try #require(RealTools.restics.last)
        let world = try World("mirror-rclone", restic: restic)
        try await prove(world, try rclone(world), restic)
    }
}
