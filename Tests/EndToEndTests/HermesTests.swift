import Foundation
import TestSupport
import Testing

/// What the shell pipeline's own regression suite proved, with its calls and its variables.
@Suite("The hermes profile", .enabled(if: S3Server.isAvailable, "python3 is not installed"))
struct HermesTests {
    private static let canary = "CANARY-plain-text-of-hermes"

    private struct Host {
        var world: World
        var server: S3Server
        var home: String { world.folder["home/.hermes"] }
        var nas: String { world.folder["nas"] }
        var local: String { world.folder["home/.timmy-backups/hermes"] }

        init() throws {
            world = try World("hermes")
            server = try S3Server()
            try world.folder.write("name: \(HermesTests.canary)\n", to: "home/.hermes/config.yaml")
            try world.folder.write("one\n", to: "home/.hermes/sessions/a b.json", mode: 0o640)
            try world.folder.write("* * * * * x\n", to: "home/.hermes/cron/jobs")
            try world.folder.write("a passphrase of words\n", to: "home/.config/timmy/backup.passphrase", mode: 0o600)
            try FileManager.default.createDirectory(atPath: nas, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: world.program.toolFolder + "/holdfast", withDestinationPath: world.program.path)
        }

        func script(_ name: String, _ arguments: [String] = [], _ environment: [String: String] = [:]) async throws
            -> HoldfastProgram.Result
        {
            var environment = environment
            environment["BACKUP_PASSPHRASE_FILE"] = world.folder["home/.config/timmy/backup.passphrase"]
            return try await world.program.startTool(
                ["\(RealTools.packageRoot)/profiles/hermes/\(name)"] + arguments, environment: environment
            ).result()
        }

        func remotes() -> [String: String] {
            var environment = server.credential(.writeOnly).environment
            environment["BACKUP_NAS_TARGET"] = nas
            environment["BACKUP_S3_URI"] = "s3://\(server.bucket)/hermes"
            environment["AWS_ENDPOINT_URL"] = server.endpoint
            return environment
        }

        /// The one archive below a folder.
        func archive(in folder: String) throws -> String {
            let files = try FileManager.default.subpathsOfDirectory(atPath: folder)
            return try folder + "/" + #require(files.first { $0.hasSuffix(".tar.gz.enc") }, "\(files)")
        }
    }

    @Test(.timeLimit(.minutes(3))) func `the pipeline refuses to run without a remote target`() async throws {
        let host = try Host()
        let run = try await host.script("backup_pipeline.sh")
        #expect(run.code == 78 && run.errors.contains("nas, s3"), "\(run)")
        #expect(!FileManager.default.fileExists(atPath: host.local))
    }

    @Test(.timeLimit(.minutes(3)))
    func `the output is encrypted, in three places, and no destination holds plain text`() async throws {
        let host = try Host()
        let writer = try BusySQLite(at: host.home + "/state.db")
        let run = try await host.script("backup_pipeline.sh", ["--strict"], host.remotes())
        writer.stop()
        #expect(run.code == 0, "\(run)")
        let local = try host.archive(in: host.local)
        #expect(
            local.firstMatch(of: /hermes\/([0-9]{8}-[0-9]{6})\/hermes-backup-([0-9]{8}-[0-9]{6})\.tar\.gz\.enc$/) != nil
        )
        let content = try Data(contentsOf: URL(fileURLWithPath: local))
        #expect(content.prefix(8) == Data("Salted__".utf8))
        let nas = try host.archive(in: host.nas)
        #expect(try Data(contentsOf: URL(fileURLWithPath: nas)) == content)
        let key = String(local.dropFirst(host.local.count + 1))
        #expect(try Data(contentsOf: URL(fileURLWithPath: host.server.file("hermes/" + key))) == content)
        #expect(try host.server.requests().allSatisfy { $0.action == "put" && $0.status == 200 })
        for place in [
            host.local, host.nas, host.server.file("hermes"), host.world.program.state, host.world.folder["tmp"],
        ] {
            let found = try await host.world.program.runTool("grep", "-r", "-l", HermesTests.canary, place)
            #expect(found.output == "", "\(found)")
        }
        let log = try String(contentsOfFile: host.local + "/logs/backup_pipeline.log", encoding: .utf8)
        #expect(log.contains(" info hermes ") && log.contains(": backup succeeded in "), "\(log)")
        // By hand, with nothing of ours.
        let byHand = try await host.world.program.runTool(
            "sh", "-c",
            "mkdir \"$3\" && openssl enc -d -aes-256-cbc -pbkdf2 -pass \"file:$1\" -in \"$2\" | tar xzf - -C \"$3\" && cd \"$3\" && sha256sum -c --quiet .holdfast-sha256sums",
            "sh", host.world.folder["home/.config/timmy/backup.passphrase"], nas, host.world.folder["by-hand"])
        #expect(byHand.code == 0, "\(byHand)")
    }

    @Test(.timeLimit(.minutes(3))) func `the restore script recreates the tree, from the NAS and from S3`() async throws
    {
        let host = try Host()
        let run = try await host.script("backup_pipeline.sh", ["--strict"], host.remotes())
        #expect(run.code == 0, "\(run)")
        for (place, folder) in [("nas", host.nas), ("s3", host.server.file("hermes"))] {
            let target = host.world.folder["restored-\(place)"]
            let restore = try await host.script("restore_backup.sh", [try host.archive(in: folder), target])
            #expect(restore.code == 0, "\(restore)")
            #expect(try await host.world.differences(host.home, target + "/.hermes") == "")
        }
    }

    @Test(.timeLimit(.minutes(3))) func `an archive that was changed is refused before it is decrypted`() async throws {
        let host = try Host()
        #expect(try await host.script("backup_pipeline.sh", ["--strict"], host.remotes()).code == 0)
        let archive = try host.archive(in: host.nas)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
        bytes[bytes.count - 20] ^= 1
        try bytes.write(to: URL(fileURLWithPath: archive))
        let target = host.world.folder["restored"]
        let restore = try await host.script("restore_backup.sh", [archive, target])
        #expect(restore.code == 65 && !FileManager.default.fileExists(atPath: target + "/.hermes"), "\(restore)")
        let profile = ["-p", RealTools.packageRoot + "/profiles/hermes.yaml"]
        var environment = host.remotes()
        environment["BACKUP_PASSPHRASE_FILE"] = host.world.folder["home/.config/timmy/backup.passphrase"]
        let verify = try await host.world.program.run(
            ["backup", "verify", "--from", "nas"] + profile, environment: environment)
        let name = (archive as NSString).lastPathComponent
        #expect(verify.code == 65 && verify.said.contains(name), "\(verify)")
        let own = try await host.world.program.run(["backup", "verify"] + profile, environment: environment)
        #expect(own.code == 0, "\(own)")
    }
}
