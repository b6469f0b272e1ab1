import Foundation
import TestSupport
import Testing

/// Archive files that stand alone, restored without any profile: what the old shell pipeline made, what Holdfast makes, and
/// what somebody made who means harm.
@Suite("Restoring an archive file")
struct ArchiveRestoreTests {
    struct Bench {
        let program: HoldfastProgram
        var folder: ScratchFolder { program.folder }
        /// As the old script named them.
        let name = "hermes-backup-20260415-030000"
        var archive: String { folder["\(name).tar.gz.enc"] }
        var manifest: String { folder["\(name).json"] }

        init(_ label: String) throws {
            program = try HoldfastProgram("archive-\(label)", restic: nil)
            try folder.write("correct horse\n", to: "pass")
        }

        @discardableResult
        func shell(_ script: String) async throws -> HoldfastProgram.Result {
            try await program.runTool(
                "/bin/bash", "-o", "pipefail", "-ec", script,
                environment: ["H": program.path, "NAME": name, "GNUPGHOME": folder["gnupg"]])
        }

        /// The archive that the old pipeline makes of `.hermes`, with its manifest.
        func makeOld() async throws {
            let made = try await shell(
                """
                mkdir -p home/.hermes/sessions home/.hermes/cron && cd home/.hermes
                echo 'model: x' > config.yaml; head -c 300000 /dev/urandom > state.db; seq 1000 > sessions/one
                ln -s /usr/bin/python3 python; ln config.yaml again; chmod 700 cron; cd ../..
                tar -czf plain.tar.gz -C home .hermes
                openssl enc -aes-256-cbc -salt -pbkdf2 -pass file:pass -in plain.tar.gz -out $NAME.tar.gz.enc
                """)
            try #require(made.code == 0, "\(made)")
            try await writeManifest()
        }

        func writeManifest() async throws {
            let made = try await shell(
                """
                printf '{"archive": "%s", "archive_sha256": "%s", "created_at": "x"}' $NAME.tar.gz.enc \
                    "$(sha256sum < $NAME.tar.gz.enc | cut -d' ' -f1)" > $NAME.json
                """)
            try #require(made.code == 0, "\(made)")
        }

        /// Encrypts a tar of the test's own, as the old pipeline did.
        func makeOld(of tar: TarBuilder) async throws {
            try folder.write(Data(tar.archive), to: "own.tar")
            let made = try await shell(
                "gzip -c own.tar | openssl enc -aes-256-cbc -salt -pbkdf2 -pass file:pass > $NAME.tar.gz.enc")
            try #require(made.code == 0, "\(made)")
            try await writeManifest()
        }

        func restore(_ arguments: String...) async throws -> HoldfastProgram.Result {
            try await program.run(
                ["restore", "--archive", archive, folder["out"]] + arguments,
                environment: ["BACKUP_PASSPHRASE_FILE": folder["pass"]])
        }

        /// Nothing at all, not even the folder.
        func expectNothing(_ result: HoldfastProgram.Result) {
            #expect(!FileManager.default.fileExists(atPath: folder["out"]), "\(result)")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `an archive of the old shell pipeline comes back as it was, verified first`() async throws {
        let bench = try Bench("old")
        try await bench.makeOld()
        let result = try await bench.restore()
        #expect(result.code == 0 && result.output.hasPrefix("restored 3 files"), "\(result)")
        #expect(result.errors.contains("verified") && !result.errors.contains("warning"), "\(result)")
        let same = try await bench.shell(
            "diff -r --no-dereference home out && test \"$(ls -A out)\" = .hermes && stat -c %a out/.hermes/cron && test out/.hermes/again -ef out/.hermes/config.yaml"
        )
        #expect(same.code == 0 && same.output == "700\n", "\(same)")
        let again = try await bench.restore()
        #expect(
            again.code == 64 && again.errors.contains("out/.hermes is there already, and nothing was restored"),
            "\(again)")
        #expect(try await bench.shell("diff -r --no-dereference home out").code == 0)

