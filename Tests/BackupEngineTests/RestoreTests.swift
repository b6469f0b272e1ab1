import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Restoring")
struct RestoreTests {
    private static let two = [ScriptedSource("db"), ScriptedSource("web")]

    private func latest(_ bench: Bench) async throws -> RestorePoint {
        let list = try await PointList(bench.engine()).load(loadingManifests: true)
        return try list.restorePoints.resolve("latest", now: bench.clock.now, timeZone: .gmt)
    }

    private func plan(_ bench: Bench, _ change: (inout RestoreOptions) -> Void = { _ in }) async throws -> RestorePlan {
        var options = RestoreOptions(directory: bench.folder["to"])
        change(&options)
        return try RestorePlan(try await latest(bench), options)
    }

    private func names(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    @Test func `everything is proven in a staging folder and then moved into place`() async throws {
        let bench = try Bench()
        await bench.backup(Self.two)
        let report = await RestoreRun(bench.engine(Self.two), try await plan(bench)).run()
        #expect(report.record.outcome == .succeeded)
        #expect(try names(bench.folder["to"]) == ["db", "web"])
        #expect(try names(bench.folder["to/db"]) == ["restored"])
        #expect(report.restored.map(\.report.place) == ["db", "web"].map { bench.folder["to/\($0)/restored"] })
        #expect(report.keptAside.isEmpty)
        #expect(try bench.isClean)
        let restored = try #require(report.record.step(.restore, "web /data"))
        #expect(restored.outcome == .succeeded && restored.bytes == 1 && restored.duration != nil)
        #expect(report.record.step(.settle)?.outcome == .succeeded)
    }

    @Test func `a part that fails leaves nothing in place and nothing behind`() async throws {
        let bench = try Bench()
        await bench.backup(Self.two)
        var web = ScriptedSource("web")
        web.restoring = { _, _ throws(SourceError) in throw .mismatch(what: "rows", expected: "3", found: "2") }
        let report = await RestoreRun(bench.engine([ScriptedSource("db"), web]), try await plan(bench)).run()
        #expect(report.record.outcome == .failed)
        #expect(report.record.says("expected 3, found 2"))
        #expect(report.record.step(.restore, "web /data")?.detail?.contains("found 2") == true)
        #expect(report.record.step(.settle) == nil)
        #expect(try names(bench.folder["to"]) == [])
        #expect(try bench.isClean)
    }

    @Test func `a part that is said to be restored and is not there fails the restore`() async throws {
        let bench = try Bench()
        await bench.backup()
        var source = ScriptedSource("db")
        source.restoring = { request, _ throws(SourceError) in
            RestoreReport(place: request.directory + "/restored", bytes: 1, proofs: ["1 file"])
        }
        let report = await RestoreRun(bench.engine([source]), try await plan(bench)).run()
        #expect(report.record.outcome == .failed)
        #expect(report.record.says("db /data was read and left nothing"))
        #expect(try names(bench.folder["to"]) == [])
    }

    @Test func `what is there already is not touched`() async throws {
        let bench = try Bench()
        await bench.backup()
        try bench.folder.write("mine", to: "to/db/note")
        let report = await RestoreRun(bench.engine(), try await plan(bench)).run()
        #expect(report.record.outcome == .failed)
        #expect(report.record.says("is there already"))
        #expect(try names(bench.folder["to/db"]) == ["note"])
    }

    @Test func `what came to be there meanwhile is not touched either`() async throws {
        let bench = try Bench()
        await bench.backup()
        var source = ScriptedSource("db")
        let folder = bench.folder
        source.restoring = { request, context throws(SourceError) in
            do { try folder.write("mine", to: "to/db/note") } catch { throw .unreadable("note", reason: "\(error)") }
            return try await ScriptedSource.writeOneFile(request, context)
        }
        let report = await RestoreRun(bench.engine([source]), try await plan(bench)).run()
        #expect(report.record.says("is there already"))
        #expect(try names(bench.folder["to/db"]) == ["note"])
        #expect(try names(bench.folder["to"]) == ["db"])
    }

    @Test func `with exact it is kept beside`() async throws {
        let bench = try Bench()
        await bench.backup()
        try bench.folder.write("mine", to: "to/db/note")
        let report = await RestoreRun(bench.engine(), try await plan(bench) { $0.exact = true }).run()
        #expect(report.record.outcome == .succeeded)
        #expect(try names(bench.folder["to/db"]) == ["restored"])
        #expect(report.keptAside.count == 1)
        for path in report.keptAside { #expect(try names(path) == ["note"]) }
    }

    @Test func `an empty folder is no obstacle`() async throws {
        let bench = try Bench()
        await bench.backup()
        try FileManager.default.createDirectory(atPath: bench.folder["to/db"], withIntermediateDirectories: true)
        #expect(await RestoreRun(bench.engine(), try await plan(bench)).run().record.outcome == .succeeded)
    }

    @Test func `a link in a source's place is in the way, and with exact it is kept beside`() async throws {
        let bench = try Bench()
        await bench.backup()
        try FileManager.default.createDirectory(atPath: bench.folder["to"], withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: bench.folder["to/db"], withDestinationPath: "/nowhere")
        #expect(await RestoreRun(bench.engine(), try await plan(bench)).run().record.says("is there already"))
        let report = await RestoreRun(bench.engine(), try await plan(bench) { $0.exact = true }).run()
        #expect(report.record.outcome == .succeeded, "\(report.record.failures)")
        #expect(try names(bench.folder["to/db"]) == ["restored"])
        let kept = try #require(report.keptAside.first)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: kept) == "/nowhere")
    }

    @Test func `a link in the place of the folder is refused`() async throws {
        let bench = try Bench()
        await bench.backup()
        try FileManager.default.createDirectory(atPath: bench.folder["real"], withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: bench.folder["to"], withDestinationPath: bench.folder["real"])
        let report = await RestoreRun(bench.engine(), try await plan(bench)).run()
        #expect(report.record.says("is a symbolic link"))
        #expect(try names(bench.folder["real"]).isEmpty)
    }

    @Test func `a notice of a restore is in its record`() async throws {
        let bench = try Bench()
        await bench.backup()
        var source = ScriptedSource("db")
        source.restoring = { request, context throws(SourceError) in
            context.notice("owner left out")
            return try await ScriptedSource.writeOneFile(request, context)
        }
        let report = await RestoreRun(bench.engine([source]), try await plan(bench)).run()
        #expect(try bench.store.run(report.record.id)?.notices == ["db: owner left out"])
    }

    // MARK: - The plan

    @Test func `parts of an older run are named before anything is written`() async throws {
        let bench = try Bench()
        let first = await bench.backup(Self.two)
        let broken = ScriptedSource("web") { _, _ throws(SourceError) in throw .unmounted(path: "/srv") }
        let second = await bench.backup([ScriptedSource("db"), broken])
        let plan = try await plan(bench)
        #expect(plan.items.map(\.run) == [second.id, first.id])
        #expect(plan.warnings.contains { $0.contains("comes from run \(first.id)") })
        #expect(plan.warnings.contains { $0 == "web was not captured by run \(second.id): nothing is mounted at /srv" })
        let only = try await self.plan(bench) { $0.only = ["db"] }
        #expect(only.warnings.isEmpty)
    }

    @Test func `a source of which a part is missing is said not to be whole`() async throws {
        let bench = try Bench()
        let source = ScriptedSource("db") { _, store throws(SourceError) in
            throw .incomplete([try await ScriptedSource.part("/a.sql", store)], failures: [Failure("b broke off")])
        }
        await bench.backup([source])
        #expect(
            try await plan(bench).warnings.contains {
                $0.contains("db was not wholly captured") && $0.contains("b broke off")
            })
    }

    @Test func `a part that is not good, or stands in for one, is named`() async throws {
        let bench = try Bench()
        await bench.backup()
        let damaged = ScriptedSource("db") { _, store throws(SourceError) in
            [try await ScriptedSource.part("/data", store, condition: .damaged)]
        }
        await bench.backup([damaged])
        #expect(try await plan(bench).warnings.contains { $0.contains("this is the newest good one") })
    }

    @Test func `a source that the point lacks is told`() async throws {
        let bench = try Bench()
        await bench.backup()
        await #expect { try await self.plan(bench) { $0.only = ["mail"] } } throws: { error in
            (error as? Failure)?.kind == .notFound && (error as? Failure)?.hint?.contains("db") == true
        }
    }

