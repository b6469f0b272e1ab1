import Foundation
import TestSupport
import Testing

/// What Ctrl-C, impatience and `kill -9` do while a dump is on its way.
@Suite("Interruption of a stream", .enabled(if: !RealTools.restics.isEmpty))
struct InterruptedStreams {
    private let newest = RealTools.restics[RealTools.restics.count - 1]

    /// A command source that prints something, notes its process number and then does as `steps` say.
    private func scene(_ restic: RealTools.Restic, _ steps: String...) async throws -> (InterruptionScene, pid: String)
    {
        let tools = try ScratchFolder("stubborn")
        let pid = tools["pid"]
        let tool = try FakeTool(
            "producer", in: tools, (["bytes 3000000", "log-pid \(pid)"] + steps).joined(separator: "\n"))
        let scene = try await InterruptionScene(restic, command: tool.path, keeping: tools)
        return (scene, pid)
    }

    private func pid(in path: String, _ running: HoldfastProgram.Running) async throws -> Int32 {
        let isThere = try await running.wait(.seconds(60)) {
            (FileManager.default.contents(atPath: path) ?? Data()).contains(UInt8(ascii: "\n"))
        }
        try #require(isThere, "\(running.output)\(running.errors)")
        let text = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        return try #require(Int32(text))
    }

    /// From now on the producer prints a little and ends.
    private func behave(_ pidFile: String) throws {
        try Data("bytes 2000\n".utf8).write(to: URL(fileURLWithPath: scriptPath(pidFile)))
    }

    private func scriptPath(_ pidFile: String) -> String {
        (pidFile as NSString).deletingLastPathComponent + "/producer.script"
    }

    @Test(arguments: [Stop.int, .term, .hup])
    func `one signal ends even a producer that ignores it`(stop: Stop) async throws {
        let (scene, path) = try await scene(newest, "ignore INT TERM HUP", "sleep 120")
        let running = try scene.program.start(["backup"])
        let producer = try await pid(in: path, running)
        #expect(try Processes.mentioning(scene.program.folder["home"]).contains { $0.hasPrefix("\(producer) ") })
        running.signal(stop.number)
        let result = await running.result()
        #expect(result.code == stop.exitCode, "\(result)")
        #expect(!Processes.isAlive(producer))
        try await scene.expectNothingLeft()
        #expect(try await scene.streamSnapshots() == 0)
        #expect(try await scene.outcomes().first?.outcome == "interrupted")
        #expect(try await scene.points().isEmpty)
    }

    @Test func `a second Ctrl-C ends everything at once`() async throws {
        let (scene, path) = try await scene(newest, "ignore INT TERM", "sleep 120")
        let running = try scene.program.start(["backup"])
        let producer = try await pid(in: path, running)
        running.signal(SIGINT)
        // Not by a task's sleep, which may last for ever where many tests share two cores.
        usleep(300_000)
        #expect(running.isRunning)
        let hurried = ContinuousClock.now
        running.signal(SIGINT)
        while running.isRunning, hurried.duration(to: .now) < .seconds(10) { usleep(5000) }
        // Patience with a producer that ignores signals lasts five seconds, with its consumer longer.
        #expect(hurried.duration(to: .now) < .seconds(3))
        let result = await running.result()
        #expect(result.code == 130, "\(result)")
        #expect(!Processes.isAlive(producer))
        #expect(try Processes.mentioning(scene.program.folder["home"]).isEmpty)
        #expect(try await scene.points().isEmpty)
        #expect(try await scene.outcomes().first?.outcome == "interrupted")
        // restic was killed, so its lock is there; the next run knows that it is dead.
        try behave(path)
        try await scene.backUp()
        try await scene.expectNothingLeft()
    }

