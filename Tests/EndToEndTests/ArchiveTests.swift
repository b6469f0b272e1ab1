import Foundation
import TestSupport
import Testing

/// A host whose backups are encrypted files that stand on their own.
@Suite struct ArchiveTests {
    /// - Parameters:
    ///   - repository: the keys beside `archive:`; `FOLDER` stands for the test's folder, as it does in `sources`.
    private func world(_ repository: String, _ more: String = "", sources: String = "") throws -> World {
        let world = try World("archive")
        let text = """
            sources:
              documents: { files: "FOLDER/documents" }
            \(sources)
            repositories:
              local:
                archive: FOLDER/repository
            \(repository)
            \(more)
            """
        try world.program.writeProfile(text.replacingOccurrences(of: "FOLDER", with: world.folder.path))
        return world
    }

    private static let openssl = """
            name: hermes-backup
            main: documents
            compress: gzip
            encrypt: openssl
            password: env:RESTIC_PASSWORD
        """

    @Test func `an ordinary user archives files, databases and dumps, and no empty one`() async throws {
        let world = try OrdinaryUser.world("archive-user")
        func profile(_ command: String) throws {
            try world.program.writeProfile(
                """
                sources:
                  documents: { files: "\(world.documents)" }
                  db: { sqlite: "\(world.folder["data.db"])" }
                  dump: { command: { run: \(command), name: numbers.txt } }
                repositories:
                  local: { archive: "\(world.program.repository)", encrypt: openssl, password: env:RESTIC_PASSWORD }
                """)
        }
        let made = try await world.program.runTool(
            "sqlite3", world.folder["data.db"], "create table t(a); insert into t values (1), (2)")
        #expect(made.code == 0, "\(made)")
        try profile("[seq, \"1\", \"50000\"]")
        try OrdinaryUser.give(world)
        try await world.backUp()
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["home/back"], "--yes")
        #expect(restore.code == 0 && restore.said.contains("2 rows"), "\(restore)")
        try profile("[\"true\"]")
        let empty = try await world.program.run("backup")
        #expect(empty.code == 1 && empty.errors.contains("wrote nothing"), "\(empty)")
        #expect(try await world.points().count == 2)
    }

    @Test func `a backup is taken, listed, verified in full, restored and pruned`() async throws {
        let world = try world(
            ArchiveTests.openssl, "retention: { last: 1, minimum: 1, max-removal: 1.0 }",
            sources: "  dump: { command: { run: [seq, \"1\", \"50000\"], name: numbers.txt } }")
        let first = try await world.backUp()
        #expect(first.text("outcome") == "succeeded", "\(first)")
        #expect(try await world.points().count == 1)

        let verify = try await world.program.run("backup", "verify", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
        let scrub = try await world.program.run("backup", "verify", "--scrub")
        #expect(scrub.code == 0, "\(scrub)")

        let restore = try await world.program.run("restore", "latest", "--to", world.folder["restored"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        let same = try await world.differences(world.documents, world.folder["restored/documents"] + world.documents)
        #expect(same == "")

        let dump = try await world.program.runTool(
            "sh", "-c", "seq 1 50000 | cmp - \"$(find \"$1\" -name numbers.txt)\"", "sh", world.folder["restored"])
        #expect(dump.code == 0, "\(dump)")

        try world.folder.write("three\n", to: "documents/three.txt")
        try await world.backUp()
        let prune = try await world.program.run("backup", "prune", "--allow-removal", "10")
        #expect(prune.code == 0, "\(prune)")
        #expect(try await world.points().count == 1)
        let folders = try FileManager.default.contentsOfDirectory(atPath: world.program.repository)
        #expect(folders.filter { !$0.hasPrefix(".") }.count == 1, "\(folders)")

        // No word of the contents, the names or the passphrase is anywhere in the clear.
        let leak = try await world.program.runTool(
            "grep", "-rlE", "two.txt|49999|correct horse", world.program.repository, world.program.state)
        let found = leak.output.split(separator: "\n").filter { !$0.contains("history") }
        #expect(found.isEmpty, "\(leak)")
    }

    @Test func `an archive that was changed fails the verification and is not restored`() async throws {
        let world = try world(ArchiveTests.openssl)
        try await world.backUp()
        let path = try #require(
            FileManager.default.subpaths(atPath: world.program.repository)?.first { $0.hasSuffix(".tar.gz.enc") })
        let file = URL(fileURLWithPath: world.program.repository + "/" + path)
        var data = try Data(contentsOf: file)
        data[data.count / 2] ^= 1
        try data.write(to: file)
        let verify = try await world.program.run("backup", "verify")
        #expect(verify.code == 65, "\(verify)")
        #expect(verify.said.contains((path as NSString).lastPathComponent))
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["restored"], "--yes")
        #expect(restore.code == 65, "\(restore)")
        #expect(!FileManager.default.fileExists(atPath: world.folder["restored/documents"]))
    }

    @Test func `any file of a run is verified by the run's manifest when it is opened alone`() async throws {
        let world = try world(ArchiveTests.openssl, sources: "  other: { files: \"FOLDER/other\" }")
        try world.folder.write("other\n", to: "other/one.txt")
        try world.folder.write("correct horse\n", to: "password")
        try await world.backUp()
        let names = try FileManager.default.subpathsOfDirectory(atPath: world.program.repository)
        let name = try #require(names.first { $0.contains("hermes-backup-other-") }, "\(names)")
        let archive = world.program.repository + "/" + name
        let call = ["restore", "--archive", archive, "--password-file", world.folder["password"]]
        let restore = try await world.program.run(call + [world.folder["out"]])
        #expect(restore.code == 0 && !restore.said.contains("nothing was verified"), "\(restore)")
        #expect(try await world.differences(world.folder["other"], world.folder["out/other"]) == "")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: archive))
        let refused = try await world.program.run(call + [world.folder["again"]])
        #expect(refused.code == 65 && refused.errors.contains("its manifest speaks of"), "\(refused)")
    }

    @Test func `recipients that were replaced are refused until they are accepted`() async throws {
        let world = try world("    recipients-file: FOLDER/r1\n    identity: file:FOLDER/id1")
        let keys = try await world.program.runTool(
            "sh", "-c", "cd \"$1\" && for n in 1 2; do age-keygen -o id$n 2>&1 | sed 's/.*: //' >r$n; done", "sh",
            world.folder["."])
        #expect(keys.code == 0, "\(keys)")
        try await world.backUp()
        let good = try #require(FileManager.default.contents(atPath: world.folder["r1"]))
        try FileManager.default.removeItem(atPath: world.folder["r1"])
        try FileManager.default.copyItem(atPath: world.folder["r2"], toPath: world.folder["r1"])
        let refused = try await world.program.run("backup")
        #expect(refused.code == 65, "\(refused)")
        try Data().write(to: URL(fileURLWithPath: world.folder["r1"]))
        let emptied = try await world.program.run("backup")
        #expect(emptied.code != 0, "\(emptied)")
        #expect(emptied.said.contains("recipient"), "\(emptied)")
        try good.write(to: URL(fileURLWithPath: world.folder["r1"]))
        try await world.backUp()
        #expect(try await world.points().count == 2)
    }

    @Test func `a key that opens some archives only hides no damage of the others`() async throws {
        let world = try world("    recipients-file: FOLDER/r1")
        let keys = try await world.program.runTool(
            "sh", "-c", "cd \"$1\" && for n in 1 2; do age-keygen -o id$n 2>&1 | sed 's/.*: //' >r$n; done", "sh",
            world.folder["."])
        #expect(keys.code == 0, "\(keys)")
        try await world.backUp()
        let rotated = try await world.program.runTool("cp", world.folder["r2"], world.folder["r1"])
        #expect(rotated.code == 0)
        let accepted = try await world.program.run("key", "rotate", "local", "--yes")
        #expect(accepted.code == 0, "\(accepted)")
        try await world.backUp()
        let verify = ["backup", "verify", "--data", "100%", "--identity", world.folder["id2"]]
        let good = try await world.program.run(verify)
        #expect(good.code == 0 && good.said.contains("1 file could not be looked into"), "\(good)")
        let names = try FileManager.default.subpathsOfDirectory(atPath: world.program.repository).sorted()
        let newest = world.program.repository + "/" + (try #require(names.last { $0.hasSuffix(".age") }))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: newest))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: newest))
        let bad = try await world.program.run(verify)
        #expect(bad.code == 65 && bad.said.contains((newest as NSString).lastPathComponent), "\(bad)")
    }

    @Test func `a live database goes into the tree as a consistent copy`() async throws {
        let world = try world(ArchiveTests.openssl)
        let database = world.documents + "/state.db"
        let writer = try BusySQLite(at: database)
        defer { writer.stop() }
        try await world.backUp()
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["restored"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        let copy = world.folder["restored/documents"] + database
        let check = try await world.program.runTool(
            "sqlite3", copy, "PRAGMA integrity_check; SELECT sum(balance) FROM account;")
        #expect(check.output == "ok\n\(BusySQLite.total)\n", "\(check)")
        #expect(!FileManager.default.fileExists(atPath: copy + "-wal"))
    }

    @Test func `gpg encrypts to keys of the user's own ring`() async throws {
        var program = try HoldfastProgram("archive")
        program.environment["GNUPGHOME"] = program.folder["g"]
        let world = World(program: program)
        try world.folder.write("one\n", to: "documents/one.txt")
        let made = try await program.runTool(
            "sh", "-c",
            "mkdir -m700 g && gpg --batch --quiet --passphrase '' --quick-generate-key t@example.org default default never"
        )
        #expect(made.code == 0, "\(made)")
        try program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            repositories:
              local:
                archive: "\(program.repository)"
                encrypt: gpg
                recipients: [t@example.org]
            """)
        try await world.backUp()
        let verify = try await program.run("backup", "verify", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
        #expect(verify.said.contains("not authenticated"))
        let restore = try await program.run("restore", "latest", "--to", world.folder["restored"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        let same = try await world.differences(world.documents, world.folder["restored/documents"] + world.documents)
        #expect(same == "")
        try await program.runTool("gpgconf", "--kill", "all")
    }

    // MARK: - Faults

    private func folders(_ world: World) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: world.program.repository)
            .filter { $0 != ".holdfast-archive.json" }
    }

    @Test(arguments: ["partStored:kill", "manifestStored:kill", "partStored:term"])
    func `a run that was stopped leaves a whole run or none`(place: String) async throws {
        let world = try world(ArchiveTests.openssl)
        try await world.backUp()
        let stopped = try await world.program.run("backup", environment: ["HOLDFAST_FAILPOINT": place])
        #expect(stopped.code != 0, "\(stopped)")
        let isWhole = place.hasPrefix("manifest")
        let left = try folders(world)
        #expect(left.count { $0.hasPrefix(".incomplete-") } == (isWhole ? 0 : 1), "\(left)")
        #expect(left.count { !$0.hasPrefix(".") } == (isWhole ? 2 : 1), "\(left)")
        try await world.backUp()
        #expect(try await world.points().count == (isWhole ? 3 : 2))
        let prune = try await world.program.run("backup", "prune")
        #expect(prune.code == 0, "\(prune)")
        #expect(try folders(world).allSatisfy { !$0.hasPrefix(".") })
        let verify = try await world.program.run("backup", "verify", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
    }

    @Test func `killed in the middle of a stream, nothing that counts is left, and nothing goes on`() async throws {
        let world = try world(
            ArchiveTests.openssl,
            sources:
                "  dump: { command: { run: [sh, -c, \"seq 1 200000; touch FOLDER/streaming; sleep 60\"], name: n.txt } }"
        )
        let running = try world.program.start(["backup", "dump"])
        #expect(try await running.wait { FileManager.default.fileExists(atPath: world.folder["streaming"]) })
        running.signal(SIGKILL)
        _ = await running.result()
        let isGone = try await running.wait {
            let names = try FileManager.default.subpathsOfDirectory(atPath: world.program.repository)
            return !names.contains { $0.hasSuffix(".enc") }
        }
        #expect(isGone, "what keeps the file removes it when its input is no good")
        #expect(try folders(world).allSatisfy { $0.hasPrefix(".incomplete-") })
        #expect(try await world.points().isEmpty)
        let prune = try await world.program.run("backup", "prune")
        #expect(prune.code == 0, "\(prune)")
        #expect(try folders(world).isEmpty)
    }

    @Test func `a file that goes before tar comes to it makes the run partial`() async throws {
        let world = try world(ArchiveTests.openssl)
        try world.program.writeTool(
            "tar", "case \"$*\" in *--create*) rm -f '\(world.documents)/deep/two.txt';; esac; exec /usr/bin/tar \"$@\""
        )
        let result = try await world.program.run("backup", "--json")
        #expect(try result.record().text("outcome") == "partial", "\(result)")
        #expect(result.said.contains("two.txt"))
    }

    @Test func `a tar that fails, or leaves files out, makes no archive`() async throws {
        let world = try world(ArchiveTests.openssl)
        for script in [
            "/usr/bin/tar \"$@\"; exit 2", "/usr/bin/tar \"$@\" | head -c 1024; exit 0",
            "tr '\\0' '\\n' | head -n 2 | tr '\\n' '\\0' | /usr/bin/tar \"$@\"",
        ] {
            try world.program.writeTool(
                "tar", "case \"$*\" in *--create*) ;; *) exec /usr/bin/tar \"$@\";; esac\n" + script)
            let result = try await world.program.run("backup")
            #expect(result.code == 1, "\(script): \(result)")
            #expect(try folders(world).isEmpty, "\(script)")
        }
    }

    @Test(arguments: ["tar", "zstd", "openssl"])
    func `a program that is missing is named before a repository is made or anything is read`(
        program: String
    ) async throws {
        let world = try World("archives-tools")
        try world.program.writeProfile(
            """
            sources: { said: { command: [sh, -c, "touch \(world.folder["was-read"]); echo x"] } }
            repositories:
              local: { archive: "\(world.program.repository)", encrypt: openssl, password: env:RESTIC_PASSWORD }
              far: { archive: "rclone:nowhere:x", follows: local }
            """)
        for name in ["sh", "tar", "zstd", "openssl", "touch"] where name != program {
            let found = try await world.program.runTool("sh", "-c", "command -v \(name)")
            let place = found.output.trimmingCharacters(in: .newlines)
            try FileManager.default.createDirectory(
                atPath: world.folder["few"], withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: world.folder["few/\(name)"], withDestinationPath: place)
        }
        let run = try await world.program.run("backup", environment: ["PATH": world.folder["few"]])
        #expect(run.code == 69 && run.errors.contains("\(program) was not found"), "\(run)")
        #expect(!FileManager.default.fileExists(atPath: world.program.repository), "\(run)")
        #expect(!FileManager.default.fileExists(atPath: world.folder["was-read"]), "\(run)")
    }

    @Test func `a key that does not open it is told alike of a tree and of a dump`() async throws {
        let world = try World("archive-keys")
        for key in ["right", "wrong"] {
            let made = try await world.program.runTool("age-keygen", "-o", world.folder[key])
            #expect(made.code == 0, "\(made)")
        }
        let recipient = try await world.program.runTool("age-keygen", "-y", world.folder["right"])
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
              dump: { command: { run: [seq, "1", "50000"], name: numbers.txt } }
            repositories:
              local: { archive: "\(world.program.repository)", recipients: ["\(recipient.output.split(separator: "\n").last ?? "")"] }
            """)
        try await world.backUp()
        for source in ["documents", "dump"] {
            let words = ["restore", "latest", "--only", source, "--to", world.folder["back"], "--yes", "--identity"]
            let wrong = try await world.program.run(words + [world.folder["wrong"]])
            #expect(wrong.code == 12 && wrong.errors.contains("age has no key that opens"), "\(wrong)")
            let right = try await world.program.run(words + [world.folder["right"]])
            #expect(right.code == 0, "\(right)")
        }
        let cat = ["cat", "latest", world.documents + "/one.txt"]
        for words in [cat, ["find", "one.txt"], ["diff", "latest", "latest"], ["ls", "latest", "documents"]] {
            let looked = try await world.program.run(words + ["--identity", world.folder["right"]])
            #expect(looked.code == 0, "\(looked)")
        }
    }

    /// tar stores content once, under the first name that it meets.
    @Test func `a further name of a file is printed and restored alone, and what is no file is not printed`()
        async throws
    {
        let world = try world(ArchiveTests.openssl)
        let documents = world.documents
        try world.folder.write("shared\n", to: "documents/a/first")
        try FileManager.default.linkItem(atPath: documents + "/a/first", toPath: documents + "/second")
        try FileManager.default.createSymbolicLink(atPath: documents + "/link", withDestinationPath: "second")
        try await world.backUp()
        for name in ["/a/first", "/second"] {
            let cat = try await world.program.run("cat", "latest", documents + name)
            #expect(cat.code == 0 && cat.output == "shared\n", "\(cat)")
            let back = world.folder["back" + name.replacing("/", with: "-")]
            let restore = try await world.program.run(
                "restore", "latest", "--path", documents + name, "--to", back, "--yes")
            #expect(restore.code == 0, "\(restore)")
            #expect(
                try FileManager.default.subpathsOfDirectory(atPath: back + "/documents" + documents).sorted()
                    == (name == "/second" ? ["second"] : ["a", "a/first"]))
            let content = try String(contentsOfFile: back + "/documents" + documents + name, encoding: .utf8)
            #expect(content == "shared\n")
        }
        for name in ["/link", "/a"] {
            let cat = try await world.program.run("cat", "latest", documents + name)
            #expect(cat.code != 0 && cat.output.isEmpty && cat.errors.contains("is no file but a "), "\(cat)")
        }
    }
}
