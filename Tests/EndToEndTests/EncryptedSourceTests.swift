import Foundation
import TestSupport
import Testing

/// Sources that are encrypted for recipients of their own before they enter a repository, with the real age, gpg and restic.
@Suite(.enabled(if: !RealTools.restics.isEmpty))
struct EncryptedSourceTests {
    private typealias Scene = EncryptionScene
    private static let canary = EncryptionScene.canary

    // MARK: - Backup and restore

    @Test(.timeLimit(.minutes(3)), arguments: RealTools.oldestAndNewest)
    func `what is encrypted is nowhere in the clear, and comes back with its key and no other`(
        restic: RealTools.Restic
    ) async throws {
        let scene = try await Scene(
            restic: restic,
            """
              secrets: { files: [FOLDER/app], expect: { contains: [hub.env, "deep/it's odd.txt"], min-files: 2 }, \(Scene.file) }
              db: { sqlite: FOLDER/data.db, \(Scene.file) }
              dump: { command: { run: [sed, s/x/y/, FOLDER/app/hub.env], name: it.txt }, \(Scene.file) }
              plain: { files: FOLDER/documents }
            """)
        let (program, folder) = (scene.program, scene.folder)
        let made = try await program.runTool(
            "sqlite3", folder["data.db"], "create table t(a); insert into t values ('\(Self.canary)'), ('2')")
        #expect(made.code == 0, "\(made)")
        let watch = ProcessWatch(below: folder.path, needles: ["canary": Array(Self.canary.utf8)])
        let record = try await scene.world.backUp()
        let seen = watch.end()
        #expect(seen.leaks.isEmpty && seen.processes > 3, "\(seen)")
        #expect(record.text("outcome") == "succeeded", "\(record)")
        let parts = record.objects("parts")
        #expect(
            parts.map { $0.text("part") }.sorted() == [
                "/", "/command/it.txt.age", "/files/secrets.tar.age", "/sqlite/data.db.age",
            ])
        let encryption = try #require(parts.first { $0.text("source") == "secrets" }).object("encryption")
        #expect(encryption.object("recipients").texts("keys") == [scene.r1], "\(encryption)")

        for part in parts {
            let out = try await program.runTool(
                "restic", "-r", program.repository, "restore", part.text("snapshot"), "--target", folder["raw"],
                environment: ["RESTIC_PASSWORD": "correct horse"])
            #expect(out.code == 0, "\(out)")
        }
        #expect(try await scene.leaks() == [])
        let verify = try await program.run("backup", "verify", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
        let list = try await program.run("backup", "list")
        #expect(list.code == 0, "\(list)")

        let wrong = try await scene.restore("wrong", "--identity", folder["id2"])
        #expect(wrong.code == 12 && wrong.errors.contains("does not open"), "\(wrong)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder["wrong"]) == [])

        let right = try await scene.restore("right", "--identity", folder["id1"])
        #expect(right.code == 0 && right.said.contains("every file has its digest"), "\(right)")
        #expect(right.said.contains("2 rows"), "\(right)")
        let same = try await scene.world.differences(
            folder["app"], folder["right/secrets"] + folder["app"])
        #expect(same == "")
        let dump = try String(contentsOfFile: folder["right/dump/it.txt"], encoding: .utf8)
        #expect(dump == "KEY=\(Self.canary)\n")

        let none = try await scene.restore("none")
        #expect(none.code == 0, "\(none)")
        let file = folder["none/secrets/secrets.tar.age"]
        #expect(none.said.contains("age -d -i KEY \(file) | tar -x -C FOLDER"), "\(none)")
        let byHand = try await program.runTool(
            "sh", "-ec",
            """
            mkdir "$2"; age -d -i "$3" "$1" | tar -x -C "$2"
            cd "$2" && sha256sum --quiet -c .holdfast-sha256sums && grep -q canary app/hub.env
            """, "sh", file, folder["app/by-hand"], folder["id1"])
        #expect(byHand.code == 0, "\(byHand)")
        #expect(try await scene.leaks(besides: "right/") == [])
    }

