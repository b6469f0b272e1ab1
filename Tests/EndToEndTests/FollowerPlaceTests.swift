import Foundation
import TestSupport
import Testing

/// Followers wherever they may be: each is fed, listed, tested and restored from by a machine that has only the profile.
@Suite("Places of followers", .enabled(if: !RealTools.restics.isEmpty))
struct FollowerPlaceTests {
    /// A profile with one folder, the usual primary, and a follower of these lines.
    private func world(_ restic: RealTools.Restic?, _ follower: String, primary: String? = nil) throws -> World {
        let world = try World("places", restic: restic)
        if primary == nil { try world.layRepository() }
        let primary = primary ?? "restic: \"\(world.program.repository)\""
        let lines = follower.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n")
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            repositories:
              local:
                password: env:RESTIC_PASSWORD
                \(primary)
              offsite:
                password: env:RESTIC_PASSWORD
                follows: local
            \(lines)
            """)
        return world
    }

    /// Feeds twice, looks, tests, and restores where nobody has been before.
    private func goThrough(_ world: World, environment: [String: String] = [:]) async throws {
        for text in ["first\n", "second\n"] {
            try world.folder.write(text, to: "documents/one.txt")
            let run = try await world.program.run("backup", "--offsite", "--strict", environment: environment)
            #expect(run.code == 0 && run.errors.contains("offsite: got 2 snapshots"), "\(run)")
            guard run.code == 0 else { return }
        }
        let list = try await world.program.run("backup", "list", "--offsite", "--json", environment: environment)
        #expect(try list.code == 0 && list.document().objects("points").count == 2, "\(list)")
        let verified = try await world.program.run(
            "backup", "verify", "--offsite", "--data", "100%", environment: environment)
        #expect(verified.code == 0, "\(verified)")
        var other = world.program
        for name in ["STATE", "CACHE"] {
            let path = world.folder["second/\(name)"]
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            other.environment["HOLDFAST_\(name)_DIR"] = path
        }
        let restored = try await other.run(
            "restore", "latest", "--offsite", "--to", world.folder["back"], "--yes", environment: environment)
        #expect(restored.code == 0, "\(restored)")
        let back = world.folder["back/documents"] + world.documents
        #expect(try await world.differences(world.documents, back) == "", "\(restored)")
    }

    @Test(
        .timeLimit(.minutes(5)), .enabled(if: RestServer.program != nil, "restic-rest-server is not installed"),
        arguments: RealTools.oldestAndNewest, [false, true])
    func `a REST server with a certificate of its own, its password from a secret`(
        restic: RealTools.Restic, isAppendOnly: Bool
    ) async throws {
        let server = try RestServer(appendOnly: isAppendOnly, encrypted: true)
        if isAppendOnly { try QuickRepository.copy.lay(at: server.repositoryFolder("host")) }
        let certificate = try #require(server.certificate)
        let world = try world(
            restic,
            """
            restic: "\(server.address("host"))"
            access: \(isAppendOnly ? "append-only" : "full")
            ca-certificates: \(certificate)
            environment: { RESTIC_REST_USERNAME: \(server.user), RESTIC_REST_PASSWORD: env:REST_PASSWORD }
            """)
        try await goThrough(world, environment: ["REST_PASSWORD": server.password])
        let pruned = try await world.program.run("backup", "prune", environment: ["REST_PASSWORD": server.password])
        #expect(pruned.code == 0 && pruned.errors.contains("skipped") == isAppendOnly, "\(pruned)")
        let found = try await world.program.runTool("grep", "-r", "-l", server.password, world.program.state)
        #expect(found.output == "", "\(found)")
        let wrong = try await world.program.run("backup", "list", "--offsite", environment: ["REST_PASSWORD": "wrong"])
        #expect(wrong.code == 77 && wrong.errors.contains("401"), "\(wrong)")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: RestServer.program != nil), arguments: RealTools.oldestAndNewest)
    func `two REST servers, each with a user of its own`(restic: RealTools.Restic) async throws {
        let near = try RestServer()
        let far = try RestServer(appendOnly: true)
        func place(_ server: RestServer, _ variable: String, indented: String) -> String {
            """
            restic: "\(server.address("host"))"
            \(indented)environment: { RESTIC_REST_USERNAME: \(server.user), RESTIC_REST_PASSWORD: env:\(variable) }
            """
        }
        let world = try world(
            restic, place(far, "FAR", indented: ""), primary: place(near, "NEAR", indented: "    "))
        try await goThrough(world, environment: ["NEAR": near.password, "FAR": far.password])
    }

    @Test(
        .timeLimit(.minutes(5)), .enabled(if: SFTPServer.program != nil, "openssh-server is not installed"),
        arguments: RealTools.oldestAndNewest)
    func `sftp, as ssh's own configuration has it`(restic: RealTools.Restic) async throws {
        let server = try SFTPServer()
        let command = server.options[1].dropFirst("sftp.command=".count)
        let world = try world(
            restic, "restic: \"\(server.repository("host"))\"\noptions: { sftp.command: \"\(command)\" }")
        try await goThrough(world)
    }

    @Test(
        .timeLimit(.minutes(5)),
        .enabled(if: RcloneServer.program != nil && S3Server.isAvailable, "rclone or python3 is not installed"))
    func `two S3 accounts, one of them through rclone`() async throws {
        let near = try S3Server()
        let far = try S3Server()
        let scratch = try ScratchFolder("rclone-remote")
        let remote = try scratch.write(
            """
            [far]
            type = s3
            provider = Other
            access_key_id = \(far.credential(.full).id)
            secret_access_key = \(far.credential(.full).secret)
            endpoint = \(far.endpoint)
            """, to: "rclone.conf", mode: 0o600)
        let keys = "AWS_ACCESS_KEY_ID: env:AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: env:AWS_SECRET_ACCESS_KEY"
        let world = try world(
            RealTools.restics.last,
            """
            restic: rclone:far:\(far.bucket)/host
            environment: { RCLONE_CONFIG: \(remote) }
            """,
            primary: "restic: \"\(near.repository("host"))\"\n    environment: { \(keys) }")
        try await goThrough(world, environment: near.credential(.full).environment)
        #expect(try far.keys().contains("host/config"))
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: S3Server.isAvailable, "python3 is not installed"))
    func `two S3 accounts, by a backup of its own`() async throws {
        let near = try S3Server()
        let far = try S3Server()
        try QuickRepository.lay(at: near.file("host"))
        let world = try world(
            RealTools.restics.last,
            """
            restic: "\(far.repository("host"))"
            by: backup
            environment: { AWS_ACCESS_KEY_ID: env:FAR_KEY_ID, AWS_SECRET_ACCESS_KEY: env:FAR_KEY }
            """,
            primary: """
                restic: "\(near.repository("host"))"
                    environment: { AWS_ACCESS_KEY_ID: env:NEAR_KEY_ID, AWS_SECRET_ACCESS_KEY: env:NEAR_KEY }
                """)
        try await goThrough(
            world,
            environment: [
                "NEAR_KEY_ID": near.credential(.full).id, "NEAR_KEY": near.credential(.full).secret,
                "FAR_KEY_ID": far.credential(.full).id, "FAR_KEY": far.credential(.full).secret,
            ])
        #expect(try far.keys().contains("host/config"))
    }

    @Test(
        .timeLimit(.minutes(5)), .enabled(if: S3Server.isAvailable, "python3 is not installed"),
        arguments: [
            "full", "write-only",
        ])
    func `AWS's own address means the server that AWS_ENDPOINT_URL names`(access: String) async throws {
        let server = try S3Server()
        let world = try world(
            RealTools.restics.last,
            """
            restic: s3:s3.amazonaws.com/\(server.bucket)/timetiles
            access: \(access)
            environment:
              AWS_ACCESS_KEY_ID: env:AWS_ACCESS_KEY_ID
              AWS_SECRET_ACCESS_KEY: env:AWS_SECRET_ACCESS_KEY
            """)
        var environment = server.credential(access == "full" ? .full : .writeOnly).environment
        environment["AWS_ENDPOINT_URL"] = server.endpoint + "/"
        if access == "full" {
            try await goThrough(world, environment: environment)
        } else {
            let run = try await world.program.run("backup", "--offsite", "--strict", environment: environment)
            #expect(run.code == 0, "\(run)")
        }
        #expect(try server.keys().contains("timetiles/config"))
    }

    @Test(.timeLimit(.minutes(3)), .enabled(if: geteuid() == 0))
    func `a disk that is not mounted, and one that is no other, are not written to`() async throws {
        let world = try world(
            RealTools.restics.last, "restic: nas/repository\nmust-be-mounted: true\nother-device-than-sources: true")
        let place = world.folder["config/nas"]
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let unmounted = try await world.program.run("backup", "--strict")
        #expect(unmounted.code == 4 && unmounted.errors.contains("is on the same disk as"), "\(unmounted)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: place) == [])
        let mount = try TemporaryFileSystem(at: place, kibibytes: 8192)
        defer { mount.unmount() }
        let fed = try await world.program.run("backup", "--strict")
        #expect(fed.code == 0 && fed.errors.contains("offsite: got 4 snapshots"), "\(fed)")

        let same = try self.world(RealTools.restics.last, "restic: copy\nother-device-than-sources: true")
        let run = try await same.program.run("backup", "--strict")
        #expect(run.code == 4 && run.errors.contains("same disk"), "\(run)")
        #expect(!FileManager.default.fileExists(atPath: same.folder["config/copy"]))
    }

    @Test(.timeLimit(.minutes(3)), arguments: ["", "correct horse"])
    func `a password is made where the variable for it is empty`(password: String) async throws {
        let world = try World("generated")
        let file = world.folder["config/password"]
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:OWN_PASSWORD, generate: \(file) }
              offsite: { restic: copy, password: env:OWN_PASSWORD, generate: \(file), follows: local }
            """)
        let environment = ["OWN_PASSWORD": password]
        let run = try await world.program.run("backup", "--strict", environment: environment)
        #expect(run.code == 0 && run.errors.contains("keep a copy of its password"), "\(run)")
        #expect(run.errors.contains(file) == password.isEmpty, "\(run)")
        #expect(FileManager.default.fileExists(atPath: file) == password.isEmpty)
        if password.isEmpty {
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
        #expect(try await world.program.run("backup", "--strict", environment: environment).code == 0)
        let other = try await world.program.run("backup", environment: ["OWN_PASSWORD": "another"])
        #expect(other.code == 12 && !other.errors.contains("created"), "\(other)")
    }
}
