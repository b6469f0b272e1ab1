import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

/// Killed while it restores, and what the next run makes of that.
extension InPlaceTests {
    /// Stops the run for good at a moment: what it would do afterwards is not done.
    func kill(_ sources: [ScriptedSource], at place: RunMoment, occurrence: Int = 1) async throws {
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
        let work = Task { [stopping, record] in
            try await Settling(engine: stopping, run: record.id).carryOut(settlement)
        }
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

    /// A server that is gone for good, with something on it that was loaded for a restore and took nobody's place.
    @Test func `a half loaded database on a server that is away keeps nobody from a backup, and can be given up`()
        async throws
    {
        try await kill(three, at: .staged)
        databases.beAway(.unreachable("the server", detail: "gone", hint: nil))
        let web = [source("web", at: bench.folder["live/web"])]
        let backup = await bench.backup(web)
        #expect(backup.outcome == .succeeded, "\(backup.failures)")
        let record = await RecoverRun(bench.engine(three)).run()
        #expect(record.outcome == .succeeded && record.says("left for the next run to drop"), "\(record.failures)")
        #expect(record.says("recover --forget loading1-"), "\(record.notices)")
        databases.beAway(nil)
        _ = await RecoverRun(bench.engine(three)).run()
        try expectOld()
        #expect(try entries.isEmpty)
    }

    @Test func `where the profile no longer has the source, nothing is taken for done`() async throws {
        try await kill(three, at: .settled)
        let record = await RecoverRun(bench.engine([source("web", at: bench.folder["live/web"])])).run()
        #expect(record.says("has no database server any more"), "\(record.failures)")
        #expect(try entries.contains { if case .settle = $0.action { true } else { false } })
        _ = await RecoverRun(bench.engine(three)).run()
        try expectNew()
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

    // MARK: Side files that come along

    /// A folder with a database and its log, as raw files.
    private func raw(mounted: Bool) throws -> ScriptedSource {
        try bench.folder.write("old", to: "live/web/app.db")
        try bench.folder.write("log of old", to: "live/web/app.db-wal")
        let place = bench.folder["live/web"]
        if mounted {
            bench.host.change {
                $0.mounts.append(MountPoint(path: place, device: 2, fileSystem: "ext4", isReadOnly: false))
            }
        }
        var source = source("web", at: place)
        source.restoring = { request, _ throws(SourceError) in
            let folder = request.directory + "/tree"
            do {
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                for (name, text) in [("app.db", "new"), ("app.db-wal", "log of new")] {
                    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
                }
            } catch { throw .unreadable(folder, reason: "\(error)") }
            return RestoreReport(place: folder, bytes: 3, files: 2, proofs: ["2 files"])
        }
        if !mounted {
            source.placing = { _ throws(SourceError) in .merged([LivePlace.Path(restored: "/tree", live: place)]) }
        }
        return source
    }

    private func expect(_ state: String, _ location: Testing.SourceLocation = #_sourceLocation) {
        #expect(content("live/web/app.db") == state, sourceLocation: location)
        #expect(content("live/web/app.db-wal") == "log of \(state)", sourceLocation: location)
    }

    @Test(arguments: [true, false])
    func `a raw database and its log change places together, forth and back`(mounted: Bool) async throws {
        let source = try raw(mounted: mounted)
        let report = try await restore([source])
        #expect(report.record.outcome == .succeeded, "\(report.record.failures)")
        expect("new")
        let engine = bench.engine([source])
        let undone = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        #expect(undone.record.outcome == .succeeded, "\(undone.record.failures)")
        expect("old")
        let again = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        #expect(again.record.outcome == .succeeded, "\(again.record.failures)")
        expect("new")
    }

    @Test(arguments: [true, false])
    func `a raw database and its log come back together when a later step fails`(mounted: Bool) async throws {
        databases.fail(with: .busy("the database", detail: "somebody is in it"))
        let report = try await restore([try raw(mounted: mounted), database()])
        #expect(report.record.outcome == .failed && report.record.says("somebody is in it"))
        #expect(!report.record.says("could not be put back"), "\(report.record.failures)")
        expect("old")
        #expect(try entries.isEmpty)
        #expect(try !names("live/web").contains { $0.hasPrefix(".holdfast") }, "an empty folder was left")
    }

    @Test(arguments: [true, false])
    func `killed when its log is there already and it is not, each goes where it belongs`(goesOn: Bool) async throws {
        let source = try raw(mounted: true)
        try await kill([source, database()], at: .besidePlace)
        let settling = try entries.compactMap { entry -> Settlement? in
            if case .settle(let settlement) = entry.action { settlement } else { nil }
        }
        let steps = try #require(settling.first).steps
        guard case .path(let exchange) = steps[0], let staged = exchange.staged else { return #expect(Bool(false)) }
        let manager = FileManager.default
        try manager.moveItem(atPath: exchange.place + "-wal", toPath: exchange.aside + "-wal")
        try manager.moveItem(atPath: staged + "-wal", toPath: exchange.place + "-wal")
        if !goesOn { databases.fail(with: .unreachable("the server", detail: "down", hint: nil)) }
        let record = await RecoverRun(bench.engine([source, database()])).run()
        #expect(record.outcome == .succeeded, "\(record.failures)")
        expect(goesOn ? "new" : "old")
    }
}