    @Test func `the profile's identity opens it, and what is not encrypted any more restores beside it`() async throws {
        let scene = try await Scene(
            "  secrets: { files: FOLDER/app/hub.env, encrypt: { recipients-file: FOLDER/recipients.txt, identity: file:FOLDER/id1 } }"
        )
        try await scene.world.backUp()
        let restored = try await scene.restore("back")
        #expect(restored.code == 0, "\(restored)")
        #expect(FileManager.default.fileExists(atPath: scene.folder["back/secrets"] + scene.folder["app/hub.env"]))

        let kit = try await scene.program.run("kit")
        #expect(kit.code == 0, "\(kit)")
        try scene.folder.write(kit.output, to: "kit.sh")
        try scene.folder.write("correct horse", to: "password")
        let byHand = try await scene.program.runTool(
            "bash", scene.folder["kit.sh"],
            environment: [
                "TARGET": scene.folder["app/kit"], "PASSWORD_FILE": scene.folder["password"],
                "SOURCE_IDENTITY_FILE": scene.folder["id1"],
            ])
        #expect(byHand.code == 0, "\(kit)\n\(byHand)")
        #expect(try World.line(scene.folder["app/kit/secrets/hub.env"]) == "KEY=\(Self.canary)")
        let rehearsed = try await scene.program.run("kit", "rehearse")
        #expect(rehearsed.code == 0 && !rehearsed.said.contains("not opened"), "\(rehearsed)")
        #expect(!rehearsed.said.contains(Self.canary))

        try scene.write("  secrets: { files: FOLDER/app/hub.env }")
        let refused = try await scene.program.run("backup")
        #expect(refused.code == 65, "\(refused)")
        #expect(refused.said.contains("does not encrypt it any more"), "\(refused)")
        #expect(try await scene.leaks(besides: "back/") == [])
        let accepted = try await scene.program.run("key", "rotate", "secrets", "--yes")
        #expect(accepted.code == 0, "\(accepted)")
        try await scene.world.backUp()
        #expect(try await scene.restore("plain").code == 0)
        let points = try await scene.world.points()
        let old = try await scene.program.run(
            "restore", points.last ?? "", "--to", scene.folder["old"], "--yes", "--identity", scene.folder["id1"])
        #expect(old.code == 0, "\(old)")
        #expect(FileManager.default.fileExists(atPath: scene.folder["old/secrets"] + scene.folder["app/hub.env"]))
    }

