import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import BackupEngine

/// What lies aside: how large it is, and that no backup takes it for what it lies in.
extension InPlaceTests {
    @Test func `what is kept is told with its size, and as gone where somebody has removed it`() async throws {
        try bench.folder.write(String(repeating: "x", count: 5000), to: "live/conf/deep/large")
        let report = try await restore(three)
        let keeping = KeptAside(bench.engine(three))
        let all = try keeping.all()
        let places = all.flatMap { $0.settlement.steps.map(\.place) }
        var found = try #require(try keeping.sizes(of: all)[report.record.id])
        let conf = try #require(places.firstIndex { $0.hasSuffix("/conf") })
        let database = try #require(places.firstIndex { $0.hasPrefix("database") })
        #expect(found[conf] == .size(5003, isAtLeast: false) && found[database] == .unasked, "\(found)")
        try FileManager.default.removeItem(atPath: all[0].settlement.steps[conf].aside)
        found = try #require(try keeping.sizes(of: all)[report.record.id])
        #expect(found[conf] == .gone, "\(found)")
    }

    @Test func `what a later restore has put aside along is told with where it lies now`() async throws {
        let (engine, first, second) = try await restorePageThenFolder()
        let keeping = KeptAside(engine)
        let sizes = try keeping.sizes(of: try keeping.all())
        let place = bench.folder["live/web.before-\(second.record.id)/page.before-\(first.record.id)"]
        #expect(sizes[first.record.id] == [.moved(to: place, 3)], "\(sizes)")
    }

    @Test func `captures are told of what is kept, until it is kept no more`() async throws {
        let told = Mutex<[String]>(["?"])
        var watching = source("web", at: bench.folder["live/web"])
        watching.capturing = { context, store throws(SourceError) in
            told.withLock { $0 = context.keptAside }
            return [try await ScriptedSource.part("/data", store)]
        }
        let report = try await restore([watching])
        #expect(told.withLock { $0 }.isEmpty)
        await bench.backup([watching])
        #expect(told.withLock { $0 } == [bench.folder["live/web.before-\(report.record.id)"]])
        let engine = bench.engine([watching])
        let undone = await UndoRun(engine, try KeptAside(engine).find(nil)).run()
        await bench.backup([watching])
        #expect(told.withLock { $0 } == [bench.folder["live/web.before-\(undone.record.id)"]], "the other one now")
        _ = try await KeptAside(engine).discard(try KeptAside(engine).find(nil))
        await bench.backup([watching])
        #expect(told.withLock { $0 }.isEmpty)
    }

    /// What a killed restore has not settled may be all that there is of it.
    @Test func `what is not settled is captured like anything else`() async throws {
        let exchange = Settlement.Exchange(
            source: SourceName(unchecked: "web"), staged: nil, place: "/srv/web", aside: "/srv/web.before-x",
            identity: FileIdentity(device: 1, inode: 2))
        let run = RunID(unchecked: "20261121T020000Z-000001")
        let settlement = Settlement(run: run, origin: "x", began: bench.clock.now, steps: [.path(exchange)])
        let dead = ProcessIdentity(pid: 77, startTime: 1, bootID: "gone")
        for (id, action) in [("settle", JournalEntry.Action.settle(settlement)), ("keep", .keep(settlement))] {
            try bench.journal.add(
                JournalEntry(id: id, run: run, profile: Bench.profile, order: 0, process: dead, action: action))
            let paths = try KeptAside(bench.engine()).paths()
            #expect(paths == (id == "keep" ? ["/srv/web.before-x"] : []))
        }
    }
}
