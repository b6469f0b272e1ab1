import Foundation
import TestSupport
import Testing

/// A host whose backups are plain trees of hard links on a drive.
@Suite("rsync trees") struct RsyncTests {
    private func world(_ more: String = "", sources: String = "", keys: String = "") throws -> World {
        let world = try World("rsync")
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            \(sources.replacingOccurrences(of: "FOLDER", with: world.folder.path))
            repositories:
              drive:
                rsync: "\(world.program.repository)"
            \(keys)
            \(more)
            """)
        return world
    }

    private static let keepsOne = "retention: { last: 1, minimum: 1, max-removal: 1.0 }"

    /// Names of restore points in the repository, oldest first.
    private func runs(_ world: World) throws -> [String] {
        try names(world).filter { !$0.hasPrefix(".") }
    }

    private func names(_ world: World) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: world.program.repository).sorted()
            .filter { $0 != ".holdfast-rsync.json" }
    }

    /// A file of a run, by its name in the source.
    private func file(_ name: String, _ run: String, _ world: World) -> String {
        "\(world.program.repository)/\(run)/documents/documents/\(name)"
    }

    private func inode(_ path: String) throws -> UInt64 {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? UInt64)
    }

    private func isSound(_ world: World, _ location: Testing.SourceLocation = #_sourceLocation) async throws {
        let verify = try await world.program.run("backup", "verify", "--data", "100%")
        #expect(verify.code == 0, "\(verify)", sourceLocation: location)
    }

    @Test func `backups share what did not change, are listed, verified, restored and pruned`() async throws {
        let world = try world(
            sources: "  dump: { command: { run: [seq, \"1\", \"50000\"], name: numbers.txt } }")
        let first = try await world.backUp()
        #expect(first.text("outcome") == "succeeded", "\(first)")
        try world.folder.write("two, changed\n", to: "documents/deep/two.txt", mode: 0o640)
        try await world.backUp()
        let runs = try runs(world)
        try #require(runs.count == 2, "\(runs)")
        #expect(try inode(file("one.txt", runs[0], world)) == inode(file("one.txt", runs[1], world)))
        #expect(try inode(file("deep/two.txt", runs[0], world)) != inode(file("deep/two.txt", runs[1], world)))
        #expect(try String(contentsOfFile: file("deep/two.txt", runs[0], world), encoding: .utf8) == "two\n")
        #expect(try await world.points().count == 2)
        let same = try await world.differences(world.documents, file("", runs[1], world))
        #expect(same == "")

        try await isSound(world)
        for arguments in [
            ["backup", "verify"], ["backup", "verify", "--scrub"], ["doctor"], ["doctor", "--probe"], ["status"],
        ] {
            let result = try await world.program.run(arguments)
            #expect(result.code == 0, "\(result)")
        }
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["restored"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        let back = try await world.differences(world.documents, world.folder["restored/documents"] + world.documents)
        #expect(back == "")
        let dump = try await world.program.runTool(
            "sh", "-c", "seq 1 50000 | cmp - \"$(find \"$1\" -name numbers.txt)\"", "sh", world.folder["restored"])
        #expect(dump.code == 0, "\(dump)")

        let profile = try String(contentsOfFile: world.folder["config/test.yaml"], encoding: .utf8)
        try world.folder.write(profile + RsyncTests.keepsOne + "\n", to: "config/test.yaml")
        let prune = try await world.program.run("backup", "prune", "--allow-removal", "10")
        #expect(prune.code == 0, "\(prune)")
        #expect(try await world.points().count == 1)
        #expect(try names(world) == [runs[1]])
        try await isSound(world)
    }

    @Test func `a changed byte and a lost file are named with the restore points that have them`() async throws {
        let world = try world()
        try await world.backUp()
        try await world.backUp()
        let runs = try runs(world)
        let flip = try await world.program.runTool(
            "sh", "-c", "printf X | dd of=\"$1\" conv=notrunc status=none", "sh", file("one.txt", runs[0], world))
        #expect(flip.code == 0)
        #expect(try await world.program.run("backup", "verify").code == 0)
        let damaged = try await world.program.run("backup", "verify", "--data", "100%")
        #expect(damaged.code == 65 && damaged.said.contains("one.txt"), "\(damaged)")
        #expect(damaged.said.contains(runs[0]) && damaged.said.contains(runs[1]), "\(damaged)")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["restored"], "--yes")
        #expect(restore.code == 65, "\(restore)")
        #expect(!FileManager.default.fileExists(atPath: world.folder["restored/documents"]))

        // What is gone is taken anew.
        for run in runs { try FileManager.default.removeItem(atPath: file("one.txt", run, world)) }
        let lost = try await world.program.run("backup", "verify")
        #expect(lost.code == 65 && lost.said.contains("missing"), "\(lost)")
        try await world.backUp()
        let again = try await world.program.run("restore", "latest", "--to", world.folder["restored"], "--yes")
        #expect(again.code == 0, "\(again)")
    }

    @Test(arguments: ["partStored:kill", "manifestStored:kill", "partStored:term", "partStored:int"])
    func `a run that was stopped leaves a whole restore point or none`(place: String) async throws {
        let world = try world()
        try await world.backUp()
        let stopped = try await world.program.run("backup", environment: ["HOLDFAST_FAILPOINT": place])
        #expect(stopped.code != 0, "\(stopped)")
        let isWhole = place.hasPrefix("manifest")
        #expect(try runs(world).count == (isWhole ? 2 : 1))
        // The next run cleans up.
        try await world.backUp()
        #expect(try await world.points().count == (isWhole ? 3 : 2))
        #expect(try names(world) == runs(world))
        try await isSound(world)
    }

    @Test(arguments: [SIGKILL, SIGINT])
    func `stopped in the middle of a copy, nothing counts, and nothing goes on`(signal: Int32) async throws {
        let world = try world()
        try await world.backUp()
        try world.folder.write(
            Data(count: 0) + (0..<4_000_000).map { _ in UInt8.random(in: 0...255) }, to: "documents/large")
        try world.program.writeTool(
            "rsync",
            "case \"$*\" in *--files-from*) exec /usr/bin/rsync --bwlimit=200 \"$@\";; esac; exec /usr/bin/rsync \"$@\""
        )
        let running = try world.program.start(["backup"])
        let isCopying = try await running.wait {
            (FileManager.default.subpaths(atPath: world.program.repository) ?? []).contains { $0.contains("/.large.") }
        }
        #expect(isCopying)
        running.signal(signal)
        let result = await running.result()
        #expect(result.code != 0, "\(result)")
        let alive = try await world.program.runTool(
            "sh", "-c",
            "for n in 1 2 3 4 5 6 7 8 9 10; do pgrep -f \"$1/.partial\" >/dev/null || exit 0; sleep 1; done; exit 1",
            "sh", world.program.repository)
        #expect(alive.code == 0, "rsync goes on")
        #expect(try runs(world).count == 1)
        #expect(try names(world).count { $0.hasPrefix(".") } == (signal == SIGKILL ? 1 : 0))
        try FileManager.default.removeItem(atPath: world.program.toolFolder + "/rsync")
        let recover = try await world.program.run("recover")
        #expect(recover.code == 0, "\(recover)")
        try await world.backUp()
        #expect(try await world.points().count == 2)
        #expect(try names(world) == runs(world))
        try await isSound(world)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to mount a disk"))
    func `a full disk fails the run, costs no earlier one, and the next run works`() async throws {
        let world = try world(keys: "    must-be-mounted: true")
        let unmounted = try await world.program.run("backup")
        #expect(unmounted.code == 10, "\(unmounted)")
        #expect(unmounted.said.contains("mount"), "\(unmounted)")
        #expect(!FileManager.default.fileExists(atPath: world.program.repository))
        let disk = try TemporaryFileSystem(at: world.program.repository, kibibytes: 8 << 10)
        defer { disk.unmount() }
        try await world.backUp()
        try world.folder.write(
            Data((0..<20_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 3) }), to: "documents/large")
        let before = try names(world)
        let full = try await world.program.run("backup")
        #expect(full.code == 74, "\(full)")
        #expect(full.said.contains("no room left") && full.said.contains("earlier backups are untouched"), "\(full)")
        #expect(try names(world) == before)
        try await isSound(world)
        try FileManager.default.removeItem(atPath: world.documents + "/large")
        try disk.remount(readOnly: true)
        let readOnly = try await world.program.run("backup")
        #expect(readOnly.code != 0 && readOnly.said.contains("read-only"), "\(readOnly)")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["restored"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        try disk.remount(readOnly: false)
        try await world.backUp()
        #expect(try await world.points().count == 2)
    }

    @Test func `a drive that is another one is refused`() async throws {
        let world = try world()
        try await world.backUp()
        let other = "{\"format\": \"holdfast-rsync\", \"version\": 1, \"id\": \"\(String(repeating: "0", count: 64))\"}"
        try world.folder.write(other, to: "repository/.holdfast-rsync.json")
        let refused = try await world.program.run("backup")
        #expect(refused.code == 65 && refused.said.contains("another one"), "\(refused)")
        #expect(try runs(world).count == 1)
    }

    @Test func `a machine without rsync is told so`() async throws {
        let world = try world()
        for name in ["sqlite3"] {
            try FileManager.default.createSymbolicLink(
                atPath: world.program.toolFolder + "/" + name, withDestinationPath: "/usr/bin/" + name)
        }
        let path = ["PATH": world.program.toolFolder]
        for command in ["backup", "doctor"] {
            let result = try await world.program.run(command, environment: path)
            #expect(result.code == 69, "\(result)")
            #expect(result.said.contains("apt install rsync"), "\(result)")
        }
    }

    @Test func `an rsync that says all is well and stores less is found out`() async throws {
        let world = try world()
        for script in [
            "exit 0", "tr '\\0' '\\n' | head -n 2 | tr '\\n' '\\0' | /usr/bin/rsync \"$@\"",
            "/usr/bin/rsync \"$@\"; exit 12",
        ] {
            try world.program.writeTool(
                "rsync", "case \"$*\" in *--files-from*) ;; *) exec /usr/bin/rsync \"$@\";; esac\n" + script)
            let result = try await world.program.run("backup")
            #expect(result.code == 1, "\(script): \(result)")
            #expect(try names(world).isEmpty, "\(script)")
        }
    }

    @Test func `a file that goes before rsync comes to it makes the run partial and is named`() async throws {
        let world = try world()
        try world.program.writeTool(
            "rsync",
            "case \"$*\" in *--files-from*) rm -f '\(world.documents)/deep/two.txt';; esac; exec /usr/bin/rsync \"$@\"")
        let result = try await world.program.run("backup", "--json")
        let record = try result.record()
        #expect(record.text("outcome") == "partial", "\(result)")
        #expect(result.said.contains("two.txt"))
        #expect(try runs(world).count == 1)
        try await isSound(world)
    }

    @Test func `an ordinary user backs up what may be read, and is told of the rest`() async throws {
        let world = try OrdinaryUser.world("rsync-user")
        try world.folder.write("secret", to: "documents/secret", mode: 0)
        try world.program.writeProfile(
            """
            sources:
              documents: { files: "\(world.documents)" }
            repositories:
              drive: { rsync: "\(world.program.repository)" }
            retention: { last: 1, minimum: 1, max-removal: 1.0 }
            """)
        try OrdinaryUser.give(world)
        let closed = try await world.program.runTool(
            "sh", "-c", "mkdir \"$1/shut\" && echo x >\"$1/shut/x\" && chmod 500 \"$1/shut\"", "sh", world.documents)
        #expect(closed.code == 0, "\(closed)")
        try OrdinaryUser.give(world)
        for _ in 1...2 {
            let result = try await world.program.run("backup", "--json")
            #expect(try result.record().text("outcome") == "partial", "\(result)")
            #expect(result.said.contains("documents/secret"), "\(result)")
        }
        try FileManager.default.removeItem(atPath: world.documents + "/secret")
        try await world.backUp()
        let prune = try await world.program.run("backup", "prune", "--allow-removal", "10")
        #expect(prune.code == 0, "\(prune)")
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["home/back"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        let same = try await world.differences(world.documents, world.folder["home/back/documents"] + world.documents)
        #expect(same == "")
    }

    @Test func `a live database goes into the tree as a consistent copy`() async throws {
        let world = try world()
        let database = world.documents + "/state.db"
        let writer = try BusySQLite(at: database)
        defer { writer.stop() }
        try await world.backUp()
        let run = try #require(try runs(world).first)
        let check = try await world.program.runTool(
            "sqlite3", file("state.db", run, world), "PRAGMA integrity_check; SELECT sum(balance) FROM account;")
        #expect(check.output == "ok\n\(BusySQLite.total)\n", "\(check)")
        #expect(!FileManager.default.fileExists(atPath: file("state.db-wal", run, world)))
        let restore = try await world.program.run("restore", "latest", "--to", world.folder["restored"], "--yes")
        #expect(restore.code == 0, "\(restore)")
    }

    @Test func `an address, a follower and a place with something in it are refused`() async throws {
        let world = try world()
        func check(_ repositories: String) async throws -> HoldfastProgram.Result {
            try world.program.writeProfile(
                "sources:\n  documents: { files: \"\(world.documents)\" }\nrepositories:\n\(repositories)")
            return try await world.program.run("profile", "check")
        }
        let address = try await check("  drive: { rsync: \"nas:/backup\" }")
        #expect(address.code == 78 && address.said.contains("sftp"), "\(address)")
        let follower = try await check(
            "  main: { restic: \"\(world.folder["r"])\", password: env:RESTIC_PASSWORD }\n  drive: { rsync: \"\(world.program.repository)\", follows: main }"
        )
        #expect(follower.code == 78 && follower.said.contains("follows no other"), "\(follower)")
        let leader = try await check(
            "  drive: { rsync: \"\(world.program.repository)\" }\n  copy: { restic: \"\(world.folder["r"])\", password: env:RESTIC_PASSWORD, follows: drive }"
        )
        #expect(leader.code == 78, "\(leader)")
        let plain = try await check("  drive: { rsync: \"\(world.program.repository)\" }")
        #expect(plain.code == 0 && plain.said.contains("not encrypted"), "\(plain)")
        try world.folder.write("x", to: "repository/somebody's")
        let occupied = try await world.program.run("backup")
        #expect(occupied.code != 0 && occupied.said.contains("somebody's"), "\(occupied)")
    }
}
