import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

/// Taking a restore back, and doing without what it kept.
extension InPlaceTests {
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

    @Test(arguments: [true, false])
    func `what was kept and is no longer there is not taken for nothing`(isDatabase: Bool) async throws {
        let report = try await restore(three)
        for place in report.keptAside {
            if isDatabase {
                if !place.hasPrefix("/") { try await databases.drop(String(place.dropFirst("database ".count))) }
            } else if place.contains("web") {
                try FileManager.default.moveItem(atPath: place, toPath: bench.folder["elsewhere"])
            }
        }
        let engine = bench.engine(three)
        let undone = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        #expect(undone.record.says("was moved or removed by somebody"), "\(undone.record.failures)")
        #expect(content("live/web/page") == "new" && databases.all["app"] == "new", "nothing was touched")
        #expect(try entries.count == 1)
    }

    @Test func `where the profile names another server by now, nothing is undone or forgotten`() async throws {
        _ = try await restore(three)
        databases.becomeAnother()
        let engine = bench.engine(three)
        let keeping = KeptAside(engine)
        let undone = await UndoRun(engine, try keeping.find(nil)).run()
        #expect(undone.record.says("names another server now"), "\(undone.record.failures)")
        try expectNew()
        await #expect { _ = try await keeping.discard(try keeping.find(nil)) } throws: {
            "\($0)".contains("names another server now")
        }
        #expect(try entries.count == 1)
    }

    @Test func `all is in place although nobody can say any more where the former went`() async throws {
        await bench.backup(three)
        var engine = bench.engine(three)
        let databases = databases
        engine.moment = { moment in
            if moment == .allSettled { databases.beAway(.unreachable("the server", detail: "gone", hint: nil)) }
        }
        let report = await InPlaceRun(engine, try await plan(engine)).run()
        #expect(report.record.outcome == .succeeded && report.restored.count == 3, "\(report.record.failures)")
        #expect(report.record.says("could not be looked at"))
        #expect(report.keptAside.count == 3)
        databases.beAway(nil)
        try expectNew()
    }

    @Test func `names that are cut are told apart`() throws {
        let (one, two) = ("customer_production_database_eu_west_1", "customer_production_database_eu_west_2")
        let run = try #require(RunID(rawValue: "20261122T015513Z-da0825"))
        let names = [one, two].map { databases.asideName(of: $0, by: run) }
        #expect(names[0] != names[1] && names.allSatisfy { $0.utf8.count == 63 }, "\(names)")
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
        let (engine, first, second) = try await restorePageThenFolder()
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
}
