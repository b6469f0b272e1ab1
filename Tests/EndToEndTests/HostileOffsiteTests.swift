import Foundation
import TestSupport
import Testing

/// An offsite that is hostile or unlucky: each trouble has its own words within its limit, costs the backup nothing, and never
/// leads to a new repository over the old one.
@Suite("A hostile or unlucky offsite", .enabled(if: !RealTools.restics.isEmpty && S3Server.isAvailable))
struct HostileOffsiteTests {
    /// A fault of the server, and what is told of it; nothing is told where it is overcome.
    struct Trouble: CustomTestStringConvertible {
        var name: String
        var fault: S3Server.Fault
        var told: [String] = []
        var testDescription: String { name }
    }

    private func world(_ restic: RealTools.Restic?, _ server: S3Server, _ follower: String) throws -> World {
        let world = try World("hostile", restic: restic)
        try world.layRepository()
        if follower == "by: copy" { try QuickRepository.copy.lay(at: server.file("host")) }
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
                time-limit: 15s
                \(follower)
                environment:
                  AWS_ACCESS_KEY_ID: env:AWS_ACCESS_KEY_ID
                  AWS_SECRET_ACCESS_KEY: env:AWS_SECRET_ACCESS_KEY
            """)
        return world
    }

    /// Feeds well, then once under the trouble, and then well again.
    private func suffer(
        _ trouble: Trouble, _ world: World, _ server: S3Server, _ credential: S3Server.Credential
    ) async throws {
        func backUp(_ text: String) async throws -> HoldfastProgram.Result {
            try world.folder.write(text, to: "documents/one.txt")
            return try await world.program.run("backup", "--strict", environment: credential.environment)
        }
        let first = try await backUp("first\n")
        #expect(first.code == 0, "\(first)")
        let before = try server.requests().count
        try server.set(faults: [trouble.fault])
        let start = ContinuousClock.now
        let run = try await backUp("second\n")
        let took = ContinuousClock.now - start
        if trouble.told.isEmpty {
            #expect(run.code == 0, "\(run)")
        } else {
            #expect(run.code == 4, "\(run)")
            #expect(trouble.told.contains(where: run.errors.contains), "\(run)")
            // The machine may be busy with other tests; the limit is 15 s.
            #expect(took < .seconds(90), "\(took)")
        }
        let afterwards = try server.requests().dropFirst(before)
        #expect(!afterwards.contains { $0.key == "host/config" && $0.action == "put" && $0.status == 200 })
        try server.set(faults: [])
        let local = try await world.program.run("backup", "verify")
        #expect(local.code == 0, "\(local)")
        let again = try await backUp("third\n")
        #expect(again.code == 0, "\(again)")
        #expect(try server.complaints() == "")
    }

    static let copying: [Trouble] = [
        Trouble(
            name: "clocks that differ", fault: .init(.reply(code: "RequestTimeTooSkewed", status: 403)),
            told: ["clock and the server's differ"]),
        Trouble(
            name: "an expired credential", fault: .init(.reply(code: "ExpiredToken", status: 400)),
            told: ["the credential has expired"]),
        Trouble(
            name: "a refusal", fault: .init(.reply(code: "AccessDenied", status: 403), action: "put"),
            told: ["access to", "Access Denied"]),
        Trouble(
            name: "a bucket that is gone", fault: .init(.reply(code: "NoSuchBucket", status: 404)),
            told: ["there is no repository", "bucket does not exist"]),
        Trouble(
            name: "a server that is too busy, always", fault: .init(.reply(code: "SlowDown", status: 503)),
            told: ["503 SlowDown"]),
        Trouble(
            name: "a server that is too busy, twice",
            fault: .init(.reply(code: "SlowDown", status: 503), action: "put", times: 2)),
        Trouble(name: "an answer cut short once", fault: .init(.cutBody(), action: "get", times: 1)),
        Trouble(name: "an answer that is too short once", fault: .init(.truncate(), key: "host/snapshots/*", times: 1)),
        Trouble(name: "an upload cut off once", fault: .init(.cutRequest(), action: "put", times: 1)),
        Trouble(name: "no answer to an upload once", fault: .init(.cutAfter, action: "put", times: 1)),
        Trouble(
            name: "every upload cut off", fault: .init(.cutRequest(), action: "put"),
            told: ["cannot be reached", "time-limit"]),
        Trouble(
            name: "a server that hangs", fault: .init(.hang(.seconds(120))), told: ["cannot be reached", "time-limit"]),
    ]

    @Test(.timeLimit(.minutes(10)), arguments: copying)
    func `a copy that meets it is degraded and told, and caught up`(trouble: Trouble) async throws {
        let server = try S3Server()
        try await suffer(
            trouble, try world(RealTools.restics.last, server, "by: copy"), server, server.credential(.full))
    }

    static let mirroring: [Trouble] = [
        Trouble(
            name: "clocks that differ", fault: .init(.reply(code: "RequestTimeTooSkewed", status: 403)),
            told: ["clocks differ"]),
        Trouble(
            name: "an expired credential", fault: .init(.reply(code: "ExpiredToken", status: 400)),
            told: ["ExpiredToken"]),
        Trouble(
            name: "a refusal", fault: .init(.reply(code: "AccessDenied", status: 403)), told: ["AccessDenied"]),
        Trouble(
            name: "a bucket that is gone", fault: .init(.reply(code: "NoSuchBucket", status: 404)),
            told: ["there is no bucket"]),
        Trouble(
            name: "another region", fault: .init(.reply(code: "AuthorizationHeaderMalformed", status: 400)),
            told: ["AWS_DEFAULT_REGION"]),
        Trouble(
            name: "a server that is too busy, always", fault: .init(.reply(code: "SlowDown", status: 503)),
            told: ["SlowDown"]),
        Trouble(
            name: "a server that is too busy, twice",
            fault: .init(.reply(code: "SlowDown", status: 503), times: 2)),
        Trouble(name: "an upload cut off once", fault: .init(.cutRequest(), times: 1)),
        Trouble(name: "a connection cut before it answers once", fault: .init(.cutBefore, times: 1)),
        Trouble(name: "no answer to an upload once", fault: .init(.cutAfter, times: 1)),
        Trouble(
            name: "every upload cut off", fault: .init(.cutRequest()), told: ["cannot be reached", "time-limit"]),
        Trouble(
            name: "a server that hangs", fault: .init(.hang(.seconds(120))), told: ["cannot be reached", "time-limit"]),
    ]

    @Test(.timeLimit(.minutes(10)), arguments: mirroring)
    func `a mirror that meets it is degraded and told, and caught up`(trouble: Trouble) async throws {
        let server = try S3Server()
        try await suffer(
            trouble, try world(RealTools.restics.last, server, "access: write-only"), server,
            server.credential(.writeOnly))
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: RealTools.restics.count > 1))
    func `restic's oldest does not try for ever either`() async throws {
        let server = try S3Server()
        for var trouble in HostileOffsiteTests.copying
        where ["a server that hangs", "a refusal"].contains(trouble.name) {
            // It tries ten times, and says nothing until then.
            trouble.told.append("restic was stopped after 15 s")
            let world = try world(RealTools.restics.first, server, "by: copy")
            try await suffer(trouble, world, server, server.credential(.full))
            try FileManager.default.removeItem(atPath: server.file("host"))
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `what was removed, replaced or swapped there is told of and never made anew`(
        restic: RealTools.Restic
    ) async throws {
        let server = try S3Server()
        let world = try world(restic, server, "by: copy")
        let environment = server.credential(.full).environment
        let files = FileManager.default
        func backUp() async throws -> HoldfastProgram.Result {
            try await world.program.run("backup", "--strict", environment: environment)
        }
        #expect(try await backUp().code == 0)

        // One snapshot is deleted behind our back.
        let snapshot = try #require(try server.keys().first { $0.hasPrefix("host/snapshots/") })
        try files.removeItem(atPath: server.file(snapshot))
        let vanished = try await backUp()
        #expect(vanished.code == 4 && vanished.errors.contains("vanished"), "\(vanished)")
        #expect(try await backUp().code == 0)

        // Content is overwritten: only reading it tells.
        let pack = try #require(try server.keys().first { $0.hasPrefix("host/data/") })
        let good = try Data(contentsOf: URL(fileURLWithPath: server.file(pack)))
        try Data(repeating: 7, count: good.count).write(to: URL(fileURLWithPath: server.file(pack)))
        func verify() async throws -> HoldfastProgram.Result {
            try await world.program.run("backup", "verify", "--offsite", "--data", "100%", environment: environment)
        }
        let damaged = try await verify()
        #expect(damaged.code == 65, "\(damaged)")
        try files.removeItem(atPath: server.file(pack))
        let missing = try await verify()
        #expect(missing.code == 65, "\(missing)")
        try good.write(to: URL(fileURLWithPath: server.file(pack)))
        #expect(try await verify().code == 0)

        // Another repository with the same password stands in its place.
        try files.moveItem(atPath: server.file("host"), toPath: server.file("away"))
        let made = try await world.program.runTool(
            restic.path, "--repo", server.repository("host"), "init", environment: environment)
        #expect(made.code == 0, "\(made)")
        let swapped = try await backUp()
        #expect(swapped.code == 4 && swapped.errors.contains("another one"), "\(swapped)")
        #expect(try server.keys().allSatisfy { !$0.hasPrefix("host/snapshots/") })

        // All of it is gone.
        try files.removeItem(atPath: server.file("host"))
        let emptied = try await backUp()
        #expect(emptied.code == 4 && emptied.errors.contains("there is no repository"), "\(emptied)")
        #expect(try !server.keys().contains("host/config"))
        #expect(try await world.program.run("backup", "verify", environment: environment).code == 0)

        try files.moveItem(atPath: server.file("away"), toPath: server.file("host"))
        let again = try await backUp()
        #expect(again.code == 0, "\(again)")
    }
}