    @Test func `gpg encrypts for a key of the ring and for nobody that its configuration adds`() async throws {
        var program = try HoldfastProgram("encrypt")
        program.environment["GNUPGHOME"] = program.folder["g"]
        let world = World(program: program)
        try QuickRepository.lay(at: program.repository)
        try world.folder.write("KEY=\(Self.canary)\n", to: "app/hub.env", mode: 0o600)
        let made = try await program.runTool(
            "sh", "-ec",
            """
            mkdir -m700 g; for n in a b; do
            gpg --batch --quiet --passphrase '' --quick-generate-key $n@example.org default default never; done
            echo 'encrypt-to b@example.org' >g/gpg.conf
            """)
        #expect(made.code == 0, "\(made)")
        try world.writeProfile(
            "  secrets: { files: \"\(world.folder["app"])\", encrypt: { gpg: a@example.org } }\n"
                + "  dump: { command: { run: [seq, \"1\", \"9\"] }, encrypt: { gpg: a@example.org } }")
        let record = try await world.backUp()
        let part = try #require(record.objects("parts").first { $0.text("source") == "secrets" })
        #expect(part.text("part") == "/files/secrets.tar.gpg")
        let keys = part.object("encryption").object("recipients").texts("keys")
        #expect(keys.count == 1 && keys[0].count == 40, "\(keys)")
        let restored = try await program.run("restore", "latest", "--to", world.folder["back"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        let same = try await world.differences(
            world.folder["app"], world.folder["back/secrets"] + world.folder["app"])
        #expect(same == "")

        // Without the secret halves it is put down, and it is for one key only.
        let moved = try await program.runTool("sh", "-c", "gpgconf --kill all; mv g/private-keys-v1.d kept")
        #expect(moved.code == 0, "\(moved)")
        let none = try await program.run("restore", "latest", "--to", world.folder["none"], "--yes")
        #expect(none.code == 0 && none.said.contains("gpg --decrypt"), "\(none)")
        let packets = try await program.runTool(
            "sh", "-c", "gpg --batch --list-packets --list-only \"$1\" | grep -c pubkey", "sh",
            world.folder["none/secrets/secrets.tar.gpg"])
        #expect(packets.output == "1\n", "\(packets)")

        // Another key with the same name is no way in.
        let swapped = try await program.runTool(
            "sh", "-ec",
            """
            mv kept g/private-keys-v1.d; gpg --batch --yes --delete-secret-and-public-key "$1" 2>/dev/null
            gpg --batch --quiet --passphrase '' --quick-generate-key a@example.org default default never
            """, "sh", keys[0])
        #expect(swapped.code == 0, "\(swapped)")
        let refused = try await program.run("backup")
        #expect(refused.code == 65 && refused.said.contains("key rotate"), "\(refused)")
        try await program.runTool("gpgconf", "--kill", "all")
    }

    @Test(.enabled(if: PrivatePostgres.programs != nil && geteuid() == 0), .timeLimit(.minutes(3)))
    func `databases, live ones and what git does not have come back from what was encrypted`() async throws {
        let postgres = try PrivatePostgres.shared.get()
        let name = "encrypt_\(UUID().uuidString.prefix(8).lowercased())"
        try postgres.makeDatabase(name, "CREATE TABLE t AS SELECT generate_series(1, 5000) n, '\(Self.canary)' s;")
        let scene = try await Scene(
            """
              pg:
                postgres: { database: \(name), user: \(postgres.superuser), host: "\(postgres.socketFolder)" }
                \(Scene.file)
              tree: { git-untracked: FOLDER/app/tree, \(Scene.file) }
              live: { files: FOLDER/app/live, \(Scene.file) }
            """)
        let tree = try await scene.program.runTool(
            "sh", "-ec", "git init -q app/tree; cp app/hub.env app/tree/.env; mkdir app/live; cp app/hub.env app/live/")
        #expect(tree.code == 0, "\(tree)")
        let writer = try BusySQLite(at: scene.folder["app/live/state.db"])
        defer { writer.stop() }
        try await scene.world.backUp()
        #expect(try await scene.leaks() == [])
        let new = name + "_new"
        let restored = try await scene.program.run([
            "restore", "latest", "--to", scene.folder["back"], "--yes", "--into", "pg=\(new)", "--identity",
            scene.folder["id1"],
        ])
        #expect(restored.code == 0 && restored.said.contains("5000 rows"), "\(restored)")
        let env = scene.folder["back/tree"] + scene.folder["app/tree/.env"]
        #expect(try World.line(env) == "KEY=\(Self.canary)")
        let check = try await scene.program.runTool(
            "sqlite3", scene.folder["back/live"] + scene.folder["app/live/state.db"],
            "PRAGMA integrity_check; SELECT sum(balance) FROM account;")
        #expect(check.output == "ok\n\(BusySQLite.total)\n", "\(check)")
        let wrong = try await scene.program.run([
            "restore", "latest", "--to", scene.folder["wrong"], "--yes", "--only", "pg", "--into", "pg=\(new)_2",
            "--identity", scene.folder["id2"],
        ])
        #expect(wrong.code == 12, "\(wrong)")
        for made in [name, new] { _ = try postgres.sql("DROP DATABASE \(made)") }
    }

    @Test(.enabled(if: geteuid() == 0))
    func `an ordinary user's is encrypted as well, and what may be unreadable is told by its path`() async throws {
        let world = try OrdinaryUser.world("encrypt-user")
        let keys = try await world.program.runTool(
            "sh", "-ec", "cd \"$1\"; age-keygen -o id 2>/dev/null; age-keygen -y id >r; mkfifo documents/pipe", "sh",
            world.folder.path)
        #expect(keys.code == 0, "\(keys)")
        try world.folder.write("x", to: "documents/locked", mode: 0)
        func write(_ more: String) throws {
            try world.writeProfile(
                """
                  secrets:
                    files: "\(world.documents)"
                    encrypt: { recipients-file: "\(world.folder["r"])", identity: "file:\(world.folder["id"])" }
                    \(more)
                """)
        }
        try write("")
        try OrdinaryUser.give(world)
        let partial = try await world.program.run("backup")
        #expect(partial.code == 3, "\(partial)")
        try write("unreadable: { tolerate: [\"\(world.documents)/locked\"] }")
        try OrdinaryUser.give(world)
        try await world.backUp()
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["home/back"], "--yes")
        #expect(restore.code == 0 && restore.said.contains("every file has its digest"), "\(restore)")
    }

    // MARK: - Archives

    @Test func `an archive repository has it encrypted twice, and its own recipients are pinned too`() async throws {
        let scene = try await Scene("  secrets: { files: FOLDER/app, \(Scene.file) }")
        let (program, folder) = (scene.program, scene.folder)
        try FileManager.default.copyItem(atPath: folder["r2"], toPath: folder["archive.txt"])
        try program.writeProfile(
            """
            sources:
              secrets: { files: FOLDER/app, \(Scene.file) }
              dump: { command: { run: [cat, FOLDER/app/hub.env], name: it.txt }, \(Scene.file) }
            repositories:
              local: { archive: FOLDER/archives, recipients-file: FOLDER/archive.txt, identity: file:FOLDER/id2 }
            """.replacingOccurrences(of: "FOLDER", with: folder.path))
        try await scene.world.backUp()
        let opened = try await program.runTool(
            "sh", "-ec",
            "for f in archives/2*/*.age; do age -d -i id2 \"$f\" | zstd -d | head -c 21; echo; done")
        #expect(opened.output == "age-encryption.org/v1\nage-encryption.org/v1\n", "\(opened)")
        let verify = try await program.run("backup", "verify", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
        let restored = try await scene.restore("back", "--identity", folder["id1"])
        #expect(restored.code == 0, "\(restored)")
        let same = try await scene.world.differences(folder["app"], folder["back/secrets"] + folder["app"])
        #expect(same == "")
        #expect(try await scene.leaks(besides: "back/") == [])

        // Its own recipients, with the state and without.
        try FileManager.default.removeItem(atPath: folder["archive.txt"])
        try FileManager.default.copyItem(atPath: folder["r1"], toPath: folder["archive.txt"])
        let refused = try await program.run("backup")
        #expect(refused.code == 65 && refused.said.contains("key rotate local"), "\(refused)")
        for name in ["state", "cache"] { try FileManager.default.removeItem(atPath: folder[name]) }
        let lost = try await program.run("backup")
        #expect(lost.code == 65 && lost.said.contains("key rotate local"), "\(lost)")
        let rotated = try await program.run("key", "rotate", "local", "--yes")
        #expect(rotated.code == 0 && rotated.output.contains("the profile keeps everything"), "\(rotated)")
        try await scene.world.backUp()
    }

    // MARK: - Faults

    @Test(arguments: ["age", "tar"])
    func `a program of the chain that dies half way leaves nothing that counts`(program name: String) async throws {
        let scene = try await Scene("  secrets: { files: FOLDER/app, \(Scene.file) }")
        let noise = try await scene.program.runTool(
            "dd", "if=/dev/urandom", "of=\(scene.folder["app/big"])", "bs=1M", "count=3")
        #expect(noise.code == 0)
        try await scene.world.backUp()
        let count = try scene.snapshots()
        // Cut off with a bad end, and with a good one.
        for (rest, words) in [
            ("head -c 1000000; exit 1", "\(name) failed"), ("head -c 1000000; kill -9 $$", "\(name) failed"),
            ("{ head -c 1000000; cat >/dev/null; }; exit 0", "error"),
        ] {
            try scene.program.writeTool(
                name,
                """
                case "$(readlink /proc/self/fd/0) $*" in
                    /dev/null*|*--version*|*--extract*) exec /usr/bin/\(name) "$@";;
                esac
                /usr/bin/\(name) "$@" | \(rest)
                """)
            let result = try await scene.program.run("backup")
            #expect(result.code == 1 && result.said.contains(words), "\(result)")
            #expect(try scene.snapshots() == count)
        }
        try FileManager.default.removeItem(atPath: scene.program.toolFolder + "/" + name)
        try await scene.world.backUp()
        #expect(try await scene.world.points().count == 2)
    }

    @Test func `a backup that is killed while it encrypts leaves nothing that counts`() async throws {
        let scene = try await Scene(
            """
              secrets: { files: FOLDER/app, \(Scene.file) }
              dump: { command: { run: [sh, -c, "cat FOLDER/app/hub.env; touch FOLDER/begun; sleep 60; echo end"] }, \(Scene.file) }
            """)
        for signal in [SIGKILL, SIGTERM] {
            try? FileManager.default.removeItem(atPath: scene.folder["begun"])
            let running = try scene.program.start(["backup"])
            while !FileManager.default.fileExists(atPath: scene.folder["begun"]) {
                try await Task.sleep(for: .milliseconds(20))
            }
            running.signal(signal)
            _ = await running.result()
            try await Task.sleep(for: .milliseconds(500))
            #expect(try await scene.world.points() == [])
        }
        let recovered = try await scene.program.run("recover")
        #expect(recovered.code == 0, "\(recovered)")
        #expect(try await scene.leaks() == [])
        let scratch = FileManager.default.subpaths(atPath: scene.folder["cache/sealed"]) ?? []
        try scene.write("  secrets: { files: FOLDER/app, \(Scene.file) }")
        try await scene.world.backUp()
        #expect((FileManager.default.subpaths(atPath: scene.folder["cache/sealed"]) ?? []).isEmpty, "\(scratch)")
    }

    @Test func `without age nothing is stored, and doctor says so`() async throws {
        let scene = try await Scene("  secrets: { files: FOLDER/app, \(Scene.file) }")
        let linked = try await scene.program.runTool(
            "sh", "-ec",
            "mkdir few; for p in tar sh sqlite3 true; do ln -s \"$(command -v $p)\" few/$p; done; ln -s \"$(command -v restic)\" few/restic"
        )
        #expect(linked.code == 0, "\(linked)")
        let environment = ["PATH": scene.folder["few"]]
        let backup = try await scene.program.run("backup", environment: environment)
        #expect(backup.code == 69 && backup.said.contains("age was not found"), "\(backup)")
        #expect(try scene.snapshots() == 0)
        let doctor = try await scene.program.run("doctor", environment: environment)
        #expect(doctor.code == 69 && doctor.said.contains("apt install age"), "\(doctor)")
    }

    // MARK: - Profiles

    @Test(arguments: [
        ("encrypt: {}", 5, "names no recipient"),
        ("encrypt: { age: [] }", 5, "names no recipient"),
        ("encrypt: { age: \"${NOBODY:-}\" }", 5, "names no recipient"),
        ("encrypt: { age: [me@example.org] }", 5, "no recipient of age"),
        ("encrypt: { age: [age1x], gpg: [F] }", 5, "not by both"),
        ("encrypt: { gpg: [F], identity: file:/k }", 5, "goes with age"),
        ("encrypt: { age: [AGE-SECRET-KEY-1ABC] }", 5, "secret half"),
        ("encrypt: { aeg: [age1x] }", 5, "aeg"),
    ])
    func `an entry that encrypts for nobody is an error with its place`(entry: String, line: Int, words: String)
        async throws
    {
        let world = try World("encrypt")
        try world.program.writeProfile(
            "sources:\n  secrets:\n    files: /srv\n    \(entry)\nrepositories:\n  local: { restic: /x, password: env:RESTIC_PASSWORD }"
        )
        let check = try await world.program.run("profile", "check", world.folder["config/test.yaml"])
        #expect(check.code == 78, "\(check)")
        #expect(check.said.contains("test.yaml:\(line):") && check.said.contains(words), "\(check)")
        #expect(!check.said.contains("1ABC"))
    }
}
