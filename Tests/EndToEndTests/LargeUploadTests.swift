import Foundation
import TestSupport
import Testing

/// Archives that S3 takes in parts only; `part-size:` makes small ones large.
@Suite("Large uploads", .enabled(if: S3Server.isAvailable, "python3 is not installed")) struct LargeUploadTests {
    private final class Scene {
        let server: S3Server
        let world: World
        let environment: [String: String]

        init(_ preset: S3Server.Preset, access: String) throws {
            server = try S3Server()
            world = try World("large-\(preset)")
            // Nothing that compresses: two whole parts and the rest of one.
            var random = SeededGenerator(seed: 11)
            let noise = Data((0..<1_500_000).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } })
            try noise.write(to: URL(fileURLWithPath: world.folder["documents/noise"]))
            var environment = server.credential(preset).environment
            environment["AWS_ENDPOINT_URL"] = server.endpoint
            self.environment = environment
            try world.program.writeProfile(
                """
                sources: { documents: { files: "\(world.documents)" } }
                repositories:
                  local: { archive: "\(world.program.repository)", encrypt: openssl, password: env:RESTIC_PASSWORD }
                  far: { archive: "s3://\(server.bucket)/a", follows: local, access: \(access), part-size: 5MiB }
                """)
        }

        func run(_ words: String...) async throws -> HoldfastProgram.Result {
            try await world.program.run(words, environment: environment)
        }

        var uploads: [String] {
            (try? FileManager.default.contentsOfDirectory(atPath: server.file("../.s3/uploads"))) ?? []
        }

        var archives: [String] { get throws { try server.keys().filter { $0.hasSuffix(".enc") } } }

        var notes: [String] {
            let folder = world.program.cache + "/uploads"
            return (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        }

        func waitForPart() async throws {
            for _ in 0..<600 where uploads.isEmpty || notes.isEmpty { try await Task.sleep(for: .milliseconds(50)) }
            try #require(!uploads.isEmpty && !notes.isEmpty)
        }
    }

    @Test func `an archive goes in parts by put alone, and comes back`() async throws {
        for preset in [S3Server.Preset.writeOnly, .putIfAbsent, .full] {
            let scene = try Scene(preset, access: preset == .full ? "full" : "write-only")
            let run = try await scene.run("backup", "--strict")
            #expect(run.code == 0, "\(run)")
            let requests = try scene.server.requests()
            #expect(requests.count { $0.query.contains("partNumber=") && $0.status == 200 } == 3, "\(requests)")
            #expect(
                requests.allSatisfy { $0.status == 200 } && scene.uploads.isEmpty && scene.notes.isEmpty, "\(requests)")
            #expect(try scene.archives.count == 1)
            guard preset == .full else { continue }
            let verify = try await scene.run("backup", "verify", "--offsite", "--data", "100%")
            #expect(verify.code == 0, "\(verify)")
            let restore = try await scene.run(
                "restore", "latest", "--offsite", "--to", scene.world.folder["back"], "--yes")
            #expect(restore.code == 0, "\(restore)")
            let back = scene.world.folder["back/documents"] + scene.world.documents
            #expect(try await scene.world.differences(scene.world.documents, back) == "")
        }
    }

    @Test func `a part that fails is tried again, and an upload that cannot be ended is aborted or named`() async throws
    {
        let scene = try Scene(.full, access: "full")
        try scene.server.set(faults: [.init(.cutBefore, method: "PUT", key: "*.enc", times: 1)])
        let again = try await scene.run("backup", "--strict")
        #expect(again.code == 0 && scene.uploads.isEmpty, "\(again)")
        for preset in [S3Server.Preset.full, .writeOnly] {
            let scene = try Scene(preset, access: "write-only")
            try scene.server.set(faults: [.init(.reply(code: "SlowDown"), method: "PUT", key: "*.enc", after: 2)])
            let run = try await scene.run("backup", "--strict")
            #expect(run.code == 4 && run.errors.contains("503"), "\(run)")
            #expect(try scene.archives.isEmpty)
            #expect(scene.uploads.isEmpty == (preset == .full), "\(scene.uploads)")
            #expect(run.errors.contains("stay there") == (preset == .writeOnly), "\(run)")
            try scene.server.set(faults: [])
            let next = try await scene.run("backup", "--strict")
            #expect(next.code == 0, "\(next)")
            #expect(try scene.archives.count == 2)
            if preset == .writeOnly { #expect(next.errors.contains("stay there"), "\(next)") }
        }
    }

    @Test(arguments: [SIGINT, SIGKILL])
    func `an upload that is interrupted shows nothing, and its parts go`(signal: Int32) async throws {
        let scene = try Scene(.full, access: "full")
        try scene.server.set(faults: [.init(.slow(bytesPerSecond: 200_000), method: "PUT", key: "*.enc")])
        let running = try scene.world.program.start(["backup"], environment: scene.environment)
        try await scene.waitForPart()
        running.signal(signal)
        _ = await running.result()
        #expect(try scene.archives.isEmpty)
        #expect(scene.uploads.isEmpty == (signal == SIGINT), "\(scene.uploads)")
        try scene.server.set(faults: [])
        let next = try await scene.run("backup", "--strict")
        #expect(next.code == 0, "\(next)")
        #expect(scene.uploads.isEmpty && scene.notes.isEmpty)
        let verify = try await scene.run("backup", "verify", "--offsite")
        #expect(verify.code == 0, "\(verify)")
    }

    @Test func `what another machine left in parts is named by verify and removed by prune`() async throws {
        let scene = try Scene(.full, access: "full")
        try scene.server.set(faults: [.init(.slow(bytesPerSecond: 200_000), method: "PUT", key: "*.enc")])
        let running = try scene.world.program.start(["backup"], environment: scene.environment)
        try await scene.waitForPart()
        running.signal(SIGKILL)
        _ = await running.result()
        try FileManager.default.removeItem(atPath: scene.world.program.cache + "/uploads")
        try scene.server.set(faults: [])
        let next = try await scene.run("backup", "--strict")
        #expect(next.code == 0 && !scene.uploads.isEmpty, "\(next)")
        let verify = try await scene.run("backup", "verify", "--offsite")
        #expect(verify.code == 0 && verify.errors.contains("came to no end"), "\(verify)")
        let prune = try await scene.run("backup", "prune", "-v")
        #expect(prune.code == 0 && scene.uploads.isEmpty, "\(prune)")
    }

    @Test func `where curl is too old to sign, aws puts the parts`() async throws {
        let scene = try Scene(.writeOnly, access: "write-only")
        let old = """
            #!/bin/sh
            echo 'curl 7.74.0 (x86_64-pc-linux-gnu)'
            """
        try scene.world.folder.write(old, to: "old/curl", mode: 0o755)
        let path = scene.world.program.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        let run = try await scene.world.program.run(
            ["backup", "--strict"],
            environment: scene.environment.merging(["PATH": scene.world.folder["old"] + ":" + path]) { $1 })
        #expect(run.code == 0, "\(run)")
        let requests = try scene.server.requests()
        #expect(requests.contains { $0.query.contains("partNumber=") && $0.agent.contains("aws") }, "\(requests)")
        #expect(try scene.archives.count == 1 && scene.uploads.isEmpty)
    }
}
