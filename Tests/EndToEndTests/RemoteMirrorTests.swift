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

    private func writeProfile(_ world: World, _ place: Place, _ more: String = "") throws {
        try world.layRepository()
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              offsite: { restic: "\(place.address)", password: env:RESTIC_PASSWORD, follows: local, by: mirror, \(place.keys)\(more) }
            retention: { last: 2 }
            """)
    }

    private func check(
        _ world: World, _ place: Place, _ restic: RealTools.Restic, generation: String = ""
    ) async throws {
        let command =
            [restic.path, "--repo", place.address + generation, "--no-cache", "--no-lock"] + place.options
            + ["check", "--read-data"]
        let check = try await world.program.startTool(command, environment: place.environment).result()
        #expect(check.code == 0, "\(check)")
    }

    private func proveKills(_ world: World, _ place: Place, _ restic: RealTools.Restic) async throws {
        try writeProfile(world, place)
        for number in 1...3 {
            for document in 0...2 { try change(world, 3 * number + document) }
            let running = try world.program.start(["backup"])
            let taken = world.program.repository + "/snapshots"
            func snapshots() -> Int { ((try? FileManager.default.contentsOfDirectory(atPath: taken)) ?? []).count }
            // The part and the manifest are stored: the pass begins.
            for _ in 0..<3000 where snapshots() < 2 * number && running.isRunning {
                try await Task.sleep(for: .milliseconds(10))
            }
            try await Task.sleep(for: .milliseconds(150 * number))
            running.signal(SIGKILL)
            _ = await running.result()
        }
        let run = try await world.program.run("backup", "--strict")
        #expect(run.code == 0, "\(run)")
        try await check(world, place, restic)
    }

    private func prove(_ world: World, _ place: Place, _ restic: RealTools.Restic) async throws {
        func profile(_ more: String) throws { try writeProfile(world, place, more) }
        func check(_ generation: String) async throws {
            try await self.check(world, place, restic, generation: generation)
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

    @Test(.timeLimit(.minutes(5)), .enabled(if: SFTPServer.program != nil, "openssh-server is not installed"))
    func `a pass by sftp that is killed costs nothing`() async throws {
        let restic = try #require(RealTools.restics.last)
        try await proveKills(try World("mirror-sftp", restic: restic), try sftp(), restic)
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: RcloneServer.program != nil && S3Server.isAvailable))
    func `a pass by rclone that is killed costs nothing`() async throws {
        let restic = try #require(RealTools.restics.last)
        let world = try World("mirror-rclone", restic: restic)
        try await proveKills(world, try rclone(world), restic)
    }

    /// What is under a name of the repository's is all of it.
    private func whole(_ folder: String, _ world: World) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder).filter { name in
            let there = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            guard there[.type] as? FileAttributeType == .typeRegular, name != "filler", !name.contains("-tmp-") else {
                return false
            }
            let here = try FileManager.default.attributesOfItem(atPath: "\(world.program.repository)/\(name)")
            #expect(there[.size] as? Int == here[.size] as? Int, "\(name)")
            return true
        }
    }

    @Test(
        .timeLimit(.minutes(5)),
        .enabled(if: SFTPServer.program != nil && geteuid() == 0, "openssh-server is not installed, or not root"))
    func `a full disk behind SFTP gives its name to no half file, and the next pass goes on`() async throws {
        let server = try SFTPServer()
        let folder = server.repositoryFolder("full")
        let disk = try TemporaryFileSystem(at: folder, kibibytes: 8192)
        defer { disk.unmount() }
        let filler = folder + "/filler"
        try Data(count: 8_000_000).write(to: URL(fileURLWithPath: filler))
        let world = try World("mirror-full")
        try world.layRepository()
        let command = "ssh -F \(server.clientConfiguration) \(server.host) -s sftp"
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              offsite:
                restic: "\(server.repository("full"))"
                options: { sftp.command: "\(command)" }
                password: env:RESTIC_PASSWORD
                follows: local
                by: mirror
            """)
        for number in 0...2 { try change(world, number) }
        let full = try await world.program.run("backup", "--strict")
        #expect(full.code == 4 && full.errors.contains("disk may be full"), "\(full)")
        let put = try whole(folder, world)
        #expect(put.contains("config") && !put.contains { $0.hasPrefix("snapshots/") }, "\(put)")
        try FileManager.default.removeItem(atPath: filler)
        let next = try await world.program.run("backup", "--strict")
        #expect(next.code == 0, "\(next)")
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder)
        #expect(!files.contains { $0.contains("-tmp-") }, "\(files)")
        #expect(try whole(folder, world).contains { $0.hasPrefix("snapshots/") })
    }

    private func leavesAnothersWhole(_ place: Place, _ one: World, _ other: World) async throws {
        // The other makes its own, for two that are laid down are the same one.
        try one.layRepository()
        for world in [one, other] {
            try world.program.writeProfile(
                """
                sources: { documents: { files: "\(world.documents)" } }
                repositories:
                  local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
                  offsite: { restic: "\(place.address)", password: env:RESTIC_PASSWORD, follows: local, by: mirror, \(place.keys) }
                """)
        }
        func all() throws -> [String] {
            let config = place.file("config") as NSString
            return try FileManager.default.subpathsOfDirectory(atPath: config.deletingLastPathComponent).sorted()
        }
        #expect(try await one.program.run("backup", "--strict").code == 0)
        let before = try all()
        for _ in 1...2 {
            let refused = try await other.program.run("backup", "--strict")
            #expect(refused.code == 4 && refused.errors.contains("the mirror of another repository"), "\(refused)")
        }
        #expect(try all() == before)
        for file in try FileManager.default.contentsOfDirectory(atPath: one.program.state)
        where file.hasPrefix("history") {
            try FileManager.default.removeItem(atPath: one.program.state + "/" + file)
        }
        let again = try await one.program.run("backup", "--strict")
        #expect(again.code == 0, "\(again)")
    }

    @Test(.timeLimit(.minutes(4)), .enabled(if: SFTPServer.program != nil, "openssh-server is not installed"))
    func `another host's mirror on the same SFTP server is left whole`() async throws {
        try await leavesAnothersWhole(try sftp(), try World("mirror-one"), try World("mirror-other"))
    }

    @Test(.timeLimit(.minutes(4)), .enabled(if: RcloneServer.program != nil && S3Server.isAvailable))
    func `another host's mirror at the same rclone remote is left whole`() async throws {
        let one = try World("mirror-one")
        try await leavesAnothersWhole(try rclone(one), one, try World("mirror-other"))
    }
}
