import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Paths that a restore is told")
struct ChosenPathsTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    /// A tree at `roots`.
    private func tree(_ name: String, _ roots: String) -> ScriptedSource {
        var source = ScriptedSource(name) { _, store throws(SourceError) in
            var part = try await ScriptedSource.part("/", store)
            part.restoreNotes[ManifestPart.rootsNote] = roots
            return [part]
        }
        source.placing = { _ throws(SourceError) in
            .whole([LivePlace.Path(restored: "/srv/app", live: "/volumes/app")])
        }
        return source
    }

    private func point(_ sources: [ScriptedSource], has paths: [String], in source: String) async throws -> RestorePoint
    {
        await bench.backup(sources)
        let list = try await PointList(bench.engine(sources)).load(loadingManifests: true)
        let point = try list.restorePoints.resolve("latest", now: bench.clock.now, timeZone: .gmt)
        let held = try #require(point.entries.first { $0.part.source.rawValue == source })
        bench.repository.change { $0.entries[held.part.snapshot] = paths }
        return point
    }

    private func require(_ paths: [String], _ point: RestorePoint, _ sources: [ScriptedSource]) async throws {
        var options = RestoreOptions(directory: "/restored")
        options.paths = paths
        try await ChosenPaths(bench.engine(sources)).require(try RestorePlan(point, options))
    }

    private func failure(_ body: () async throws -> Void) async throws -> Failure {
        do { try await body() } catch { return try #require(error as? Failure, "\(error)") }
        throw Failure("nothing was thrown")
    }

    @Test func `that the point does not have are told, with where to look for them`() async throws {
        let web = tree("web", #"["/srv/app"]"#)
        let point = try await point([web], has: ["/srv/app", "/srv/app/a", "/srv/app/it's [1].txt"], in: "web")
        try await require(["/srv/app/a", "/srv/app/it's [1].txt", "/srv/app"], point, [web])
        let told = try await failure { try await require(["/srv/app/a", "/srv/app/it's"], point, [web]) }
        #expect(told.description == "restore point \(point.run) has nothing at /srv/app/it's (source web)")
        #expect(told.hint?.contains(#"holdfast find 'it'\''s' -p home"#) == true, "\(told)")
        #expect(told.kind == .notFound)
    }

    /// A pattern would match more than it says.
    @Test func `are paths and no patterns`() async throws {
        let web = tree("web", #"["/srv/app"]"#)
        let point = try await point([web], has: ["/srv/app/abc"], in: "web")
        _ = try await failure { try await require(["/srv/app/a*"], point, [web]) }
        _ = try await failure { try await require(["/srv/app/bc"], point, [web]) }
    }

    @Test func `that another source has are told with its name`() async throws {
        let sources = [tree("all", #"["/srv"]"#), tree("web", #"["/srv/app"]"#)]
        let point = try await point(sources, has: ["/srv/app/a"], in: "web")
        let told = try await failure { try await require(["/srv/app/a"], point, sources) }
        #expect(told.hint == "source web has it: add --only web", "\(told)")
    }

    @Test func `of a dump are not looked for in a tree`() async throws {
        let point = try await point([ScriptedSource("db")], has: [], in: "db")
        try await require(["/data"], point, [ScriptedSource("db")])
    }

    @Test func `are looked for where they were stored, wherever they live now`() async throws {
        let volume = tree("volume", #"["/srv/app"]"#)
        let point = try await point([volume], has: ["/srv/app/a"], in: "volume")
        var options = InPlaceOptions()
        options.paths = ["/volumes/app/a"]
        let engine = bench.engine([volume])
        try await ChosenPaths(engine).require(try await InPlacePlanner(engine).plan(point, options))
        options.paths = ["/volumes/app/b"]
        let plan = try await InPlacePlanner(engine).plan(point, options)
        let told = try await failure { try await ChosenPaths(engine).require(plan) }
        #expect(told.description.contains("has nothing at /volumes/app/b"), "\(told)")
    }
}
