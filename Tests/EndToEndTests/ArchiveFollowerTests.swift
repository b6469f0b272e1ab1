import Foundation
import TestSupport
import Testing

/// Archives in a second place: a NAS with its troubles, and servers that only take.
@Suite("Copies of archives") struct ArchiveFollowerTests {
    private func world(_ follower: String, _ more: String = "") throws -> World {
        let world = try World("archive-copies")
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { archive: "\(world.program.repository)", encrypt: openssl, password: env:RESTIC_PASSWORD }
              nas: { archive: "\(follower.replacingOccurrences(of: "FOLDER", with: world.folder.path))", password: env:RESTIC_PASSWORD, follows: local\(more) }
            """)
        return world
    }

    private func folders(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { !$0.hasPrefix(".") }.sorted()
    }

    @Test func `every backup is copied, and the copy is verified, pruned and restored by itself`() async throws {
        let world = try world("FOLDER/nas")
        for number in 1...3 {
            try world.folder.write("\(number)\n", to: "documents/one.txt")
            try await world.backUp("--strict")
        }
        #expect(folders(world.folder["nas"]) == folders(world.program.repository))
        let list = try await world.program.run("backup", "list")
        #expect(list.output.components(separatedBy: "local+nas").count == 4, "\(list)")
        let text = try String(contentsOfFile: world.folder["config/test.yaml"], encoding: .utf8)
        try world.folder.write(text + "retention: { last: 1, max-removal: 1.0 }\n", to: "config/test.yaml")
        let prune = try await world.program.run("backup", "prune")
        #expect(prune.code == 0 && folders(world.folder["nas"]).count == 1, "\(prune)")
        try await world.backUp("--strict")
        #expect(folders(world.folder["nas"]).count == 2)
        try FileManager.default.removeItem(atPath: world.program.repository)
        let verify = try await world.program.run("backup", "verify", "--offsite", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
        let restore = try await world.program.run(
            "restore", "latest", "--offsite", "--to", world.folder["back"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        #expect(try await world.differences(world.documents, world.folder["back/documents"] + world.documents) == "")
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a NAS that is not mounted gets nothing, and is caught up when it is`() async throws {
        let world = try world("FOLDER/nas/backups", ", must-be-mounted: \"/dev\"")
        // `/dev` is always mounted: the profile is read once more with the right place.
        let text = try String(contentsOfFile: world.folder["config/test.yaml"], encoding: .utf8)
        try world.folder.write(
            text.replacingOccurrences(of: "\"/dev\"", with: "\"\(world.folder["nas"])\""), to: "config/test.yaml")
        let without = try await world.program.run("backup", "--strict")
        #expect(without.code == 4 && without.errors.contains("nothing is mounted"), "\(without)")
        #expect(folders(world.program.repository).count == 1 && folders(world.folder["nas/backups"]).isEmpty)
        let disk = try TemporaryFileSystem(at: world.folder["nas"], kibibytes: 4096)
        defer { disk.unmount() }
        try await world.backUp("--strict")
        #expect(folders(world.folder["nas/backups"]).count == 2)
        // Another disk in its place is not filled anew.
        disk.unmount()
        let other = try TemporaryFileSystem(at: world.folder["nas"], kibibytes: 4096)
        defer { other.unmount() }
        let swapped = try await world.program.run("backup", "--strict")
        #expect(swapped.code == 4 && swapped.errors.contains("is it another disk"), "\(swapped)")
        #expect(folders(world.folder["nas/backups"]).isEmpty)
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a NAS that is full or read-only shows no half run, and is caught up`() async throws {
        let world = try world("FOLDER/nas/backups")
        let disk = try TemporaryFileSystem(at: world.folder["nas"], kibibytes: 2048)
        defer { disk.unmount() }
        try await world.backUp("--strict")
        try Data(count: 2_000_000).write(to: URL(fileURLWithPath: world.folder["nas/filler"]))
        var random = SeededGenerator(seed: 7)
        let noise = (0..<40_000).map { _ in String(random.next(), radix: 16) }.joined()
        try world.folder.write(noise, to: "documents/noise.txt")
        let full = try await world.program.run("backup", "--strict")
        #expect(full.code == 4 && full.errors.contains("no room left"), "\(full)")
        #expect(folders(world.folder["nas/backups"]).count == 1)
        try disk.remount(readOnly: true)
        let readOnly = try await world.program.run("backup", "--strict")
        #expect(readOnly.code == 4 && readOnly.errors.contains("read-only"), "\(readOnly)")
        try disk.remount(readOnly: false)
        try FileManager.default.removeItem(atPath: world.folder["nas/filler"])
        try FileManager.default.removeItem(atPath: world.folder["documents/noise.txt"])
        // What is owed is more than there is room for: the oldest go first, and whole.
        let verify = try await world.program.run("backup", "verify", "--offsite")
        #expect(verify.code == 0, "\(verify)")
    }

    @Test func `the copy of another repository is not mixed with, and a damaged archive is not copied`() async throws {
        let world = try world("FOLDER/nas")
        try await world.backUp("--strict")
        let run = try #require(folders(world.program.repository).first)
        let files = try FileManager.default.contentsOfDirectory(atPath: world.program.repository + "/" + run)
        let archive = world.program.repository + "/\(run)/" + (try #require(files.first { $0.hasSuffix(".enc") }))
        try FileManager.default.removeItem(atPath: world.folder["nas/\(run)"])
        var bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: archive))
        let damaged = try await world.program.run("backup", "--strict")
        #expect(damaged.code == 4 && damaged.errors.contains("it was not copied"), "\(damaged)")
        #expect(!folders(world.folder["nas"]).contains(run))
        try world.folder.write("{}", to: "nas/.holdfast-archive.json")
        let other = try await world.program.run("backup", "--strict")
        #expect(other.code == 4 && other.errors.contains("another repository"), "\(other)")
    }

    @Test(.enabled(if: S3Server.isAvailable, "python3 is not installed"))
    func `a server gets files before manifests by put alone, and what it refused later`() async throws {
        let server = try S3Server()
        let world = try world("s3://\(server.bucket)/a/b", ", access: write-only")
        var environment = server.credential(.writeOnly).environment
        environment["AWS_ENDPOINT_URL"] = server.endpoint
        try server.set(faults: [.init(.reply(code: "SlowDown"), method: "PUT")])
        let refused = try await world.program.run("backup", "--strict", environment: environment)
        #expect(refused.code == 4 && refused.errors.contains("503"), "\(refused)")
        try server.set(faults: [])
        let run = try await world.program.run("backup", "--strict", environment: environment)
        #expect(run.code == 0, "\(run)")
        let put = try server.requests().filter { $0.status == 200 }
        #expect(put.map(\.action) == Array(repeating: "put", count: 5), "\(put)")
        #expect(
            put.map { ($0.key as NSString).pathExtension } == ["json", "enc", "json", "enc", "json"],
            "\(put.map(\.key))")
        let again = try await world.program.run("backup", "--strict", environment: environment)
        #expect(again.code == 0, "\(again)")
        #expect(try server.requests().filter { $0.status == 200 }.count == 7)
        let list = try await world.program.run("backup", "list", "--offsite", environment: environment)
        #expect(list.code == 0, "\(list)")
        let probe = try await world.program.run("doctor", "--probe", environment: environment)
        #expect(probe.code == 0 && probe.output.contains("access nas: write-only"), "\(probe)")
    }

    @Test(.enabled(if: SFTPServer.program != nil, "openssh-server is not installed"))
    func `an SFTP server gets archives that open by themselves`() async throws {
        let server = try SFTPServer()
        let command = "ssh -F \(server.clientConfiguration) \(server.host) -s sftp"
        let world = try world(server.repository("archives"), ", options: { sftp.command: \"\(command)\" }")
        try await world.backUp("--strict")
        let folder = server.repositoryFolder("archives")
        let run = try #require(folders(folder).first)
        let archive = try #require(folders("\(folder)/\(run)").first { $0.hasSuffix(".enc") })
        let key = try world.folder.write("correct horse", to: "key", mode: 0o600)
        let restore = try await world.program.run(
            "restore", "--archive", "\(folder)/\(run)/\(archive)", world.folder["back"], "--password-file", key)
        #expect(restore.code == 0, "\(restore)")
    }

    @Test(arguments: ["true", "reachable"])
    func `a demanded remote is looked for before any work`(demand: String) async throws {
        let world = try World("archive-demand")
        try world.program.writeProfile(
            """
            require-remote: \(demand)
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { archive: "\(world.program.repository)", encrypt: openssl, password: env:RESTIC_PASSWORD }
              s3:
                when: ${REMOTE:+configured}
                archive: ${REMOTE}
                follows: local
                environment: { AWS_ACCESS_KEY_ID: a, AWS_SECRET_ACCESS_KEY: env:RESTIC_PASSWORD }
            """)
        let none = try await world.program.run("backup")
        #expect(none.code == 78 && !FileManager.default.fileExists(atPath: world.program.repository), "\(none)")
        let dead = try await world.program.run(
            "backup", "--strict", environment: ["REMOTE": "s3:http://127.0.0.1:9/bucket/x"])
        #expect(dead.code == (demand == "true" ? 4 : 69), "\(dead)")
        #expect(FileManager.default.fileExists(atPath: world.program.repository) == (demand == "true"))
    }
}