    @Test(arguments: RealTools.restics)
    func `a producer that outlives kill -9 leaves no snapshot, and the next run ends it`(
        restic: RealTools.Restic
    ) async throws {
        let (scene, path) = try await scene(restic, "ignore INT", "sleep 120")
        let running = try scene.program.start(["backup"])
        let producer = try await pid(in: path, running)
        running.signal(SIGKILL)
        #expect(await running.result().code == -SIGKILL)
        // restic dies by the signal that the kernel sends for us; a producer must not, or restic would see an end of file.
        for _ in 0..<600 where try !Processes.mentioning(scene.program.repository).isEmpty {
            try await Task.sleep(for: .milliseconds(25))
        }
        #expect(try await scene.points().isEmpty)
        try behave(path)
        let next = try await scene.program.run("backup")
        #expect(next.code == 0, "\(next)")
        #expect(!Processes.isAlive(producer), "\(next)")
        try await scene.expectNothingLeft()
        #expect(try await scene.points().count == 1)
        #expect(try await scene.streamSnapshots() == 1)
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `the lock of a restic that was killed is cleared and named by the next run, and retention works`(
        restic: RealTools.Restic
    ) async throws {
        let (scene, path) = try await scene(restic, "ignore INT", "sleep 120")
        let script = try String(contentsOfFile: scriptPath(path), encoding: .utf8)
        try behave(path)
        for generation in 1...3 {
            try scene.change(to: generation)
            try await scene.backUp()
        }
        try Data(script.utf8).write(to: URL(fileURLWithPath: scriptPath(path)))
        let running = try scene.program.start(["backup", "stream"])
        _ = try await pid(in: path, running)
        let hasLock = try await running.wait(.seconds(60)) { try !scene.locks().isEmpty }
        try #require(hasLock, "\(running.output)\(running.errors)")
        let children = try Processes.mentioning(scene.program.folder["home"])
        let owner = try #require(children.first { $0.contains(" restic --repo ") }, "\(children)")
        let number = try #require(Int32(owner.split(separator: " ")[0]))
        // Stopped first, so that the signal that it gets when we die finds it unable to put its lock away.
        kill(number, SIGSTOP)
        running.signal(SIGKILL)
        _ = await running.result()
        kill(number, SIGKILL)
        let isGone = try await running.wait { !Processes.isAlive(number) }
        let left = try scene.locks()
        try #require(isGone && left.count == 1, "a real lock stays behind")

        try behave(path)
        let next = try await scene.program.run("backup")
        #expect(next.code == 0, "\(next)")
        #expect(next.said.contains("removed the lock of process \(number) on "), "\(next)")
        try await scene.expectNothingLeft()
        // Retention needs the repository for itself.
        #expect(try await scene.points().count == 3)
        let prune = try await scene.program.run("backup", "prune")
        #expect(prune.code == 0, "\(prune)")
        try await scene.expectSoundRepository()
    }

    @Test(.enabled(if: PrivatePostgres.programs != nil), arguments: RealTools.restics)
    func `pg_dump whose run is killed leaves no snapshot, no backend and no process`(
        restic: RealTools.Restic
    ) async throws {
        let postgres = try PrivatePostgres.shared.get()
        let name = "killed_" + restic.version.replacingOccurrences(of: ".", with: "_")
        try postgres.makeDatabase(
            name,
            """
            CREATE TABLE filler AS SELECT i, md5(i::text) || md5((i * 7)::text) AS text FROM generate_series(1, 400000) i;
            """)
        let scene = try await InterruptionScene(
            restic,
            extra: """
                  pg: { postgres: { database: \(name), host: \(postgres.socketFolder), user: \(postgres.superuser) } }
                """)
        let running = try scene.program.start(["backup", "pg"])
        var isDumping = false
        while running.isRunning, !isDumping {
            usleep(2000)
            isDumping = try Processes.mentioning(scene.program.folder["home"]).contains { $0.contains("pg_dump --") }
        }
        try #require(isDumping, "\(running.output)\(running.errors)")
        usleep(UInt32.random(in: 0...100_000))
        running.signal(SIGKILL)
        _ = await running.result()
        try await scene.waitForChildren()
        #expect(try Processes.mentioning(scene.program.folder["home"]).isEmpty)
        #expect(try await scene.points().isEmpty)
        for _ in 0..<200 where try postgres.sessions(in: name) > 0 { try await Task.sleep(for: .milliseconds(50)) }
        #expect(try postgres.sessions(in: name) == 0)
        let next = try await scene.program.run("backup", "pg")
        #expect(next.code == 0, "\(next)")
        try await scene.expectNothingLeft()
        let target = scene.program.folder["target"]
        let restored = try await scene.program.run("restore", "latest", "--to", target, "--yes")
        #expect(restored.code == 0, "\(restored)")
        try await scene.expectSoundRepository()
    }
}

extension InterruptionScene {
    /// Whole locks; one that is being written has another name.
    fileprivate func locks() throws -> [String] { try names("repository/locks").filter { $0.count == 64 } }

    /// Snapshots of the command's output, counted or not.
    fileprivate func streamSnapshots() async throws -> Int {
        let listed = try await runTool(
            restic.path,
            ["--repo", program.repository, "--no-cache", "--no-lock", "snapshots", "--json", "--tag", "source:stream"])
        #expect(listed.code == 0, "\(listed.text)")
        return listed.text.components(separatedBy: "\"short_id\"").count - 1
    }
}

extension PrivatePostgres {
    fileprivate func sessions(in database: String) throws -> Int {
        Int(try sql("SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database)'")) ?? -1
    }
}
