import Foundation
import TestSupport
import Testing

/// Archives on servers: looked at, tested, restored from and thinned out, with the real programs.
@Suite("Archives on servers") struct ServerArchivesTests {
    enum Kind: String, CaseIterable, Sendable { case s3, sftp, rclone }

    /// A host whose archives go to a server, and what the server keeps, to be damaged.
    final class Scene {
        let world: World
        let kept: String
        var environment: [String: String] = [:]
        let s3: S3Server?
        private let sftp: SFTPServer?

        var local: String { world.program.repository }

        /// - Parameter key: of the primary: how it encrypts, and with what.
        init(
            _ kind: Kind, access: String = "full", key: String = "encrypt: openssl, password: env:RESTIC_PASSWORD",
            more: String = ""
        ) throws {
            world = try World("archives-\(kind)")
            var s3: S3Server?
            var sftp: SFTPServer?
            let place: String
            switch kind {
            case .s3:
                let server = try S3Server()
                s3 = server
                place = "s3://\(server.bucket)/a/b"
                kept = server.file("a/b")
                environment = server.credential(.full).environment
                environment["AWS_ENDPOINT_URL"] = server.endpoint
            case .sftp:
                let server = try SFTPServer()
                sftp = server
                place =
                    server.repository("archives")
                    + "\", options: { sftp.command: \"ssh -F \(server.clientConfiguration) \(server.host) -s sftp\" }, name: \"test"
                kept = server.repositoryFolder("archives")
            case .rclone:
                kept = world.folder["remote"]
                place = "rclone::local:\(kept)"
            }
            (self.s3, self.sftp) = (s3, sftp)
            try world.program.writeProfile(
                """
                sources:
                  documents: { files: "\(world.documents)" }
                  said: { command: [sh, -c, "echo $RANDOM $$; date +%N"] }
                repositories:
                  local: { archive: "\(world.program.repository)", \(key) }
                  far: { archive: "\(place)", follows: local, access: \(access) }
                \(more)
                """)
        }

        func run(_ words: String...) async throws -> HoldfastProgram.Result {
            try await world.program.run(words, environment: environment)
        }

        func backUp(times: Int = 1) async throws {
            for number in 0..<times {
                try world.folder.write("\(number) \(UInt64.random(in: 0...UInt64.max))\n", to: "documents/one.txt")
                let run = try await run("backup", "--strict")
                #expect(run.code == 0, "\(run)")
            }
        }

