import Foundation
import TestSupport
import Testing

/// The profile that is shipped for one operator's chat hub, held to the acceptance list that came with it.
@Suite(
    "The hapi profile",
    .enabled(if: geteuid() == 0 && !RealTools.restics.isEmpty, "mounting a disk of its own for the backups needs root"))
struct HapiTests {
    private struct Host {
        var world: World
        let disk: TemporaryFileSystem
        let hub: BusySQLite

        init() async throws {
            var program = try HoldfastProgram("hapi")
            let folder = program.folder
            program.environment["HAPI_BACKUP_REPOSITORY"] = folder["disk/hapi"]
            program.environment["HAPI_VOICE"] = "yes"
            let profile = try String(contentsOfFile: RealTools.packageRoot + "/profiles/hapi.yaml", encoding: .utf8)
            try folder.write(profile, to: "config/hapi.yaml")
            try folder.write("a password of words\n", to: "home/.config/holdfast/hapi.password")
            try folder.write("JWT_SECRET=CANARY-of-hapi\n", to: "home/.hapi/hub.env")
            try folder.write("{\"layers\": 3}\n", to: "home/.hapi/driver-status.json")
            try folder.write("layers: [a, b]\n", to: "home/.config/hapi/driver-manifest.yaml")
            try folder.write("RIFF\n", to: "home/voice-test-output/one.wav")
            world = World(program: program)
            disk = try TemporaryFileSystem(at: folder["disk"], kibibytes: 64 << 10)
            // In use, with its -wal and -shm, all through the test.
            hub = try BusySQLite(at: folder["home/.hapi/hapi.db"])
            let made = try await program.runTool(
                "bash", "-ec",
                """
                cd "$HOME"; age-keygen -o ../key.age 2>/dev/null; age-keygen -y ../key.age > .config/holdfast/recipients.txt
                export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
                mkdir -p coding/hapi/docs/plans; cd coding/hapi; git init --quiet --initial-branch=main
                echo tracked > docs/plans/tracked.md; git add .; git commit --quiet --message=first
                echo handoff > docs/plans/handoff.md; chmod 640 docs/plans/handoff.md
                """)
            #expect(made.code == 0, "\(made)")
        }

        func end() {
            hub.stop()
            disk.unmount()
        }
    }

    @Test(.timeLimit(.minutes(4))) func `what is on the list is backed up, and a drill proves the sessions`()
        async throws
    {
        let host = try await Host()
        defer { host.end() }
        let (program, folder) = (host.world.program, host.world.folder)
        let backup = try await program.run("backup", "--json")
        let record = try backup.record()
        #expect(backup.code == 0 && record.text("outcome") == "succeeded", "\(backup)")
        let sources = Set(record.objects("parts").map { $0.text("source") })
        #expect(sources.isSuperset(of: ["sessions", "settings", "secrets", "plans", "voice"]), "\(sources)")
        host.hub.stop()

        // The keys are encrypted for somebody whose key is not here, inside a repository that is encrypted too.
        var restic = program
        restic.environment["RESTIC_PASSWORD_FILE"] = folder["home/.config/holdfast/hapi.password"]
        restic.environment["RESTIC_PASSWORD"] = nil
        let inside = try await restic.runTool(
            "sh", "-c",
            "restic -r \"$1\" ls latest >/dev/null && for s in $(restic -r \"$1\" snapshots --json | grep -o '\"short_id\":\"[0-9a-f]*' | cut -d'\"' -f4); do restic -r \"$1\" dump $s / ; done | grep -c CANARY",
            "sh", folder["disk/hapi"])
        #expect(inside.output == "0\n", "\(inside)")

        // To a scratch path, opened with sqlite3: what was counted while it was taken is there.
        let counted = try #require(
            record.objects("parts").first { $0.text("source") == "sessions" }?.object("facts").object("rows"))
        let restore = try await program.run(
            "restore", "latest", "--to", folder["scratch"], "--yes", "--identity", folder["key.age"])
        #expect(restore.code == 0, "\(restore)")
        let database = try await program.runTool("find", folder["scratch"], "-name", "hapi.db")
        let path = database.output.trimmingCharacters(in: .newlines)
        let check = try await program.runTool(
            "sqlite3", path, "PRAGMA integrity_check; SELECT count(*) FROM account;")
        #expect(check.output == "ok\n\(counted.number("account"))\n", "\(check) \(counted)")
        for (file, text) in [
            ("hub.env", "JWT_SECRET=CANARY-of-hapi\n"), ("handoff.md", "handoff\n"), ("one.wav", "RIFF\n"),
            ("driver-manifest.yaml", "layers: [a, b]\n"),
        ] {
            let found = try await program.runTool("find", folder["scratch"], "-name", file, "-exec", "cat", "{}", ";")
            #expect(found.output == text, "\(file): \(found)")
        }
        try await drill(host, sessions: counted.number("account"))
        let verify = try await program.run("backup", "verify", "--data", "100%")
        #expect(verify.code == 0, "\(verify)")
        let prune = try await program.run("backup", "prune")
        #expect(prune.code == 0, "\(prune)")
        #expect(try await program.run("backup", "list").output.contains(record.text("run")))
    }

    /// The drill of the list: to a scratch path, opened, and the count of sessions compared.
    private func drill(_ host: Host, sessions: Int) async throws {
        let (program, folder) = (host.world.program, host.world.folder)
        let scheduled = try await program.run("drill", "--json")
        #expect(scheduled.code == 0, "\(scheduled)")
        let parts = try scheduled.record().object("drill").objects("parts")
        let proofs = parts.first { $0.text("source") == "sessions" }?.texts("proofs") ?? []
        #expect(proofs.contains("integrity check passed") && proofs.contains { $0.contains("rows") }, "\(proofs)")
        // Whose key is elsewhere is counted by its bytes, and says so; with the key it is opened.
        let sealed = try #require(parts.first { $0.text("source") == "secrets" })
        #expect(sealed.texts("excused") == ["what is inside: it was not decrypted"], "\(sealed)")
        let opened = try await program.run("drill", "secrets", "--identity", folder["key.age"])
        #expect(opened.code == 0 && opened.output.contains("proven: decrypted whole"), "\(opened)")
        #expect(try await program.run("status").output.contains("last drill: proven"))

        // What was noted at the capture decides: another figure there, and the drill fails.
        let plant = try await program.runTool(
            "sqlite3", program.state + "/history.sqlite",
            "UPDATE manifests SET manifest = replace(manifest, '\"account\":\(sessions)', '\"account\":\(sessions + 1)')"
        )
        #expect(plant.code == 0, "\(plant)")
        let planted = try await program.run("drill", "sessions")
        #expect(
            planted.code == 1 && planted.errors.contains("expected \(sessions + 1) rows, found \(sessions) rows"),
            "\(planted)")
        let elsewhere = try await program.run("drill", "sessions", "--as-new-machine")
        #expect(elsewhere.code == 0, "\(elsewhere)")
    }

    @Test(.timeLimit(.minutes(2))) func `a destination on the source's own disk is refused before any work`()
        async throws
    {
        let host = try await Host()
        defer { host.end() }
        let same = host.world.folder["same-disk"]
        let refused = try await host.world.program.run("backup", environment: ["HAPI_BACKUP_REPOSITORY": same])
        #expect(refused.code != 0 && refused.errors.contains("same disk"), "\(refused)")
        #expect(!FileManager.default.fileExists(atPath: same))
    }
}
