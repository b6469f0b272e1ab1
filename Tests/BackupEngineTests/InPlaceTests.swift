import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Restoring into place")
struct InPlaceTests {
    let bench: Bench
    let databases = MemoryDatabases()

    init() throws {
        bench = try Bench()
        try bench.folder.write("old", to: "live/web/page")
        try bench.folder.write("old", to: "live/conf/app.ini")
        databases.make("app", "old")
    }

    // MARK: The scene

    private func source(_ name: String, at path: String) -> ScriptedSource {
        var source = ScriptedSource(name)
        source.restoring = { request, _ throws(SourceError) in
            let folder = request.directory + "/tree"
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try Data("new".utf8).write(to: URL(fileURLWithPath: folder + "/page"))
            } catch { throw .unreadable(folder, reason: "\(error)") }
            return RestoreReport(place: folder, bytes: 3, files: 1, proofs: ["1 file"])
        }
        source.placing = { _ throws(SourceError) in .whole([LivePlace.Path(restored: "/tree", live: path)]) }
        return source
    }

    private func database(_ name: String = "db") -> ScriptedSource {
        var source = ScriptedSource(name)
        let databases = databases
        source.restoring = { request, _ throws(SourceError) in
            databases.make(request.database ?? "?", "new")
            return RestoreReport(place: "database \(request.database ?? "?")", bytes: 1, proofs: ["1 row"])
        }
        source.placing = { _ throws(SourceError) in .database("app") }
        source.server = databases
        return source
    }

    private var three: [ScriptedSource] {
        [database(), source("web", at: bench.folder["live/web"]), source("xconf", at: bench.folder["live/conf"])]
    }

    private func plan(_ engine: Engine, _ options: InPlaceOptions = InPlaceOptions()) async throws -> InPlacePlan {
        let list = try await PointList(engine).load(loadingManifests: true)
        let point = try list.restorePoints.resolve("latest", now: bench.clock.now, timeZone: .gmt)
        return try await InPlacePlanner(engine).plan(point, options)
    }

    private func restore(_ sources: [ScriptedSource]) async throws -> RestoreRun.Report {
        await bench.backup(sources)
        let engine = bench.engine(sources)
        return await InPlaceRun(engine, try await plan(engine)).run()
    }

    private func content(_ path: String) -> String? {
        FileManager.default.contents(atPath: bench.folder[path]).map { String(decoding: $0, as: UTF8.self) }
    }

    private func names(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: bench.folder[path]).sorted()
    }

    private var entries: [JournalEntry] { get throws { try bench.journal.entries(profile: Bench.profile) } }

    private func expectOld(_ location: Testing.SourceLocation = #_sourceLocation) throws {
        #expect(content("live/web/page") == "old", sourceLocation: location)
        #expect(content("live/conf/app.ini") == "old", sourceLocation: location)
        #expect(databases.all == ["app": "old"], sourceLocation: location)
        #expect(try names("live") == ["conf", "web"], sourceLocation: location)
        #expect(try bench.isClean, sourceLocation: location)
    }

    private func expectNew(_ location: Testing.SourceLocation = #_sourceLocation) throws {
        #expect(content("live/web/page") == "new", sourceLocation: location)
        #expect(try names("live/conf") == ["page"], sourceLocation: location)
        #expect(databases.all["app"] == "new", sourceLocation: location)
        #expect(databases.all.count == 2, "the old one is kept", sourceLocation: location)
        #expect(try names("live").count == 4, "two folders and two kept aside", sourceLocation: location)
    }

    // MARK: All or nothing

    @Test(arguments: [true, false])
    func `everything takes its place, and what was there is kept aside`(exchanging: Bool) async throws {
        bench.host.change { $0.exchangesNames = exchanging }
        let report = try await restore(three)
        #expect(report.record.outcome == .succeeded, "\(report.record.failures)")
        try expectNew()
        #expect(report.keptAside.count == 3)
        for path in report.keptAside where path.hasPrefix("/") {
            let kept = try FileManager.default.contentsOfDirectory(atPath: path)
            #expect(kept == (path.contains("web") ? ["page"] : ["app.ini"]))
        }
        #expect(try entries.map(\.id) == ["kept-\(report.record.id)"])
    }

    @Test(arguments: [true, false])
    func `what fails in the middle is taken back, all of it`(exchanging: Bool) async throws {
        bench.host.change { $0.exchangesNames = exchanging }
        databases.fail(with: .busy("the database", detail: "somebody is in it"))
        let report = try await restore(three)
        #expect(report.record.outcome == .failed)
        #expect(report.record.says("somebody is in it"))
        #expect(report.restored.isEmpty && report.keptAside.isEmpty)
        try expectOld()
    }

    @Test func `a part that cannot be proven changes nothing`() async throws {
        var sources = three
        sources[2].restoring = { _, _ throws(SourceError) in throw .mismatch(what: "rows", expected: "3", found: "2") }
        let report = try await restore(sources)
        #expect(report.record.outcome == .failed)
        try expectOld()
    }

    @Test func `what cannot be taken back stays in the journal, and is finished later`() async throws {
        await bench.backup(three)
        var engine = bench.engine(three)
        let plan = try await plan(engine)
        databases.fail(with: .unreachable("the server", detail: "gone", hint: nil))
        let live = bench.folder["live"]
        engine.moment = { moment in
            // Where the restored would go back to is gone.
            guard moment == .settled else { return }
            for name in (try? FileManager.default.contentsOfDirectory(atPath: live)) ?? []
            where name.hasPrefix(".holdfast-restore-") {
                try? FileManager.default.removeItem(atPath: live + "/" + name + "/web")
            }
        }
        let report = await InPlaceRun(engine, plan).run()
        #expect(report.record.says("could not be put back"), "\(report.record.failures)")
        #expect(try entries.contains { if case .settle = $0.action { true } else { false } })
        databases.fail(with: nil)
        bench.host.change { $0.processes = [:] }
        let recovered = await RecoverRun(bench.engine(three)).run()
        #expect(!recovered.says("cannot be finished"), "\(recovered.failures)")
        try expectNew()
    }

    // MARK: Killed

    private struct Killed: Error {}

    /// Stops the run for good at a moment: what it would do afterwards is not done.
    private func kill(_ sources: [ScriptedSource], at place: RunMoment, occurrence: Int = 1) async throws {
        await bench.backup(sources)
        let engine = bench.engine(sources)
        let plan = try await plan(engine)
        // A run in a state that a killed one leaves is made by carrying its settlement out so far.
        var record = engine.newRecord(.restore)
        record.process = ProcessIdentity(pid: 99, startTime: 1, bootID: bench.host.bootID)
        let staging = InPlaceStaging(engine, plan, record, RunRecorder(record, engine: engine))
        for target in plan.targets { _ = try await staging.restore(target) }
        if place == .staged { return }
        let settlement = try await staging.settlement()
        _ = try InPlaceJournal(engine).settling(settlement, record)
        var stopping = engine
        let count = Counter()
        stopping.moment = { moment in
            guard moment == place, await count.next() == occurrence else { return }
            // Nothing comes after this.
            await count.stop()
            try? await Task.sleep(for: .seconds(3600))
        }
        let work = Task { [stopping] in try await Settling(engine: stopping).carryOut(settlement) }
        if place != .settlementJournaled { await count.waitForStop() } else { work.cancel() }
    }

    private actor Counter {
        var count = 0
        var isStopped = false
        func next() -> Int {
            count += 1
            return count
        }
        func stop() { isStopped = true }
        func waitForStop() async { while !isStopped { await Task.yield() } }
    }

    @Test func `killed before it settles, the next run removes what was put together`() async throws {
        try await kill(three, at: .staged)
        #expect(databases.all.count == 2)
        let record = await RecoverRun(bench.engine(three)).run()
        #expect(record.says("had not finished loading"), "\(record.notices)")
        try expectOld()
    }

    @Test func `killed between two steps, the next run goes to the end`() async throws {
        try await kill(three, at: .settled)
        let record = await RecoverRun(bench.engine(three)).run()
        #expect(record.says("1 of 3 were in place"), "\(record.notices)")
        try expectNew()
        #expect(try entries.map(\.id).allSatisfy { $0.hasPrefix("kept-") })
    }

    @Test func `killed between two steps, where it cannot go on it goes back`() async throws {
        try await kill(three, at: .settled)
        databases.fail(with: .unreachable("the server", detail: "down", hint: nil))
        let record = await RecoverRun(bench.engine(three)).run()
        #expect(record.says("put back as it was"), "\(record.failures) \(record.notices)")
        #expect(content("live/web/page") == "old" && content("live/conf/app.ini") == "old")
        #expect(databases.all["app"] == "old")
        #expect(try entries.isEmpty)
    }

    // MARK: Taking it back

    @Test func `an undoing puts everything back, and can itself be undone`() async throws {
        _ = try await restore(three)
        let engine = bench.engine(three)
        let undone = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        #expect(undone.record.outcome == .succeeded, "\(undone.record.failures)")
        #expect(content("live/web/page") == "old" && content("live/conf/app.ini") == "old")
        #expect(databases.all["app"] == "old")
        #expect(undone.keptAside.count == 3)
        let again = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        #expect(again.record.outcome == .succeeded)
        try expectNew()
        #expect(try entries.count == 1)
    }

    @Test func `where nothing was there before, an undoing leaves nothing there`() async throws {
        try FileManager.default.removeItem(atPath: bench.folder["live/web"])
        try FileManager.default.removeItem(atPath: bench.folder["live/conf"])
        try await databases.drop("app")
        let report = try await restore(three)
        #expect(report.record.outcome == .succeeded && report.keptAside.isEmpty)
        let engine = bench.engine(three)
        let undone = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        #expect(undone.record.outcome == .succeeded, "\(undone.record.failures)")
        #expect(content("live/web/page") == nil && databases.all["app"] == nil)
        #expect(databases.all.count == 1, "kept under another name")
    }

    @Test func `what is discarded is gone, and then nothing can be undone`() async throws {
        _ = try await restore(three)
        let keeping = KeptAside(bench.engine(three))
        let removed = try await keeping.discard(try keeping.find(nil))
        #expect(removed.count == 3)
        #expect(databases.all == ["app": "new"])
        #expect(throws: Failure.self) { try keeping.find(nil) }
        #expect(throws: Failure.self) { try keeping.find("20260101") }
    }

    @Test func `what lies inside what another restore put aside is not removed along`() async throws {
        let web = source("web", at: bench.folder["live/web"])
        await bench.backup([web])
        let engine = bench.engine([web])
        var options = InPlaceOptions()
        options.paths = [bench.folder["live/web/page"]]
        let first = await InPlaceRun(engine, try await plan(engine, options)).run()
        #expect(first.record.outcome == .succeeded, "\(first.record.failures)")
        let second = await InPlaceRun(engine, try await plan(engine)).run()
        #expect(second.record.outcome == .succeeded, "\(second.record.failures)")
        let keeping = KeptAside(engine)
        #expect(try keeping.find(nil).settlement.run == second.record.id, "the newest, also within one second")
        let newest = try keeping.find(second.record.id.rawValue)
        await #expect { _ = try await keeping.discard(newest) } throws: { "\($0)".contains("would be removed along") }
        let undo = await UndoRun(engine, try keeping.find(first.record.id.rawValue)).run()
        #expect(undo.record.says("has put its folder aside"), "\(undo.record.failures)")
        _ = await UndoRun(engine, newest).run()
        let whole = await UndoRun(engine, try keeping.find(first.record.id.rawValue)).run()
        #expect(whole.record.outcome == .succeeded, "\(whole.record.failures)")
        #expect(content("live/web/page") == "old")
    }

    // MARK: Side files

    private func file(closing: @escaping @Sendable (String) -> Bool = { _ in false }) throws -> ScriptedSource {
        try bench.folder.write("old", to: "live/app.db")
        try bench.folder.write("log of old", to: "live/app.db-wal")
        let path = bench.folder["live/app.db"]
        var source = source("db", at: path)
        source.restoring = { request, context throws(SourceError) in
            try await ScriptedSource.writeOneFile(request, context)
        }
        source.placing = { _ throws(SourceError) in
            .whole([LivePlace.Path(restored: "/restored", live: path, sideFiles: ["-wal", "-shm"])])
        }
        source.closing = closing
        return source
    }

    @Test func `a database is closed into its one file before it leaves its place`() async throws {
        let source = try file { path in
            try? Data("old and its log".utf8).write(to: URL(fileURLWithPath: path))
            try? FileManager.default.removeItem(atPath: path + "-wal")
            return true
        }
        let report = try await restore([source])
        #expect(report.record.outcome == .succeeded, "\(report.record.failures)")
        #expect(content("live/app.db") == "x" && content("live/app.db-wal") == nil)
        let kept = try #require(report.keptAside.first)
        #expect(FileManager.default.contents(atPath: kept).map { $0.count } == 15)
        #expect(!FileManager.default.fileExists(atPath: kept + "-wal"))
    }

    @Test func `the log of one that cannot be closed goes where it goes, and comes back with it`() async throws {
        let source = try file()
        let report = try await restore([source])
        #expect(report.record.outcome == .succeeded, "\(report.record.failures)")
        #expect(content("live/app.db") == "x")
        #expect(content("live/app.db-wal") == nil, "a log of another database beside it would be replayed into it")
        let kept = try #require(report.keptAside.first)
        #expect(FileManager.default.contents(atPath: kept + "-wal").map { $0.count } == 10)
        try bench.folder.write("log of new", to: "live/app.db-wal")
        let engine = bench.engine([source])
        _ = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        #expect(content("live/app.db") == "old" && content("live/app.db-wal") == "log of old")
        let aside = try names("live").filter { $0.contains(".before-") }
        #expect(aside.count == 2, "\(aside)")
    }

    @Test func `killed while such a one changes places, nobody finds it without its log, and it goes to the end`()
        async throws
    {
        let source = try file()
        try await kill([source], at: .besidePlace)
        #expect(content("live/app.db") == nil, "its place is empty rather than wrong")
        let record = await RecoverRun(bench.engine([source])).run()
        #expect(record.outcome == .succeeded, "\(record.failures)")
        #expect(content("live/app.db") == "x" && content("live/app.db-wal") == nil)
        let aside = try names("live").filter { $0.contains(".before-") }.sorted()
        #expect(aside.count == 2 && aside[1].hasSuffix("-wal"), "\(aside)")
    }

    @Test func `what somebody made meanwhile in its place is never overwritten, and both are kept`() async throws {
        let source = try file()
        try await kill([source], at: .besidePlace)
        try bench.folder.write("made by the service", to: "live/app.db")
        let record = await RecoverRun(bench.engine([source])).run()
        #expect(record.says("something new has come to be at"), "\(record.failures)")
        #expect(content("live/app.db") == "made by the service" && content("live/app.db-wal") == "log of old")
        // Nothing is captured of that.
        let backup = await bench.backup([source])
        #expect(backup.outcome == .failed && backup.parts.isEmpty, "\(backup.parts)")
        try FileManager.default.moveItem(atPath: bench.folder["live/app.db"], toPath: bench.folder["live/strange"])
        _ = await RecoverRun(bench.engine([source])).run()
        #expect(content("live/app.db") == "x" && content("live/app.db-wal") == nil)
    }

    @Test func `an undoing is stopped by a program that writes there`() async throws {
        _ = try await restore(three)
        bench.host.change {
            $0.writers = [FileWriter(pid: 7, program: "app", path: bench.folder["live/web/page"])]
        }
        let engine = bench.engine(three)
        let stopped = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        #expect(stopped.record.says("app (process 7) is writing"))
        try expectNew()
        let forced = await UndoRun(engine, try KeptAside(engine).find(nil), whileInUse: true).run()
        #expect(forced.record.outcome == .succeeded)
    }

    // MARK: Mounted places

    @Test func `a place that something is mounted at keeps its name, and changes entry by entry`() async throws {
        let place = bench.folder["live/web"]
        try bench.folder.write("mine", to: "live/web/only-here")
        bench.host.change {
            $0.mounts.append(MountPoint(path: place, device: 2, fileSystem: "ext4", isReadOnly: false))
        }
        let before = try bench.host.entry(at: place)?.identity
        let report = try await restore([source("web", at: place)])
        #expect(report.record.outcome == .succeeded, "\(report.record.failures)")
        #expect(try bench.host.entry(at: place)?.identity == before)
        #expect(content("live/web/page") == "new")
        #expect(content("live/web/only-here") == nil)
        let engine = bench.engine([source("web", at: place)])
        let undone = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        #expect(undone.record.outcome == .succeeded, "\(undone.record.failures)")
        #expect(content("live/web/page") == "old" && content("live/web/only-here") == "mine")
        let keeping = KeptAside(engine)
        _ = try await keeping.discard(try keeping.find(nil))
        #expect(try names("live/web").filter { !$0.hasPrefix(".") } == ["only-here", "page"])
    }

    @Test func `a folder below which something is mounted is refused before anything is read`() async throws {
        let place = bench.folder["live/web"]
        bench.host.change {
            $0.mounts.append(MountPoint(path: place + "/data", device: 2, fileSystem: "ext4", isReadOnly: false))
        }
        await bench.backup(three)
        await #expect { try await plan(bench.engine(three)) } throws: { "\($0)".contains("is mounted at") }
    }

    // MARK: Refusals

    @Test func `a place that is a link is refused`() async throws {
        try FileManager.default.removeItem(atPath: bench.folder["live/web"])
        try FileManager.default.createSymbolicLink(
            atPath: bench.folder["live/web"], withDestinationPath: bench.folder["live/conf"])
        await bench.backup(three)
        await #expect { try await plan(bench.engine(three)) } throws: { "\($0)".contains("symbolic link") }
    }

    @Test func `a program that writes there stops it, unless it is told to go on`() async throws {
        let writer = FileWriter(pid: 7, program: "mysqld", path: bench.folder["live/web/page"])
        bench.host.change { $0.writers = [writer] }
        let report = try await restore(three)
        #expect(report.record.says("mysqld (process 7) is writing"))
        try expectOld()
        var options = InPlaceOptions()
        options.whileInUse = true
        let engine = bench.engine(three)
        let forced = await InPlaceRun(engine, try await plan(engine, options)).run()
        #expect(forced.record.outcome == .succeeded)
        try expectNew()
    }

    @Test func `who uses a place without an open file stops it too`() async throws {
        var sources = three
        sources[1].usedBy = "container web runs with it"
        let report = try await restore(sources)
        #expect(report.record.says("container web runs with it"))
        try expectOld()
    }

    @Test func `too little room is told by the plan`() async throws {
        await bench.backup(three)
        bench.host.change { $0.defaultRoom.free = .zero }
        #expect(try await plan(bench.engine(three)).tooSmall.count == 1)
    }

    @Test func `how long it will take is told by the newest drill`() async throws {
        await bench.backup(three)
        let engine = bench.engine(three)
        #expect(try await plan(engine).expected == nil)
        var run = engine.newRecord(.drill)
        run.outcome = .succeeded
        var drill = DrillRecord(selection: "latest", repository: bench.repository.spec.name, location: "/r")
        let list = try await PointList(engine).load(loadingManifests: true)
        let part = try #require(list.points.first?.entries.first?.part)
        var drilled = DrilledPart(part, run: run.id)
        (drilled.bytes, drilled.duration) = (.mebibytes(100), .seconds(50))
        drill.parts = [drilled]
        run.drill = drill
        try bench.store.begin(run)
        try bench.store.update(run)
        let made = try await plan(engine)
        #expect(made.expected == .seconds(50) * (Double(made.bytes.bytes) / Double(100 << 20)))
    }

    @Test func `what has no place is left out, and told where it alone was asked for`() async throws {
        let sources = [ScriptedSource("dump"), source("web", at: bench.folder["live/web"])]
        await bench.backup(sources)
        let engine = bench.engine(sources)
        let plan = try await plan(engine)
        #expect(plan.warnings.contains { $0.contains("dump /data is left out: a test says so") })
        var options = InPlaceOptions()
        options.only = [SourceName(unchecked: "dump")]
        await #expect { try await self.plan(engine, options) } throws: {
            "\($0)".contains("cannot be restored into place")
        }
    }

    @Test func `a backup that runs keeps a restore waiting`() async throws {
        await bench.backup(three)
        let engine = bench.engine(three)
        let lock = try await bench.locks.acquire(
            .profile(Bench.profile), mode: .exclusive, purpose: "backup", wait: .zero)
        let report = await InPlaceRun(engine, try await plan(engine)).run()
        #expect(report.record.outcome == .skipped, "\(report.record.failures)")
        lock.release()
        #expect(databases.all == ["app": "old"])
    }

    @Test(arguments: [RunMoment.staged, .settlementJournaled, .settled])
    func `cancelled at any moment, all is as it was or all is new`(place: RunMoment) async throws {
        await bench.backup(three)
        var engine = bench.engine(three)
        let plan = try await plan(engine)
        engine.moment = { if $0 == place { withUnsafeCurrentTask { $0?.cancel() } } }
        let report = await Task { [engine] in await InPlaceRun(engine, plan).run() }.value
        if place == .staged {
            #expect(report.record.outcome == .interrupted)
            try expectOld()
        } else {
            // It came too late, and to say that it was interrupted would be taken for nothing changed.
            #expect(report.record.outcome == .succeeded, "\(report.record.failures)")
            try expectNew()
        }
    }
}