    @Test func `a source that the profile has and the point lacks is told with the cause, and cannot be asked for`()
        async throws
    {
        let bench = try Bench()
        await bench.backup(Self.two)
        let broken = ScriptedSource("mail") { _, _ throws(SourceError) in throw .unmounted(path: "/mail") }
        let newest = await bench.backup([ScriptedSource("db"), broken])
        for snapshot in bench.parts where snapshot.stamp?.source == "web" { bench.repository.remove(snapshot.id) }
        let sources: [SourceName] = ["db", "mail", "new", "web"]
        let point = try await latest(bench)
        let plan = try RestorePlan(point, RestoreOptions(directory: "/to"), sources: sources)
        #expect(plan.missing.map(\.source) == ["mail", "new", "web"])
        #expect(plan.missing[0].cause == "run \(newest.id) did not capture it: nothing is mounted at /mail")
        #expect(plan.missing[1].cause == "there is no backup of it from then or before")
        #expect(plan.missing[2].cause.hasSuffix("stored it, and it has been removed since"))
        #expect(plan.missing.allSatisfy { plan.warnings.contains($0.description) })

        var options = RestoreOptions(directory: "/to")
        options.only = ["db"]
        #expect(try RestorePlan(point, options, sources: sources).missing.isEmpty)
        options.only = ["db", "web"]
        #expect {
            try RestorePlan(point, options, sources: sources)
        } throws: { error in
            (error as? Failure)?.kind == .notFound
                && (error as? Failure)?.description.contains("nothing of source web: run") == true
        }
    }

    @Test func `one database takes one dump`() async throws {
        let bench = try Bench()
        let source = ScriptedSource("db") { _, store throws(SourceError) in
            var reports = [
                try await ScriptedSource.part("/a.sql", store), try await ScriptedSource.part("/b.sql", store),
            ]
            for index in reports.indices { reports[index].facts.rows = ["t": 1] }
            return reports
        }
        await bench.backup([source, ScriptedSource("web")])
        await #expect { try await self.plan(bench) { $0.databases = ["db": "new"] } } throws: { error in
            (error as? Failure)?.kind == .usage && (error as? Failure)?.description.contains("2 databases") == true
        }
        await #expect { try await self.plan(bench) { $0.databases = ["web": "new"] } } throws: { error in
            (error as? Failure)?.description.contains("no database dump") == true
        }
    }
}
