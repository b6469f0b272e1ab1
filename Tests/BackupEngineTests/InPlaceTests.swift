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

    // MARK: Places in places

    /// The name of the inner one comes first.
    @Test func `a place inside another's folder comes back, and undoing brings back both as they were`() async throws {
        try bench.folder.write("old", to: "live/web/inner/page")
        let sources = [
            source("a-inner", at: bench.folder["live/web/inner"]), source("outer", at: bench.folder["live/web"]),
        ]
        let report = try await restore(sources)
        #expect(report.record.outcome == .succeeded, "\(report.record.failures)")
        #expect(content("live/web/page") == "new" && content("live/web/inner/page") == "new")
        let engine = bench.engine(sources)
        let undone = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        #expect(undone.record.outcome == .succeeded, "\(undone.record.failures)")
        #expect(content("live/web/page") == "old" && content("live/web/inner/page") == "old")
        #expect(try !names("live").contains { $0.hasPrefix(".holdfast") })
        #expect(try !names("live/web").contains { $0.hasPrefix(".holdfast") })
    }

    // MARK: Other profiles

    @Test func `what the profile no longer has is left as it is, unless it is asked for`() async throws {
        let (gone, stays) = (source("gone", at: bench.folder["live/conf"]), source("web", at: bench.folder["live/web"]))
        await bench.backup([gone, stays])
        bench.clock.advance(by: .seconds(60))
        await bench.backup([stays])
        var engine = bench.engine([stays])
        engine.restorer = bench.engine([gone, stays]).restorer
        let made = try await plan(engine)
        #expect(made.targets.map(\.item.part.source.rawValue) == ["web"])
        #expect(made.warnings.contains { $0.contains("the profile no longer has this source") }, "\(made.warnings)")
        var options = InPlaceOptions()
        options.only = [SourceName(unchecked: "gone")]
        #expect(try await plan(engine, options).targets.count == 1)
    }

    @Test func `a database whose source the profile no longer has is refused, for nobody knows its server`()
        async throws
    {
        await bench.backup(three)
        var changed = bench.engine([source("web", at: bench.folder["live/web"])])
        changed.restorer = bench.engine(three).restorer
        let engine = changed
        await #expect { try await plan(engine) } throws: { "\($0)".contains("nobody knows which server") }
        try expectOld()
    }

    @Test func `two sources of one place are refused before anything is read`() async throws {
        let sources = [source("one", at: bench.folder["live/web"]), source("two", at: bench.folder["live/web"])]
        await bench.backup(sources)
        await #expect { try await plan(bench.engine(sources)) } throws: { "\($0)".contains("both one and two live at") }
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

    @Test func `all in place and no room to note it is said as what it is, and recovery notes it`() async throws {
        await bench.backup(three)
        var engine = bench.engine(three)
        let plan = try await plan(engine)
        engine.moment = { [bench] moment in
            if moment == .allSettled { bench.journal.fail(with: .full(path: "/state", reason: "no space left")) }
        }
        let report = await InPlaceRun(engine, plan).run()
        let failure = try #require(report.record.failures.first)
        #expect(report.record.outcome == .failed && failure.kind == .destinationFull)
        #expect(failure.description.hasPrefix("all of it is in place, and that cannot be noted: "), "\(failure)")
        #expect(failure.hint?.contains("holdfast recover") == true)
        #expect(content("live/web/page") == "new" && databases.all["app"] == "new")
        bench.journal.fail(with: nil)
        // Another process, later.
        bench.host.change {
            $0.processes = [4243: (2000, "holdfast")]
            $0.currentPID = 4243
        }
        #expect(await RecoverRun(bench.engine(three)).runLocally().outcome == .succeeded)
        try expectNew()
        #expect(try KeptAside(bench.engine(three)).find(nil).isSettled)
    }

    @Test(arguments: [RunMoment.staged, .settlementJournaled, .settled])
    func `cancelled at any moment, all is as it was or all is new`(place: RunMoment) async throws {
        await bench.backup(three)
        var engine = bench.engine(three)
        let plan = try await plan(engine)
        let (reached, tell) = AsyncStream.makeStream(of: Void.self)
        let (cancelled, goOn) = AsyncStream.makeStream(of: Void.self)
        engine.moment = { moment in
            guard moment == place else { return }
            tell.finish()
            // The moment lasts until the run has been told.
            for await _ in cancelled {}
        }
        let run = Task { [engine] in await InPlaceRun(engine, plan).run() }
        for await _ in reached {}
        run.cancel()
        goOn.finish()
        let report = await run.value
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