        let document = try await bench.program.run(
            "restore", "--archive", bench.archive, "--to", bench.folder["else"], "--password-file",
            bench.folder["pass"],
            "--json"
        ).document()
        #expect(document["files"] as? Int == 3 && document["entries"] as? Int == 8, "\(document)")
        #expect((document["manifest"] as? String)?.hasSuffix("\(bench.name).json") == true)
        let dry = try await bench.program.run(
            "restore", "--archive", bench.archive, "--dry-run", "--password-file", bench.folder["pass"])
        #expect(dry.code == 0 && dry.output.contains("nothing was restored"), "\(dry)")
    }

    @Test(.timeLimit(.minutes(2)), .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/age")))
    func `archives of every compression and encryption come back, with the digests inside compared`() async throws {
        let bench = try Bench("forms")
        try await bench.makeOld()
        let made = try await bench.shell(
            """
            tar -cf - -C home .hermes | "$H" stream digest-tar > a.tar
            gzip -c a.tar > a.tar.gz; zstd -q -c a.tar > a.tar.zst
            openssl enc -aes-256-cbc -salt -pbkdf2 -pass file:pass < a.tar > a.tar.enc
            openssl enc -aes-256-cbc -salt -pbkdf2 -pass file:pass < a.tar.zst > a.tar.zst.enc
            age-keygen -o identity 2> /dev/null; chmod 600 identity
            age -r "$(age-keygen -y identity)" < a.tar.zst > a.tar.zst.age
            mkdir -m 700 gnupg
            gpg --batch --pinentry-mode loopback --passphrase-file pass --symmetric < a.tar.gz > a.tar.gz.gpg
            age-keygen -o wrong 2> /dev/null; chmod 600 wrong; echo wrong > wrongpass; chmod 600 wrongpass
            """)
        try #require(made.code == 0, "\(made)")
        for name in ["a.tar", "a.tar.gz", "a.tar.zst", "a.tar.enc", "a.tar.zst.enc", "a.tar.zst.age", "a.tar.gz.gpg"] {
            let keys =
                name.hasSuffix("age")
                ? ["--identity", bench.folder["identity"]]
                : ["--password-file", bench.folder["pass"]]
            let result = try await bench.program.run(
                ["restore", "--archive", bench.folder[name], bench.folder["out-\(name)"]] + keys,
                environment: ["GNUPGHOME": bench.folder["gnupg"]])
            #expect(result.code == 0, "\(name): \(result)")
            #expect(result.errors.contains("no manifest lies beside"), "\(result)")
            #expect(result.errors.contains("openssl does not detect damage") == name.hasSuffix("enc"), "\(result)")
            let same = try await bench.shell("diff -r --no-dereference home out-\(name)")
            #expect(same.code == 0, "without the list of digests: \(same)")
        }
        for (name, keys) in [
            ("a.tar.zst.age", ["--identity", bench.folder["wrong"]]),
            ("a.tar.gz.gpg", ["--password-file", bench.folder["wrongpass"]]),
            ("a.tar.enc", ["--password-file", bench.folder["wrongpass"]]),
        ] {
            let result = try await bench.program.run(
                ["restore", "--archive", bench.folder[name], bench.folder["out"]] + keys,
                environment: ["GNUPGHOME": bench.folder["gnupg"]])
            #expect(result.code == 12, "\(name): \(result)")
            bench.expectNothing(result)
        }
        // A flipped bit in what notices it itself, and no manifest that would.
        for name in ["a.tar.zst.age", "a.tar.gz.gpg", "a.tar.zst"] {
            var bytes = try Data(contentsOf: URL(fileURLWithPath: bench.folder[name]))
            bytes[bytes.count / 2] ^= 1
            try bench.folder.write(bytes, to: "flipped-\(name)")
            let keys =
                name.hasSuffix("age")
                ? ["--identity", bench.folder["identity"]]
                : ["--password-file", bench.folder["pass"]]
            let result = try await bench.program.run(
                ["restore", "--archive", bench.folder["flipped-\(name)"], bench.folder["out"]] + keys,
                environment: ["GNUPGHOME": bench.folder["gnupg"]])
            #expect(result.code == 65, "\(name): \(result)")
            bench.expectNothing(result)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a wrong passphrase is told from a damaged file`() async throws {
        let bench = try Bench("wrong")
        try await bench.makeOld()
        try bench.folder.write("wrong\n", to: "pass")
        let wrong = try await bench.restore()
        #expect(wrong.code == 12 && wrong.errors.contains("this is not the passphrase of"), "\(wrong)")
        bench.expectNothing(wrong)
        let none = try await bench.program.run("restore", "--archive", bench.archive, bench.folder["out"])
        #expect(none.code == 64 && none.errors.contains("BACKUP_PASSPHRASE_FILE"), "\(none)")
        bench.expectNothing(none)
        try bench.folder.write("correct horse\n", to: "pass", mode: 0o644)
        let open = try await bench.restore()
        #expect(open.code == 78 && open.errors.contains("opens it to everybody"), "\(open)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `a flipped bit, a truncated file and a swapped manifest are found before anything is decrypted`() async throws
    {
        let bench = try Bench("damaged")
        try await bench.makeOld()
        // Whoever decrypts would be seen.
        try bench.program.writeTool("openssl", "touch '\(bench.folder["decrypted"])'; exec /usr/bin/openssl \"$@\"")
        let whole = try Data(contentsOf: URL(fileURLWithPath: bench.archive))
        for (what, change) in [
            ("flipped", { (bytes: inout Data) in bytes[bytes.count / 2] ^= 1 }),
            ("truncated", { (bytes: inout Data) in bytes.removeLast(16) }),
            ("empty", { (bytes: inout Data) in bytes = Data() }),
        ] as [(String, (inout Data) -> Void)] {
            var bytes = whole
            change(&bytes)
            try bytes.write(to: URL(fileURLWithPath: bench.archive))
            let result = try await bench.restore()
            #expect(result.code == 65, "\(what): \(result)")
            #expect(result.errors.contains("is not the file that its manifest speaks of"), "\(result)")
            bench.expectNothing(result)
        }
        try whole.write(to: URL(fileURLWithPath: bench.archive))
        let digest = String(repeating: "0a", count: 32)
        for (manifest, words) in [
            ("{\"sha256\": \"\(digest)\"}", "is not the file that its manifest speaks of"),
            ("{\"created\": 1}", "has no SHA-256 of"), ("", "is damaged: it is no JSON object"),
            ("{\"files\": [{\"name\": \"\(bench.name).tar.gz.enc\", \"sha256\": \"\(digest)\"}]}", "is not the file"),
        ] {
            try bench.folder.write(manifest, to: "\(bench.name).json")
            let result = try await bench.restore()
            #expect(result.code == 65 && result.errors.contains(words), "\(manifest): \(result)")
            bench.expectNothing(result)
        }
        #expect(!FileManager.default.fileExists(atPath: bench.folder["decrypted"]))
    }

    @Test(.timeLimit(.minutes(2)))
    func `without a manifest, a damaged file of the old pipeline leaves nothing either`() async throws {
        let bench = try Bench("alone")
        try await bench.makeOld()
        try FileManager.default.removeItem(atPath: bench.manifest)
        let whole = try Data(contentsOf: URL(fileURLWithPath: bench.archive))
        for (what, change) in [
            ("flipped", { (bytes: inout Data) in bytes[bytes.count / 2] ^= 1 }),
            ("a block short", { (bytes: inout Data) in bytes.removeLast(16) }),
            ("half", { (bytes: inout Data) in bytes.removeLast(bytes.count / 2) }),
        ] as [(String, (inout Data) -> Void)] {
            var bytes = whole
            change(&bytes)
            try bytes.write(to: URL(fileURLWithPath: bench.archive))
            let result = try await bench.restore()
            #expect(result.code == 65, "\(what): \(result)")
            #expect(result.errors.contains("nothing was verified, and openssl does not detect damage"), "\(result)")
            bench.expectNothing(result)
        }
    }

    static let escapes: [(what: String, tar: TarBuilder, words: String)] = [
        ("..", TarBuilder().adding(".hermes/../../evil", content: "x"), "leads out of its folder, by `..`"),
        (
            "an absolute path", TarBuilder().adding("/tmp/evil", content: "x"),
            "leads out of its folder: an absolute path"
        ),
        (
            "a symbolic link",
            TarBuilder().adding("out", type: "2", link: "/tmp").adding("out/evil", content: "x"),
            "through a symbolic link of the archive"
        ),
        (
            "a hard link", TarBuilder().adding("a", type: "1", link: "../../etc/shadow"),
            "is a hard link to something outside"
        ),
        ("a device", TarBuilder().adding("sda", type: "4"), "is a device"),
        ("a pipe", TarBuilder().adding("fifo", type: "6"), "is a pipe"),
    ]

    @Test(.timeLimit(.minutes(2)), arguments: escapes.indices)
    func `an archive that would leave the target is refused before anything is written`(index: Int) async throws {
        let (what, tar, words) = Self.escapes[index]
        let bench = try Bench("escape")
        try await bench.makeOld(of: TarBuilder().adding("good", content: "x").adding("empty/", type: "5"))
        let good = try await bench.restore()
        #expect(good.code == 0, "\(good)")
        try FileManager.default.removeItem(atPath: bench.folder["out"])
        try await bench.makeOld(of: tar)
        let result = try await bench.restore()
        #expect(result.code == 65 && result.errors.contains(words), "\(what): \(result)")
        bench.expectNothing(result)
    }

    @Test(.timeLimit(.minutes(2)), .enabled(if: geteuid() == 0))
    func `a full disk leaves the target as it was, and ends with 74`() async throws {
        let bench = try Bench("full")
        try await bench.makeOld()
        let disk = try TemporaryFileSystem(at: bench.folder["out"], kibibytes: 200)
        defer { disk.unmount() }
        try bench.folder.write("mine", to: "out/other")
        let result = try await bench.restore()
        #expect(result.code == 74 && result.errors.contains("No space left on device"), "\(result)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder["out"]) == ["other"])
    }

    @Test(.timeLimit(.minutes(2)))
    func `the old script's call works as it did`() async throws {
        let bench = try Bench("script")
        try await bench.makeOld()
        try bench.program.writeTool("holdfast", "exec '\(bench.program.path)' \"$@\"")
        let restored = try await bench.shell(
            """
            BACKUP_PASSPHRASE_FILE=$PWD/pass bash '\(RealTools.packageRoot)/profiles/hermes/restore_backup.sh' \
                $NAME.tar.gz.enc out && diff -r --no-dereference home out
            """)
        #expect(restored.code == 0 && restored.output.contains("restored 3 files"), "\(restored)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `one that is interrupted leaves the target as it was`() async throws {
        let bench = try Bench("interrupted")
        try await bench.makeOld()
        try bench.program.writeTool("tar", "cat > /dev/null; touch '\(bench.folder["unpacking"])'; exec sleep 60")
        let running = try bench.program.start(
            ["restore", "--archive", bench.archive, bench.folder["out"], "--password-file", bench.folder["pass"]])
        let unpacking = bench.folder["unpacking"]
        #expect(try await running.wait { FileManager.default.fileExists(atPath: unpacking) })
        #expect(FileManager.default.fileExists(atPath: bench.folder["out"]))
        running.signal(SIGINT)
        let result = await running.result()
        #expect(result.code == 130, "\(result)")
        bench.expectNothing(result)
    }

    @Test(.timeLimit(.minutes(2)))
    func `what does not fit together on the command line is said, and names without endings too`() async throws {
        let bench = try Bench("usage")
        try bench.folder.write("x", to: "backup.zip")
        for (arguments, words) in [
            (["--archive", bench.folder["backup.zip"], bench.folder["out"]], "does not say what it is"),
            (["--archive", bench.archive], "into which folder?"),
            (["--archive", bench.archive, "a", "--to", "b"], "name the folder once"),
            (["--archive", bench.archive, "a", "--exact"], "--archive goes with"),
            (["latest", "--password-file", "x"], "go with --archive"),
        ] {
            let result = try await bench.program.run(["restore"] + arguments)
            #expect(result.code == 64 && result.errors.contains(words), "\(result)")
        }
        let missing = try await bench.program.run("restore", "--archive", bench.archive, bench.folder["out"])
        #expect(missing.code == 1 && missing.errors.contains("cannot be opened: No such file"), "\(missing)")
    }
}
