import Foundation
import TestSupport
import Testing

/// The history is a cache and the pins are not: what happens when either goes.
@Suite("State", .enabled(if: !RealTools.restics.isEmpty))
struct StateTests {
    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `a history that was deleted loses no restore point`(restic: RealTools.Restic) async throws {
        let world = try World("history", restic: restic)
        try world.writeDocumentsProfile("retention: { last: 5 }")
        let runs = [try await world.backUp().text("run"), try await world.backUp().text("run")]
        let before = try await world.program.run("backup", "list", "--json").document()
        for name in ["history.sqlite", "history.sqlite-wal", "history.sqlite-shm"] {
            try? FileManager.default.removeItem(atPath: world.program.state + "/" + name)
        }
        let after = try await world.program.run("backup", "list", "--json").document()
        #expect(after.objects("points").map { $0.text("run") } == runs.reversed())
        let entries = { (list: [String: Any]) in list.objects("points").map { $0.objects("entries") as NSArray } }
        #expect(entries(after) == entries(before), "everything known of the parts comes back")
        #expect(after.texts("notices").description.contains("history was lost"))
        let third = try await world.backUp().text("run")
        #expect(try await world.points() == [third] + runs.reversed())
        let restore = try await world.program.run("restore", runs[0], "--to", world.folder["r"], "--yes")
        #expect(restore.code == 0, "\(restore)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a damaged history is set aside, and the next command goes on with a new one`() async throws {
        let world = try World("damaged")
        try world.writeDocumentsProfile()
        let first = try await world.backUp().text("run")
        let history = world.program.state + "/history.sqlite"
        for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: history + suffix) }
        try Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }).write(to: URL(fileURLWithPath: history))
        let second = try await world.backUp().text("run")
        #expect(try await world.points() == [second, first])
        let names = try FileManager.default.contentsOfDirectory(atPath: world.program.state)
        #expect(names.contains { $0.hasPrefix("history.sqlite.damaged-") }, "\(names)")
    }

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.oldestAndNewest)
    func `with all state gone nothing is made over or beside the repository, and work goes on`(
        restic: RealTools.Restic
    ) async throws {
        let world = try World("stateless", restic: restic)
        try world.writeDocumentsProfile()
        let first = try await world.backUp().text("run")
        let config = try Data(contentsOf: URL(fileURLWithPath: world.program.repository + "/config"))
        try FileManager.default.removeItem(atPath: world.program.state)
        try FileManager.default.removeItem(atPath: world.program.cache)
        let next = try await world.program.run("backup")
        #expect(next.code == 0 && next.errors.contains("pinned the existing repository"), "\(next)")
        #expect(try await world.points().last == first)
        #expect(try Data(contentsOf: URL(fileURLWithPath: world.program.repository + "/config")) == config)
        #expect(try FileManager.default.contentsOfDirectory(atPath: world.program.repository + "/keys").count == 1)

        // With a repository that has lost its config, no state does not mean a first use either.
        try FileManager.default.removeItem(atPath: world.program.state)
        try FileManager.default.removeItem(atPath: world.program.repository + "/config")
        let headless = try await world.program.run("backup")
        #expect(headless.code != 0, "\(headless)")
        #expect(!FileManager.default.fileExists(atPath: world.program.repository + "/config"))
    }

    @Test(.timeLimit(.minutes(5)))
    func `a history that a newer version wrote is left alone, exit code 76`() async throws {
        let world = try World("newer")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let history = world.program.state + "/history.sqlite"
        let marked = try await world.program.runTool(
            "sqlite3", history, "INSERT INTO grdb_migrations VALUES ('99: of a later version')")
        try #require(marked.code == 0, "\(marked)")
        for arguments in [["backup"], ["history"], ["backup", "list"], ["doctor"]] {
            let result = try await world.program.run(arguments)
            #expect(result.code == 76, "\(result)")
            #expect(result.said.contains(history), "\(result)")
        }
        let kept = try await world.program.runTool("sqlite3", history, "SELECT count(*) FROM runs")
        #expect(kept.output == "1\n")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a state folder that others may write to is refused`() async throws {
        let world = try World("unsafe")
        try world.writeDocumentsProfile()
        try await world.backUp()
        #expect(chmod(world.program.state, 0o777) == 0)
        for arguments in [["backup"], ["history"], ["backup", "prune"]] {
            let result = try await world.program.run(arguments)
            #expect(result.code != 0 && result.errors.contains("others may write to it"), "\(result)")
            #expect(result.errors.contains("→ "), "with what to do about it: \(result)")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `everything that is made is closed to others`() async throws {
        let world = try World("modes", isNew: true)
        try world.writeDocumentsProfile()
        try await world.backUp()
        let open = try await world.program.runTool(
            "find", world.program.state, world.program.cache, world.program.repository, "-perm", "/077")
        #expect(open.output == "", "\(open)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `another run of the same profile is named, and this one is skipped or waits`() async throws {
        let world = try World("busy")
        let gate = world.folder["gate"]
        try world.folder.write(
            "#!/bin/sh\necho x; while [ ! -e '\(gate)' ]; do sleep 0.05; done\n", to: "slow", mode: 0o755)
        try world.writeProfile("  slow: { command: { run: [\"\(world.folder["slow"])\"] } }")
        let first = try world.program.start(["backup"])
        let stateLock = world.program.state + "/locks/profile-test.lock"
        try #require(
            try await first.wait {
                let text = FileManager.default.contents(atPath: stateLock).map { String(decoding: $0, as: UTF8.self) }
                return text?.contains("backup ") == true
            })
        let skipped = try await world.program.run("backup")
        #expect(skipped.code == 75, "\(skipped)")
        #expect(skipped.errors.contains("profile test is in use by process \(first.pid)"), "\(skipped)")
        #expect(try await world.program.run("why").output.contains("process \(first.pid)"))
        try world.writeProfile("  slow: { command: { run: [\"\(world.folder["slow"])\"] } }", "lock-wait: 4m")
        let waiting = try world.program.start(["backup"])
        try await Task.sleep(for: .milliseconds(300))
        #expect(waiting.isRunning)
        try world.folder.write("", to: "gate")
        let (one, two) = (await first.result(), await waiting.result())
        #expect(one.code == 0 && two.code == 0, "\(one)\n\(two)")
        let outcomes = try await world.program.run("history", "--json").document().objects("runs").map {
            $0.text("outcome")
        }
        #expect(outcomes.sorted() == ["skipped", "succeeded", "succeeded"])
    }

    @Test(.timeLimit(.minutes(2))) func `one profile's backup leaves the working folders of another's run alone`()
        async throws
    {
        let world = try World("two-profiles")
        let (started, ready) = (world.folder["started"], world.folder["ready"])
        let script = "touch '\(started)'; while [ ! -e '\(ready)' ]; do sleep 0.1; done; echo done > \\\"$1\\\""
        try world.writeProfile(
            "  slow: { command: { run: [sh, -c, \"\(script)\", sh, \"{scratch}/x\"], writes: \"{scratch}/x\" } }")
        try world.program.writeProfile(
            "sources: { documents: { files: \"\(world.documents)\" } }\n"
                + world.repositories.replacing(world.program.repository, with: world.folder["other"]), named: "other")
        let slow = try world.program.start(["backup", "-p", "test"])
        #expect(try await slow.wait { FileManager.default.fileExists(atPath: started) })
        for command in [["backup"], ["recover"]] {
            let quick = try await world.program.run(command + ["-p", "other"])
            #expect(quick.code == 0 && !quick.said.contains("working folder"), "\(quick)")
        }
        try world.folder.write("", to: "ready")
        let result = await slow.result()
        #expect(result.code == 0, "\(result)")
    }
}
