import Foundation
import TestSupport
import Testing

/// Settings of a profile reach the tools, and nothing else is started.
@Suite("Settings", .enabled(if: !RealTools.restics.isEmpty))
struct SettingsTests {
    /// A restic that first writes down how it was started.
    private func logStarts(_ world: World, _ restic: RealTools.Restic) throws {
        try world.program.writeTool(
            "restic",
            "echo \"$(ps -o ni= -p $$ | tr -d ' ') $*\" >> '\(world.folder["starts"])'\nexec '\(restic.path)' \"$@\"")
    }

    private func starts(_ world: World) -> [String] {
        let text = FileManager.default.contents(atPath: world.folder["starts"]).map {
            String(decoding: $0, as: UTF8.self)
        }
        return (text ?? "").split(separator: "\n").map(String.init)
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `an ordinary run starts restic once per part and once for the manifest`(restic: RealTools.Restic) async throws
    {
        let world = try World("starts", restic: restic)
        try logStarts(world, restic)
        try world.folder.write("#!/bin/sh\necho dump\n", to: "produce", mode: 0o755)
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              dump: { command: { run: ["\(world.folder["produce"])"] } }
            """, "retention: { last: 100 }")
        try await world.backUp()
        for _ in 1...2 {
            try FileManager.default.removeItem(atPath: world.folder["starts"])
            let record = try await world.backUp()
            #expect(
                starts(world).count == 3 && starts(world).allSatisfy { $0.contains(" backup ") }, "\(starts(world))")
            #expect(record.number("toolStarts") == 3)
        }
        try FileManager.default.removeItem(atPath: world.folder["starts"])
        #expect(try await world.points().count == 3)
        #expect(try await world.program.run("history").code == 0)
        #expect(starts(world) == [], "what is known needs no tool")
    }

    @Test(.timeLimit(.minutes(5)))
    func `nice, bandwidth, cache and scratch are where the profile says`() async throws {
        let restic = try #require(RealTools.restics.last)
        let world = try World("settings")
        var program = world.program
        program.environment["HOLDFAST_CACHE_DIR"] = nil
        let quiet = World(program: program)
        try logStarts(quiet, restic)
        try quiet.folder.write(
            "#!/bin/sh\necho \"$1\" > '\(quiet.folder["seen"])'; echo x > \"$1\"\n", to: "produce", mode: 0o755)
        try quiet.writeProfile(
            """
              documents: { files: "\(quiet.documents)" }
              dump: { command: { run: ["\(quiet.folder["produce"])", "{scratch}/f"], writes: "{scratch}/f" } }
            """,
            """
            nice: 7
            bandwidth: { upload: 4M, download: 8M }
            cache: "\(quiet.folder["own-cache"])"
            scratch: "\(quiet.folder["own-scratch"])"
            """)
        try FileManager.default.createDirectory(
            atPath: quiet.folder["own-scratch"], withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        let base = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
        try await quiet.backUp()
        let backups = starts(quiet).filter { $0.contains(" backup ") }
        #expect(!backups.isEmpty && backups.allSatisfy { $0.hasPrefix("\(min(19, base + 7)) ") }, "\(backups)")
        #expect(backups.allSatisfy { $0.contains("--limit-upload") && $0.contains("4096") }, "\(backups)")
        #expect(backups.allSatisfy { $0.contains(quiet.folder["own-cache"]) }, "\(backups)")
        #expect(try FileManager.default.subpathsOfDirectory(atPath: quiet.folder["own-cache"]).count > 3)
        let seen = try String(contentsOfFile: quiet.folder["seen"], encoding: .utf8)
        #expect(seen.hasPrefix(quiet.folder["own-scratch"] + "/"), "\(seen)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: quiet.folder["own-scratch"]) == [])
    }

    @Test(.timeLimit(.minutes(5)))
    func `a run that takes longer than its time limit is stopped and says so`() async throws {
        let world = try World("limit")
        try world.writeDocumentsProfile()
        try await world.backUp()
        try world.writeProfile(
            "  slow: { command: { run: [sh, -c, \"echo x; exec sleep 47.25\"] } }\n  documents: { files: \"\(world.documents)\" }",
            "time-limit: 3s")
        let begun = ContinuousClock.now
        let result = try await world.program.run("backup")
        #expect(ContinuousClock.now - begun < .seconds(30))
        #expect(result.code == 1, "\(result)")
        #expect(result.errors.contains("`time-limit`"), "\(result)")
        let left = try await world.program.runTool("pgrep", "-f", "^sleep 47.25$")
        #expect(left.output == "", "no child outlives it")
        #expect(try await world.points().count == 1)
    }

    @Test(.timeLimit(.minutes(5)))
    func `somebody who is not root can do all of it`() async throws {
        for restic in RealTools.oldestAndNewest {
            let world = try OrdinaryUser.world("nobody", restic: restic, isNew: true)
            try world.writeDocumentsProfile("retention: { last: 1 }")
            try OrdinaryUser.give(world)
            let record = try await world.backUp()
            try await world.backUp()
            for arguments in [
                ["backup", "list"], ["backup", "verify"], ["backup", "verify", "--scrub"], ["backup", "prune"],
                ["doctor"],
                ["show"], ["recover"], ["restore", "latest", "--to", world.folder["r"], "--yes"],
            ] {
                let result = try await world.program.run(arguments)
                #expect(result.code == 0, "\(result)")
            }
            #expect(record.text("user") == "nobody" || geteuid() != 0, "\(record.text("user"))")
            #expect(try await world.differences(world.documents, world.folder["r/documents"] + world.documents) == "")
        }
    }
}