        var runs: [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: kept)) ?? []).filter { !$0.hasPrefix(".") }.sorted()
        }

        func files(_ run: String, _ ending: String) -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: "\(kept)/\(run)")) ?? []).filter {
                $0.hasSuffix(ending)
            }.sorted().map { "\(kept)/\(run)/\($0)" }
        }

        /// A run's main archive.
        func archive(_ run: String) throws -> String { try #require(files(run, ".tar.zst.enc").first) }

        var traces: [String] {
            let folder = world.program.cache + "/archives-seen"
            return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        }
    }

    static func available(_ kind: Kind) -> Bool {
        switch kind {
        case .s3: S3Server.isAvailable
        case .sftp: SFTPServer.program != nil
        case .rclone: ["/usr/bin/rclone", "/usr/local/bin/rclone"].contains(where: FileManager.default.fileExists)
        }
    }

    @Test(arguments: Kind.allCases.filter(available))
    func `what is there is listed, verified and restored when the primary is gone`(kind: Kind) async throws {
        let scene = try Scene(kind)
        try await scene.backUp(times: 2)
        try FileManager.default.moveItem(atPath: scene.local, toPath: scene.local + ".gone")
        let list = try await scene.run("backup", "list", "--offsite", "--json")
        #expect(list.code == 0, "\(list)")
        #expect(try list.document().objects("points").count == 2)
        for words in [["backup", "verify", "--offsite"], ["backup", "verify", "--offsite", "--data", "100%"]] {
            let verify = try await scene.world.program.run(words, environment: scene.environment)
            #expect(verify.code == 0, "\(verify)")
        }
        let restore = try await scene.run("restore", "latest", "--offsite", "--to", scene.world.folder["back"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        let back = scene.world.folder["back/documents"] + scene.world.documents
        #expect(try await scene.world.differences(scene.world.documents, back) == "")
        #expect(scene.traces == [])
    }

    enum Harm: String, CaseIterable, Sendable {
        case missing, cut, flipped, ofAnotherRun, manifestMissing, manifestFlipped, pairOfAnotherRun, wholeRun,
            forgedPair,
            header
    }

    /// What is judged is judged alike everywhere; what differs is how it is listed and read.
    static let harms: [(Kind, Harm)] = Kind.allCases.filter(available).flatMap { kind in
        (kind == .s3 ? Harm.allCases : [.missing, .flipped, .manifestMissing]).map { (kind, $0) }
    }

    @Test(arguments: harms)
    func `what was done to a file is found, and the file named`(kind: Kind, harm: Harm) async throws {
        let scene = try Scene(kind)
        try await scene.backUp(times: 2)
        let runs = scene.runs
        try #require(runs.count == 2)
        let (old, new) = (runs[0], runs[1])
        let archive = try scene.archive(new)
        let manifest = try #require(scene.files(new, ".json").first)
        let files = FileManager.default
        var name = (archive as NSString).lastPathComponent
        func flip(_ path: String) throws {
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: path))
        }
        switch harm {
        case .missing: try files.removeItem(atPath: archive)
        case .cut:
            let bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
            try bytes.dropLast(7).write(to: URL(fileURLWithPath: archive))
        case .flipped: try flip(archive)
        case .ofAnotherRun:
            try files.removeItem(atPath: archive)
            try files.copyItem(atPath: try scene.archive(old), toPath: archive)
        case .manifestMissing:
            try files.removeItem(atPath: manifest)
            name = (manifest as NSString).lastPathComponent
        case .manifestFlipped:
            try flip(manifest)
            name = (manifest as NSString).lastPathComponent
        case .pairOfAnotherRun:
            for path in [archive, manifest] { try files.removeItem(atPath: path) }
            try files.copyItem(atPath: try scene.archive(old), toPath: archive)
            try files.copyItem(atPath: try #require(scene.files(old, ".json").first), toPath: manifest)
            name = (manifest as NSString).lastPathComponent
        case .wholeRun:
            try files.removeItem(atPath: "\(scene.kept)/\(old)")
            name = old
        case .header:
            try flip("\(scene.kept)/.holdfast-archive.json")
            name = ".holdfast-archive.json"
        case .forgedPair:
            // Another archive, and a manifest that has its digest: without the key, its proof cannot be made.
            try flip(archive)
            let sum = try await scene.world.program.runTool("sha256sum", archive).output.prefix(64)
            let was = try await scene.world.program.runTool("sha256sum", "\(scene.local)/\(new)/\(name)").output.prefix(
                64)
            let text = try String(contentsOfFile: manifest, encoding: .utf8)
            try text.replacingOccurrences(of: was, with: sum).write(
                toFile: manifest, atomically: false, encoding: .utf8)
            name = (manifest as NSString).lastPathComponent
        }
        // The oldest run is looked at as one that expired when nothing older is left.
        let isExpiry = harm == .wholeRun
        let verify = try await scene.run("backup", "verify", "--offsite")
        #expect((verify.code == 65) == !isExpiry, "\(verify)")
        #expect((verify.output + verify.errors).contains(name), "\(verify)")
        guard harm == .flipped || harm == .cut || harm == .ofAnotherRun else { return }
        let data = try await scene.run("backup", "verify", "--offsite", "--data", "100%")
        #expect(data.code == 65 && (data.output + data.errors).contains(name), "\(data)")
        let restore = try await scene.run("restore", "latest", "--offsite", "--to", scene.world.folder["back"], "--yes")
        #expect(restore.code != 0, "\(restore)")
        #expect(!files.fileExists(atPath: scene.world.folder["back/documents"]))
        #expect(scene.traces == [])
    }

    @Test(.enabled(if: S3Server.isAvailable, "python3 is not installed"))
    func `a credential that reads is given for the moment, and one that may not read says so`() async throws {
        let server = try S3Server()
        let world = try World("archives-reading")
        try world.program.writeProfile(
            """
            sources: { documents: { files: "\(world.documents)" } }
            repositories:
              local: { archive: "\(world.program.repository)", encrypt: openssl, password: env:RESTIC_PASSWORD }
              far:
                archive: \(server.repository("a"))
                follows: local
                access: write-only
                environment: { AWS_ACCESS_KEY_ID: env:ID, AWS_SECRET_ACCESS_KEY: env:KEY }
            """)
        let writing = server.credential(.writeOnly)
        let environment = ["ID": writing.id, "KEY": writing.secret]
        let run = try await world.program.run("backup", "--strict", environment: environment)
        #expect(run.code == 0, "\(run)")
        let unread = try await world.program.run("backup", "verify", "--offsite", environment: environment)
        #expect(unread.code == 0 && unread.output.contains("2 of 2 files"), "\(unread)")
        #expect(unread.errors.contains("nothing that is stored at far was read"), "\(unread)")
        let refused = try await world.program.run(
            "restore", "latest", "--offsite", "--to", world.folder["back"], "--yes", environment: environment)
        #expect(refused.code == 77, "\(refused)")
        for preset in [S3Server.Preset.readOnly, .writeOnly] {
            let credential = server.credential(preset)
            let isReader = preset == .readOnly
            let file = try world.folder.write(
                "AWS_ACCESS_KEY_ID=\(credential.id)\nAWS_SECRET_ACCESS_KEY=\(credential.secret)\n", to: "key-\(preset)",
                mode: 0o600)
            let verify = try await world.program.run(
                "backup", "verify", "--offsite", "--data", "100%", "--credentials", file, environment: environment)
            #expect(verify.code == (isReader ? 0 : 77), "\(verify)")
            let list = try await world.program.run(
                "backup", "list", "--offsite", "--credentials", file, environment: environment)
            #expect(list.code == (isReader ? 0 : 77), "\(list)")
        }
    }

    @Test(arguments: Kind.allCases.filter(available))
    func `the policy that thins out the primary thins out what is on a server`(kind: Kind) async throws {
        let scene = try Scene(kind)
        try await scene.backUp(times: 3)
        let text = try String(contentsOfFile: scene.world.folder["config/test.yaml"], encoding: .utf8)
        try scene.world.folder.write(text + "\nretention: { last: 1, max-removal: 1.0 }\n", to: "config/test.yaml")
        let dry = try await scene.run("backup", "prune", "--dry-run")
        #expect(dry.code == 0 && scene.runs.count == 3, "\(dry)")
        let prune = try await scene.run("backup", "prune")
        #expect(prune.code == 0 && prune.output.contains("keeps 1, removes 2"), "\(prune)")
        #expect(scene.runs.count == 1, "\(prune)")
        let verify = try await scene.run("backup", "verify", "--offsite")
        #expect(verify.code == 0 && !verify.errors.contains("missing"), "\(verify)")
        // What was thinned out is not sent again, and what comes is.
        try await scene.backUp()
        #expect(scene.runs.count == 2)
    }

    @Test(arguments: Kind.allCases.filter(available))
    func `a part of a run goes alone, and its manifest says so with a proof of its own`(kind: Kind) async throws {
        let scene = try Scene(kind)
        try await scene.backUp()
        // One source only, so that its parts alone grow old.
        for _ in 0..<2 {
            let run = try await scene.run("backup", "said", "--strict")
            #expect(run.code == 0, "\(run)")
        }
        let text = try String(contentsOfFile: scene.world.folder["config/test.yaml"], encoding: .utf8)
        try scene.world.folder.write(text + "\nretention: { last: 1, max-removal: 1.0 }\n", to: "config/test.yaml")
        let prune = try await scene.run("backup", "prune")
        #expect(prune.code == 0, "\(prune)")
        let oldest = try #require(scene.runs.first)
        #expect(scene.runs.count == 2 && scene.files(oldest, ".enc").count == 1, "\(scene.runs) \(prune)")
        let verify = try await scene.run("backup", "verify", "--offsite", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
        let restore = try await scene.run("restore", "latest", "--offsite", "--to", scene.world.folder["back"], "--yes")
        #expect(restore.code == 0, "\(restore)")
    }

    @Test(.enabled(if: S3Server.isAvailable, "python3 is not installed"))
    func `a removal that is cut off leaves nothing that looks whole, and the next one ends it`() async throws {
        let scene = try Scene(.s3)
        try await scene.backUp(times: 2)
        let text = try String(contentsOfFile: scene.world.folder["config/test.yaml"], encoding: .utf8)
        try scene.world.folder.write(text + "\nretention: { last: 1, max-removal: 1.0 }\n", to: "config/test.yaml")
        let old = try #require(scene.runs.first)
        try scene.s3?.set(faults: [.init(.reply(code: "SlowDown"), method: "DELETE", key: "*.enc")])
        let cut = try await scene.run("backup", "prune")
        #expect(cut.code == 0 && cut.errors.contains("far: "), "\(cut)")
        #expect(scene.files(old, ".json").isEmpty && !scene.files(old, ".enc").isEmpty, "\(cut)")
        let verify = try await scene.run("backup", "verify", "--offsite")
        #expect(verify.code == 0 && verify.errors.contains("not complete"), "\(verify)")
        try scene.s3?.set(faults: [])
        let again = try await scene.run("backup", "prune", "-v")
        #expect(again.code == 0 && scene.runs.count == 1, "\(again)")
    }

    @Test(.enabled(if: S3Server.isAvailable, "python3 is not installed"))
    func `nothing is removed where the profile does not say that it may be`() async throws {
        for access in ["auto", "append-only", "write-only"] {
            let scene = try Scene(.s3, access: access)
            try await scene.backUp(times: 2)
            let text = try String(contentsOfFile: scene.world.folder["config/test.yaml"], encoding: .utf8)
            try scene.world.folder.write(text + "\nretention: { last: 1, max-removal: 1.0 }\n", to: "config/test.yaml")
            let prune = try await scene.run("backup", "prune")
            #expect(prune.code == 0 && prune.errors.contains("far: skipped"), "\(prune)")
            #expect(!prune.errors.contains("warning") && scene.runs.count == 2, "\(prune)")
        }
    }

    @Test(.enabled(if: S3Server.isAvailable, "python3 is not installed"))
    func `without a key to prove manifests the ledger of this machine tells which were exchanged`() async throws {
        let world = try World("archives-keys")
        let made = try await world.program.runTool("age-keygen", "-o", world.folder["age.key"])
        try #require(made.code == 0, "\(made)")
        let recipient = try await world.program.runTool("age-keygen", "-y", world.folder["age.key"])
        let scene = try Scene(
            .s3, key: "encrypt: age, recipients: [\(recipient.output.trimmingCharacters(in: .newlines))]")
        try await scene.backUp(times: 2)
        let whole = try await scene.run("backup", "verify", "--offsite")
        #expect(whole.code == 0 && whole.errors.contains("it is the one that was sent from here"), "\(whole)")
        let newest = try #require(scene.runs.last)
        let manifest = try #require(scene.files(newest, ".json").first)
        let text = try String(contentsOfFile: manifest, encoding: .utf8)
        try text.replacingOccurrences(of: "\"utcOffset\" : 0", with: "\"utcOffset\" : 60").write(
            toFile: manifest, atomically: false, encoding: .utf8)
        let exchanged = try await scene.run("backup", "verify", "--offsite")
        #expect(exchanged.code == 65, "\(exchanged)")
        #expect(exchanged.errors.contains((manifest as NSString).lastPathComponent), "\(exchanged)")
    }

    @Test(.enabled(if: S3Server.isAvailable, "python3 is not installed"))
    func `a long list is read to its end, and what has no manifest is left alone`() async throws {
        let scene = try Scene(.s3)
        try await scene.backUp()
        for number in 0..<1100 {
            try scene.world.folder.write("x", to: "stray/\(number)")
        }
        try FileManager.default.moveItem(
            atPath: scene.world.folder["stray"], toPath: "\(scene.kept)/20200101-000000")
        let verify = try await scene.run("backup", "verify", "--offsite")
        #expect(verify.code == 0 && verify.errors.contains("20200101-000000 is not complete"), "\(verify)")
        let lists = try #require(scene.s3).requests().filter { $0.action == "list" }
        #expect(lists.contains { $0.query.contains("continuation-token") } && lists.allSatisfy { $0.status == 200 })
        let prune = try await scene.run("backup", "prune", "-v")
        #expect(prune.code == 0 && scene.runs.count == 2, "\(prune)")
    }

    @Test(.enabled(if: S3Server.isAvailable, "python3 is not installed"))
    func `a refusal to delete changes nothing, and the next feed sends nothing again`() async throws {
        let scene = try Scene(.s3)
        try await scene.backUp(times: 2)
        let text = try String(contentsOfFile: scene.world.folder["config/test.yaml"], encoding: .utf8)
        try scene.world.folder.write(text + "\nretention: { last: 1, max-removal: 1.0 }\n", to: "config/test.yaml")
        try scene.s3?.set(faults: [.init(.reply(code: "AccessDenied"), method: "DELETE")])
        let prune = try await scene.run("backup", "prune")
        #expect(prune.code == 0 && prune.errors.contains("403") && scene.runs.count == 2, "\(prune)")
        let verify = try await scene.run("backup", "verify", "--offsite")
        #expect(verify.code == 0 && !verify.errors.contains("not complete"), "\(verify)")
        let before = try #require(scene.s3).requests().count { $0.action == "put" }
        try await scene.backUp()
        #expect(try #require(scene.s3).requests().count { $0.action == "put" } == before + 3)
    }

    @Test(arguments: Kind.allCases.filter(available))
    func `the kit of a server fetches what it needs, or takes what was fetched, without Holdfast`(kind: Kind)
        async throws
    {
        let scene = try Scene(kind)
        try await scene.backUp()
        let kit = try await scene.run("kit", "--offsite")
        #expect(kit.code == 0, "\(kit)")
        let script = try scene.world.folder.write(kit.output, to: "kit.sh")
        let password = try scene.world.folder.write("correct horse", to: "password", mode: 0o600)
        let home = scene.world.program.environment["HOME"] ?? ""
        var variables = ["TARGET": scene.world.folder["fetched"], "PASSWORD_FILE": password, "HOME": home]
        if let server = scene.s3 {
            let bare = try await scene.world.program.runTool("bash", script, environment: variables)
            #expect(bare.code != 0 && bare.errors.contains("AWS_ACCESS_KEY_ID"), "\(bare)")
            variables.merge(server.credential(.readOnly).environment) { $1 }
        }
        let fetched = try await scene.world.program.runTool("bash", script, environment: variables)
        #expect(fetched.code == 0, "\(fetched)")
        #expect(FileManager.default.fileExists(atPath: scene.world.folder["fetched/documents/documents"] + "/one.txt"))
        #expect(!FileManager.default.fileExists(atPath: scene.world.folder["fetched/.fetched"]))
        variables["TARGET"] = scene.world.folder["back"]
        variables["FROM"] = scene.kept
        let done = try await scene.world.program.runTool("bash", script, environment: variables)
        #expect(done.code == 0, "\(done)")
        let documents = scene.world.folder["back/documents/documents"]
        #expect(FileManager.default.fileExists(atPath: documents + "/one.txt"), "\(done)")
    }
}
