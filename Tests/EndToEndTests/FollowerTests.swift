import Foundation
import TestSupport
import Testing

/// A second copy: fed after each backup, told of when it is behind, and enough by itself to restore from.
@Suite("Followers", .enabled(if: !RealTools.restics.isEmpty))
struct FollowerTests {
    private func world(
        _ restic: RealTools.Restic, _ follower: String, _ more: String = "", isNew: Bool = false
    ) throws -> World {
        let world = try World("followers", restic: restic, isNew: isNew)
        try world.layRepository()
        try world.program.writeProfile(
            """
            sources:
              db: { command: [cat, "\(world.documents)/one.txt"] }
              documents: { files: "\(world.documents)" }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              offsite: { password: env:OFFSITE_PASSWORD, follows: local, \(follower) }
            \(more)
            """)
        return world
    }

    private func offsite(_ world: World, _ arguments: String...) async throws -> HoldfastProgram.Result {
        try await world.program.run(arguments, environment: ["OFFSITE_PASSWORD": "battery staple"])
    }

    /// The same profile on a machine that has never seen it.
    private func secondMachine(_ world: World) throws -> HoldfastProgram {
        var other = world.program
        for name in ["home", "state", "cache"] {
            let path = world.folder["second/\(name)"]
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            other.environment[name == "home" ? "HOME" : "HOLDFAST_\(name.uppercased())_DIR"] = path
        }
        return other
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `every backup feeds a follower, and a second machine restores from it alone`(
        restic: RealTools.Restic
    ) async throws {
        let world = try world(restic, "restic: nas")
        let first = try await offsite(world, "backup")
        #expect(first.code == 0 && first.errors.contains("offsite: got 3 snapshots"), "\(first)")
        try world.folder.write("changed\n", to: "documents/one.txt")
        let second = try await offsite(world, "backup", "--json")
        let feeds = try second.record().objects("feeds")
        #expect(feeds.map { $0.text("outcome") } == ["succeeded"] && feeds[0].number("delivered") == 3, "\(second)")
        #expect(feeds[0].number("behind") == 0)

        let list = try await offsite(world, "backup", "list")
        #expect(list.output.components(separatedBy: "local+offsite").count == 3, "\(list)")
        let there = try await offsite(world, "backup", "list", "--offsite", "--json")
        #expect(try there.document().objects("points").count == 2, "\(there)")
        let verified = try await offsite(world, "backup", "verify", "--offsite", "--data", "100%")
        #expect(verified.code == 0, "\(verified)")
        #expect(
            try String(contentsOfFile: world.folder["config/nas/config"], encoding: .isoLatin1)
                != String(contentsOfFile: world.program.repository + "/config", encoding: .isoLatin1))

        // Nothing is left of the first machine but the profile and the second copy.
        try FileManager.default.removeItem(atPath: world.program.repository)
        let other = try secondMachine(world)
        let target = world.folder["back"]
        let restored = try await other.run(
            "restore", "latest", "--offsite", "--to", target, "--yes",
            environment: ["OFFSITE_PASSWORD": "battery staple"])
        #expect(restored.code == 0, "\(restored)")
        #expect(try await world.differences(world.documents, target + "/documents" + world.documents) == "")
        #expect(try String(contentsOfFile: target + "/db/db.dump", encoding: .utf8) == "changed\n", "\(restored)")
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `a follower that fails degrades the run, keeps what it lacks, and is caught up by the next`(
        restic: RealTools.Restic
    ) async throws {
        let world = try world(restic, "restic: nas", "retention: { last: 1 }")
        try QuickRepository.foreignCopy.lay(at: world.folder["config/nas"])
        #expect(try await offsite(world, "backup").code == 0)
        let config = world.folder["config/nas/config"]
        try FileManager.default.moveItem(atPath: config, toPath: config + ".away")
        for strict in [false, true] {
            let run = try await offsite(world, "backup", strict ? "--strict" : "--quiet")
            #expect(run.code == (strict ? 4 : 0), "\(run)")
        }
        let list = try await offsite(world, "backup", "list", "--json")
        let points = try list.document().objects("points")
        // Retention would have kept one.
        #expect(points.count == 2 || points.count == 3, "\(list)")
        #expect(try list.document().objects("followers").first?.number("behind") == 2, "\(list)")
        let shown = try await offsite(world, "backup", "list")
        #expect(shown.output.contains("offsite 2 behind"), "\(shown)")
        let why = try await offsite(world, "why", "--operation", "backup")
        #expect(why.output.contains("offsite lacks it"), "\(why)")

        try FileManager.default.moveItem(atPath: config + ".away", toPath: config)
        let again = try await offsite(world, "backup")
        #expect(again.code == 0 && again.errors.contains("offsite: got 9"), "\(again)")
        let after = try await offsite(world, "backup", "list", "--json")
        #expect(try after.document().objects("points").count == 1, "\(after)")
        #expect(try after.document().objects("followers").first?.number("behind") == 0, "\(after)")
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `a backup of its own reads files once more, and never says that it has a run that it missed`(
        restic: RealTools.Restic
    ) async throws {
        let world = try world(restic, "restic: nas, by: backup", "retention: { last: 3 }")
        try QuickRepository.foreignCopy.lay(at: world.folder["config/nas"])
        let first = try await offsite(world, "backup")
        #expect(first.code == 0 && first.errors.contains("offsite: got 3 snapshots"), "\(first)")

        try world.folder.write("changed\n", to: "documents/one.txt")
        let config = world.folder["config/nas/config"]
        try FileManager.default.moveItem(atPath: config, toPath: config + ".away")
        let missed = try await offsite(world, "backup", "--strict")
        #expect(missed.code == 4, "\(missed)")
        #expect(try await offsite(world, "backup", "list").output.contains("offsite 1 behind"))
        try FileManager.default.moveItem(atPath: config + ".away", toPath: config)

        try world.folder.write("changed again\n", to: "documents/one.txt")
        try world.folder.write("new\n", to: "documents/new.txt")
        let third = try await offsite(world, "backup", "--strict", "--json")
        let feed = try #require(try third.record().objects("feeds").first)
        #expect(third.code == 0 && feed.number("delivered") == 3 && feed.number("behind") == 0, "\(third)")
        let list = try await offsite(world, "backup", "list")
        #expect(list.output.components(separatedBy: "local+offsite").count == 3, "\(list)")
        #expect(!list.output.contains("behind"), "\(list)")

        // What is there is true by itself: it restores with its own facts, and holds no damage of the primary.
        try FileManager.default.removeItem(atPath: world.program.repository)
        let verified = try await offsite(world, "backup", "verify", "--offsite", "--data", "100%")
        #expect(verified.code == 0, "\(verified)")
        let other = try secondMachine(world)
        let target = world.folder["back"]
        let restored = try await other.run(
            "restore", "latest", "--offsite", "--to", target, "--yes",
            environment: ["OFFSITE_PASSWORD": "battery staple"])
        #expect(restored.code == 0, "\(restored)")
        #expect(try await world.differences(world.documents, target + "/documents" + world.documents) == "")
        #expect(try String(contentsOfFile: target + "/db/db.dump", encoding: .utf8) == "changed again\n")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a dump that a backup of its own missed is caught up with the time that it had`() async throws {
        let world = try World("followers")
        try world.layRepository()
        try QuickRepository.foreignCopy.lay(at: world.folder["config/nas"])
        try world.program.writeProfile(
            """
            sources:
              db: { command: [cat, "\(world.documents)/one.txt"] }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              offsite: { restic: nas, by: backup, feed: on-request, password: env:OFFSITE_PASSWORD, follows: local }
            """)
        for text in ["first\n", "second\n"] {
            try world.folder.write(text, to: "documents/one.txt")
            #expect(try await offsite(world, "backup").code == 0)
            try await Task.sleep(for: .milliseconds(1100))
        }
        let fed = try await offsite(world, "backup", "--offsite", "--strict")
        #expect(fed.code == 0 && fed.errors.contains("offsite: got 6 snapshots"), "\(fed)")
        func times(_ more: [String] = []) async throws -> [Substring] {
            let list = try await world.program.run(
                ["backup", "list", "--json"] + more, environment: ["OFFSITE_PASSWORD": "battery staple"])
            return try list.document().objects("points").map { $0.text("time").prefix(19) }
        }
        #expect(try await times() == times(["--offsite"]))
        let verify = try await offsite(world, "backup", "verify", "--offsite")
        #expect(verify.code == 0, "\(verify)")
        let again = try await offsite(world, "backup", "--offsite", "--strict")
        #expect(again.code == 0 && again.errors.contains("offsite: got 2 snapshots"), "\(again)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `an offsite that was emptied is not made anew`() async throws {
        let world = try world(try #require(RealTools.restics.last), "restic: nas, feed: on-request")
        let plain = try await offsite(world, "backup")
        #expect(plain.code == 0 && !FileManager.default.fileExists(atPath: world.folder["config/nas"]), "\(plain)")
        #expect(try await offsite(world, "backup", "--offsite").code == 0)
        try FileManager.default.removeItem(atPath: world.folder["config/nas"])
        let run = try await offsite(world, "backup", "--offsite", "--strict")
        #expect(run.code == 4 && !FileManager.default.fileExists(atPath: world.folder["config/nas/config"]), "\(run)")
        #expect(try await offsite(world, "backup", "--offsite").code == 0)
        #expect(!FileManager.default.fileExists(atPath: world.folder["config/nas/config"]))
    }

    @Test func `--offsite without an offsite repository is refused before anything is done`() async throws {
        let world = try world(
            try #require(RealTools.restics.last), "restic: nas, when: \"${OFFSITE_ADDRESS:+configured}\"", isNew: true)
        let run = try await offsite(world, "backup", "--offsite")
        #expect(run.code == 78 && run.errors.contains("when:"), "\(run)")
        #expect(!FileManager.default.fileExists(atPath: world.program.repository))
        #expect(try await offsite(world, "backup").code == 0)
    }

    @Test(
        .timeLimit(.minutes(5)), .enabled(if: S3Server.isAvailable), arguments: RealTools.oldestAndNewest,
        [S3Server.Preset.full, .appendOnly])
    func `S3 is fed through a link that bears the profile's name`(
        restic: RealTools.Restic, preset: S3Server.Preset
    ) async throws {
        let server = try S3Server()
        let credential = server.credential(preset)
        let access = preset == .full ? "full" : "append-only"
        let world = try World("timetiles", restic: restic)
        try world.layRepository()
        try QuickRepository.copy.lay(at: server.file("timetiles"))
        try world.program.writeProfile(
            """
            sources:
              uploads: { files: "\(world.documents)" }
            repositories:
              local: { restic: "\(world.program.repository)", password: env:RESTIC_PASSWORD }
              offsite:
                restic: "\(server.repository("timetiles"))"
                password: env:RESTIC_PASSWORD
                follows: local
                feed: on-request
                access: \(access)
                environment:
                  AWS_ACCESS_KEY_ID: env:AWS_ACCESS_KEY_ID
                  AWS_SECRET_ACCESS_KEY: env:AWS_SECRET_ACCESS_KEY
                  AWS_DEFAULT_REGION: us-east-1
            retention: { last: 1 }
            """, named: "timetiles")
        try world.program.writeProfile("sources: {}", named: "other")
        let link = world.folder["bin/timetiles"]
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: world.program.path)
        var timetiles = world.program
        timetiles.path = link
        timetiles.environment.merge(credential.environment) { $1 }

        for number in 1...3 {
            try world.folder.write("generation \(number)\n", to: "documents/one.txt")
            let run = try await timetiles.run("backup", "--offsite", "--strict")
            #expect(run.code == 0, "\(run)")
        }
        let local = try await timetiles.run("backup", "list", "--json")
        #expect(try local.document().objects("points").count == 1, "\(local)")
        let list = try await timetiles.run("backup", "list", "--offsite", "--json")
        #expect(list.code == 0, "\(list)")
        let points = try list.document().objects("points")
        #expect(points.count == 3, "\(list)")

        let prune = try await timetiles.run("backup", "prune")
        #expect(prune.code == 0, "\(prune)")
        #expect(preset == .full || prune.errors.contains("offsite: skipped"), "\(prune)")
        #expect(try server.requests().allSatisfy { $0.action != "delete" || $0.status == 204 || preset == .full })
        let left = try await timetiles.run("backup", "list", "--offsite", "--json")
        #expect(try left.document().objects("points").count == (preset == .full ? 1 : 3), "\(left)")

        let id = try #require(points.first?["run"] as? String)
        let restored = try await timetiles.run("restore", id, "--offsite", "--to", world.folder["back"], "--yes")
        #expect(restored.code == 0, "\(restored)")
        let back = world.folder["back/uploads"] + world.documents
        #expect(try await world.differences(world.documents, back) == "")
        let verify = try await timetiles.run("backup", "verify", "--offsite")
        #expect(verify.code == 0, "\(verify)")
        let canary = credential.secret
        let state = try await world.program.runTool("grep", "-r", "-l", canary, world.program.state)
        #expect(state.output == "", "\(state)")
    }
}
