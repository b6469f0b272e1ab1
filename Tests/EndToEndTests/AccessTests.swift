import Foundation
import TestSupport
import Testing

/// What credentials may really do, and keys that nobody added.
@Suite("Access", .enabled(if: !RealTools.restics.isEmpty))
struct AccessTests {
    private func world(
        _ server: S3Server, _ preset: S3Server.Preset, _ follower: String, restic: RealTools.Restic? = nil,
        isNew: Bool = false
    ) throws -> World {
        let world = try World("access", restic: restic ?? RealTools.restics.last, isNew: isNew)
        try world.layRepository()
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              offsite:
                restic: "\(server.repository("host"))"
                password: env:RESTIC_PASSWORD
                follows: local
                \(follower.split(separator: "\n").joined(separator: "\n    "))
                environment: { AWS_ACCESS_KEY_ID: env:AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: env:AWS_SECRET_ACCESS_KEY }
            retention: { last: 1 }
            """)
        return switched(world, server, preset)
    }

    /// The same host with another credential.
    private func switched(_ world: World, _ server: S3Server, _ preset: S3Server.Preset) -> World {
        var program = world.program
        program.environment.merge(server.credential(preset).environment) { $1 }
        return World(program: program)
    }

    private func contents(_ server: S3Server) throws -> [String: Data?] {
        Dictionary(
            uniqueKeysWithValues: try server.keys().filter { !$0.contains("holdfast-probe/") }.map {
                ($0, FileManager.default.contents(atPath: server.file($0)))
            })
    }

    private func access(_ result: HoldfastProgram.Result, of repository: String = "offsite") throws -> [String: Any] {
        try #require(try result.document().objects("access").first { $0.text("repository") == repository })
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: S3Server.isAvailable))
    func `a claim that is false is an error, told with what a thief could do, and nothing is harmed`() async throws {
        let server = try S3Server()
        try QuickRepository.copy.lay(at: server.file("host"))
        let world = try world(server, .full, "access: append-only")
        #expect(try await world.program.run("backup", "--strict").code == 0)
        let before = try contents(server)
        #expect(before.count > 5)

        let text = try await world.program.run("doctor", "--probe")
        #expect(text.code == 78, "\(text)")
        for words in [
            "access local: auto, which is full in effect", "access offsite: not append-only; may list, read, put",
            "the profile says `access: append-only`, and the credential may delete data",
            "A thief could delete every backup there", "or write `access: full`",
        ] { #expect(text.output.contains(words), "\(words): \(text)") }

        let json = try await world.program.run("doctor", "--probe", "--json")
        #expect(json.code == 78 && json.errors == "", "\(json)")
        let found = try access(json)
        #expect(found.text("claim") == "append-only" && found.text("effective") == "full", "\(json)")
        #expect(found.object("rights").object("delete-data").text("state") == "allowed", "\(json)")
        #expect(found["honoursCreateOnly"] as? Bool == true)
        #expect(found.objects("false").map { $0.text("kind") } == ["badProfile"] && found.texts("thief").count == 2)
        let local = try access(json, of: "local")
        #expect(local.objects("false").isEmpty && local.text("effective") == "full", "\(json)")

        #expect(try contents(server) == before)
        #expect(try server.keys().allSatisfy { !$0.contains("holdfast-probe") })
        #expect(!FileManager.default.fileExists(atPath: world.program.repository + "/holdfast-probe"))
        let plain = try await world.program.run("doctor", "--json")
        #expect(try plain.code == 0 && plain.document()["access"] is NSNull, "\(plain)")
        let secret = server.credential(.full).secret
        #expect(!text.said.contains(secret) && !json.said.contains(secret))
        #expect(try server.complaints() == "")
    }

    @Test(
        .timeLimit(.minutes(5)), .enabled(if: S3Server.isAvailable),
        arguments: [
            (S3Server.Preset.full, "access: full", "full, as the profile says"),
            (.appendOnly, "access: append-only", "append-only, as the profile says"),
            (.appendOnly, "access: auto", "auto, which is append-only in effect"),
            (.writeOnly, "access: write-only", "write-only, as the profile says"),
        ])
    func `a claim that is true is good`(preset: S3Server.Preset, claim: String, words: String) async throws {
        let server = try S3Server()
        let world = try world(server, preset, claim)
        let doctor = try await world.program.run("doctor", "--probe")
        #expect(doctor.code == 0 && doctor.output.contains("access offsite: " + words), "\(doctor)")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: S3Server.isAvailable))
    func `without any delete only a mirror works, and doctor says so`() async throws {
        let server = try S3Server()
        let world = try world(server, .writeOnly, "access: auto\nby: copy")
        let doctor = try await world.program.run("doctor", "--probe")
        #expect(doctor.code == 78 && doctor.output.contains("write `by: mirror`"), "\(doctor)")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: RestServer.program != nil, "restic-rest-server is not installed"))
    func `a REST server that only appends is found out, and a follower there is looked at`() async throws {
        let server = try RestServer(appendOnly: true)
        let world = try World("access")
        try world.layRepository()
        func write(_ access: String) throws {
            try world.program.writeProfile(
                """
                sources:
                  documents: { files: "\(world.documents)" }
                repositories:
                  local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
                  offsite:
                    restic: "\(server.address("host"))"
                    password: env:RESTIC_PASSWORD
                    follows: local
                    access: \(access)
                    environment: { RESTIC_REST_USERNAME: \(server.user), RESTIC_REST_PASSWORD: env:REST_PASSWORD }
                """)
        }
        let environment = ["REST_PASSWORD": server.password]
        try write("append-only")
        let nothing = try await world.program.run("doctor", environment: environment)
        #expect(nothing.code == 0 && nothing.output.contains("the first feed makes it"), "\(nothing)")
        #expect(try await world.program.run("backup", "--strict", environment: environment).code == 0)
        let good = try await world.program.run("doctor", "--probe", environment: environment)
        #expect(good.code == 0 && good.output.contains("append-only, as the profile says"), "\(good)")
        #expect(good.output.contains("repository offsite: rest:"), "\(good)")
        try write("full")
        let bad = try await world.program.run("doctor", "--probe", environment: environment)
        #expect(bad.code == 78 && bad.output.contains("may not delete data"), "\(bad)")
        let verified = try await world.program.run("backup", "verify", "--offsite", environment: environment)
        #expect(verified.code == 0, "\(verified)")
        let wrong = try await world.program.run("doctor", "--probe", environment: ["REST_PASSWORD": "wrong"])
        #expect(wrong.code == 77 && wrong.output.contains("401"), "\(wrong)")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: S3Server.isAvailable))
    func `doctor looks at followers, and not at one that can only be written to`() async throws {
        let server = try S3Server()
        let world = try world(server, .writeOnly, "access: write-only", isNew: true)
        let unseen = try await world.program.run("doctor")
        #expect(unseen.code == 0 && unseen.output.contains("cannot be looked at"), "\(unseen)")
        let list = try await world.program.run("repository", "list", "--json")
        let states = try list.document().objects("repositories").map { $0.text("state") }
        #expect(list.code == 0 && states == ["absent", "unreadable"], "\(list)")

        try QuickRepository.copy.lay(at: server.file("host"))
        let other = try self.world(server, .full, "access: full")
        #expect(try await other.program.run("backup", "--strict").code == 0)
        try FileManager.default.removeItem(atPath: server.file("host/config"))
        let lost = try await other.program.run("doctor")
        #expect(lost.code != 0 && lost.output.contains("bad      repository offsite: "), "\(lost)")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: S3Server.isAvailable), arguments: RealTools.restics.suffix(2))
    func `where the access is not named, a refused prune is skipped and no failure`(
        restic: RealTools.Restic
    ) async throws {
        let server = try S3Server()
        try QuickRepository.copy.lay(at: server.file("host"))
        let world = try world(server, .appendOnly, "access: auto", restic: restic)
        for number in 1...3 {
            try world.folder.write("generation \(number)\n", to: "documents/one.txt")
            #expect(try await world.program.run("backup", "--strict").code == 0)
        }
        let prune = try await world.program.run("backup", "prune")
        #expect(
            prune.code == 0 && prune.errors.contains("offsite: skipped, its credential removes nothing"), "\(prune)")
        #expect(!prune.errors.contains("warning:") && !prune.errors.contains("error:"), "\(prune)")
        let history = try await world.program.run("history", "--json")
        let outcomes = try history.document().objects("runs").filter { $0.text("operation") == "prune" }
            .map { $0.text("outcome") }
        #expect(Set(outcomes) == ["succeeded", "skipped"], "\(history)")
        let left = try await world.program.run("backup", "list", "--offsite", "--json")
        #expect(try left.document().objects("points").count == 3, "\(left)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a primary that only grows is not pruned, and says so`() async throws {
        let world = try World("access")
        try world.layRepository()
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD, access: append-only }
            retention: { last: 1 }
            """)
        for number in 1...2 {
            try world.folder.write("generation \(number)\n", to: "documents/one.txt")
            try await world.backUp("--strict")
        }
        let prune = try await world.program.run("backup", "prune")
        #expect(prune.code == 0 && prune.errors.contains("local: skipped, its access is append-only"), "\(prune)")
        #expect(try await world.points().count == 2)
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `a key that nobody added in a follower is listed and raises the alarm until it is accepted`(
        restic: RealTools.Restic
    ) async throws {
        let world = try World("access", restic: restic)
        try world.layRepository()
        try QuickRepository.copy.lay(at: world.folder["config/nas"])
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              nas: { restic: nas, password: env:RESTIC_PASSWORD, follows: local }
            """)
        try await world.backUp("--strict")
        let pinned = try await world.program.run("repository", "list")
        #expect(pinned.code == 0 && pinned.output.contains("(pinned)") && !pinned.output.contains("NEW"), "\(pinned)")
        let verbose = try await world.program.run("repository", "list", "-v")
        #expect(verbose.output.components(separatedBy: "made by ").count == 3, "\(verbose)")
        let other = try world.folder.write("a thief's own", to: "other-password", mode: 0o600)
        let added = try await world.program.runTool(
            restic.path, "-r", world.folder["config/nas"], "--no-cache", "key", "add", "--new-password-file", other)
        #expect(added.code == 0, "\(added)")

        let list = try await world.program.run("repository", "list", "--json")
        let nas = try #require(try list.document().objects("repositories").last)
        #expect(list.code == 65 && nas.texts("keys").count == 2 && nas.texts("newKeys").count == 1, "\(list)")
        let text = try await world.program.run("repository", "list")
        #expect(text.output.contains("\(nas.texts("newKeys")[0].prefix(8)) made by"), "\(text)")
        #expect(text.output.contains("is NEW") && !nas.object("keyOwners").isEmpty, "\(text)")
        let doctor = try await world.program.run("doctor")
        #expect(doctor.code == 65 && doctor.output.contains("the keys of the repository"), "\(doctor)")
        let run = try await world.program.run("backup", "--strict")
        #expect(run.code == 4 && run.errors.contains("the keys of the repository"), "\(run)")
        #expect(run.errors.contains("whoever added a key can open everything"), "\(run)")
        #expect(run.errors.contains("accept-id"), "\(run)")

        #expect(try await world.program.run("repository", "accept-id", "--repository", "nas").code == 0)
        #expect(try await world.program.run("backup", "--strict").code == 0)
        #expect(try await world.program.run("doctor").code == 0)
    }
}
