import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

extension InPlaceTests {
    func source(_ name: String, at path: String) -> ScriptedSource {
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

    func database(_ name: String = "db") -> ScriptedSource {
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

    var three: [ScriptedSource] {
        [database(), source("web", at: bench.folder["live/web"]), source("xconf", at: bench.folder["live/conf"])]
    }

    func plan(_ engine: Engine, _ options: InPlaceOptions = InPlaceOptions()) async throws -> InPlacePlan {
        let list = try await PointList(engine).load(loadingManifests: true)
        let point = try list.restorePoints.resolve("latest", now: bench.clock.now, timeZone: .gmt)
        return try await InPlacePlanner(engine).plan(point, options)
    }

    func restore(_ sources: [ScriptedSource]) async throws -> RestoreRun.Report {
        await bench.backup(sources)
        let engine = bench.engine(sources)
        return await InPlaceRun(engine, try await plan(engine)).run()
    }

    /// What the first put aside goes aside once more, with the folder that the second exchanges.
    func restorePageThenFolder() async throws -> (
        engine: Engine, first: RestoreRun.Report, second: RestoreRun.Report
    ) {
        let web = source("web", at: bench.folder["live/web"])
        await bench.backup([web])
        let engine = bench.engine([web])
        var options = InPlaceOptions()
        options.paths = [bench.folder["live/web/page"]]
        let first = await InPlaceRun(engine, try await plan(engine, options)).run()
        #expect(first.record.outcome == .succeeded, "\(first.record.failures)")
        let second = await InPlaceRun(engine, try await plan(engine)).run()
        #expect(second.record.outcome == .succeeded, "\(second.record.failures)")
        return (engine, first, second)
    }

    func content(_ path: String) -> String? {
        FileManager.default.contents(atPath: bench.folder[path]).map { String(decoding: $0, as: UTF8.self) }
    }

    func names(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: bench.folder[path]).sorted()
    }

    var entries: [JournalEntry] { get throws { try bench.journal.entries(profile: Bench.profile) } }

    func expectOld(_ location: Testing.SourceLocation = #_sourceLocation) throws {
        #expect(content("live/web/page") == "old", sourceLocation: location)
        #expect(content("live/conf/app.ini") == "old", sourceLocation: location)
        #expect(databases.all == ["app": "old"], sourceLocation: location)
        #expect(try names("live") == ["conf", "web"], sourceLocation: location)
        #expect(try bench.isClean, sourceLocation: location)
    }

    func expectNew(_ location: Testing.SourceLocation = #_sourceLocation) throws {
        #expect(content("live/web/page") == "new", sourceLocation: location)
        #expect(try names("live/conf") == ["page"], sourceLocation: location)
        #expect(databases.all["app"] == "new", sourceLocation: location)
        #expect(databases.all.count == 2, "the old one is kept", sourceLocation: location)
        #expect(try names("live").count == 4, "two folders and two kept aside", sourceLocation: location)
    }
}
