import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Drills")
struct DrillTests {
    static let two = [ScriptedSource("db"), ScriptedSource("web")]

    func source(_ name: String, restoring: @escaping ScriptedSource.Restore) -> ScriptedSource {
        var source = ScriptedSource(name)
        source.restoring = restoring
        return source
    }

    func drill(
        _ bench: Bench, _ sources: [ScriptedSource] = DrillTests.two, _ change: (inout DrillRequest) -> Void = { _ in },
        engine alter: (inout Engine) -> Void = { _ in }
    ) async -> RunRecord {
        var request = DrillRequest()
        change(&request)
        var engine = bench.engine(sources)
        alter(&engine)
        return await DrillRun(engine, request).run()
    }

    func evidence(_ run: RunRecord) throws -> DrillRecord { try #require(run.drill) }

    @Test func `everything is restored, proven, timed, and removed`() async throws {
        let bench = try Bench()
        let backup = await bench.backup(Self.two)
        let run = await drill(bench)
        #expect(run.outcome == .succeeded && run.exitStatus(strict: false) == .success, "\(run.failures)")
        let drill = try evidence(run)
        #expect(drill.verdict == .proven && drill.isWholeProof && drill.point == backup.id)
        #expect(drill.parts.map(\.title) == ["db /data", "web /data"] && drill.bytes == 2)
        #expect(drill.parts.allSatisfy { $0.proofs == ["1 file"] && $0.run == backup.id })
        #expect(drill.dataAge(at: run.started).map { $0 >= .seconds(3600) } == true)
        #expect(drill.identity == MemoryRepository.identity.id)
        #expect(try bench.store.run(run.id)?.drill == drill)
        #expect(try bench.isClean)
        #expect(run.step(.restore, "web /data")?.outcome == .succeeded)
    }

    @Test func `a part that is not what was captured fails it with both figures, and the others go on`() async throws {
        let bench = try Bench()
        await bench.backup(Self.two)
        let db = source("db") { _, _ throws(SourceError) in
            throw .mismatch(what: "table account", expected: "1001 rows", found: "1000 rows")
        }
        let run = await drill(bench, [db, ScriptedSource("web")])
        #expect(run.outcome == .failed && run.exitStatus(strict: false) == .failed)
        #expect(run.says("db /data: table account: expected 1001 rows, found 1000 rows"))
        let drill = try evidence(run)
        #expect(drill.verdict == .failed && !drill.isWholeProof)
        #expect(drill.parts.map(\.verdict) == [.failed, .proven])
        #expect(
            drill.parts[0].findings == [DrillFinding("table account", expected: "1001 rows", found: "1000 rows")])
        #expect(try bench.isClean)
    }

    @Test func `what could not be compared is not proven, exits with 5, and says what to do`() async throws {
        let bench = try Bench()
        await bench.backup([ScriptedSource("db")])
        let db = source("db") { request, context throws(SourceError) in
            var report = try await ScriptedSource.writeOneFile(request, context)
            report.unproven = ["its rows: they were not counted"]
            return report
        }
        let run = await drill(bench, [db])
        #expect(run.outcome == .partial && run.exitStatus(strict: false) == .overdue)
        let failure = try #require(run.failures.first)
        #expect(failure.description.contains("not proven: its rows: they were not counted"))
        #expect(failure.hint?.contains("drill:") == true && failure.kind == .unproven)
        // Nothing hides a failure beside it.
        let web = source("web") { _, _ throws(SourceError) in throw .producedNothing(tool: "restic") }
        await bench.backup(Self.two)
        let both = await drill(bench, [db, web])
        #expect(both.outcome == .failed && both.exitStatus(strict: false) == .failed)
    }

    @Test func `what is not compared on purpose stands in the way of nothing`() async throws {
        let bench = try Bench()
        await bench.backup([ScriptedSource("db")])
        let db = source("db") { request, context throws(SourceError) in
            var report = try await ScriptedSource.writeOneFile(request, context)
            report.unproven = ["table fts: a virtual table"]
            report.excused = report.unproven
            return report
        }
        let run = await drill(bench, [db])
        #expect(run.outcome == .succeeded)
        #expect(run.drill?.parts.first?.excused == ["table fts: a virtual table"])
    }

    @Test(arguments: [PartCondition.partial, .damaged])
    func `what was not whole when it was captured is not proven by coming back`(condition: PartCondition) async throws {
        let bench = try Bench()
        let db = ScriptedSource("db") { _, store throws(SourceError) in
            [try await ScriptedSource.part("/data", store, condition: condition)]
        }
        let backup = await bench.backup([db])
        let run = await drill(bench, [db])
        #expect(run.outcome == .partial && run.drill?.verdict == .unproven, "\(run.failures)")
        #expect(run.failures.first?.hint?.contains("holdfast show \(backup.id)") == true)
    }

    @Test func `a part that is said to be restored and left nothing fails it`() async throws {
        let bench = try Bench()
        await bench.backup([ScriptedSource("db")])
        let db = source("db") { request, _ throws(SourceError) in
            RestoreReport(place: request.directory + "/nowhere", bytes: 9, proofs: ["9 bytes"])
        }
        let run = await drill(bench, [db])
        #expect(run.outcome == .failed && run.says("was read and left nothing"))
        #expect(run.drill?.verdict == .failed)
    }

    @Test func `no secret and no path of scratch gets into the evidence`() async throws {
        let bench = try Bench()
        await bench.backup([ScriptedSource("db")])
        let db = source("db") { request, context throws(SourceError) in
            var report = try await ScriptedSource.writeOneFile(request, context)
            report.proofs = ["hunter2 at \(request.directory)/restored"]
            report.notices = ["hunter2"]
            return report
        }
        let run = await drill(bench, [db])
        let part = try #require(run.drill?.parts.first)
        #expect(part.proofs == ["‹redacted› at /restored"] && part.notices == ["‹redacted›"])
    }

    @Test func `a drill that is cancelled is interrupted and leaves nothing`() async throws {
        let bench = try Bench()
        await bench.backup(Self.two)
        let web = source("web") { _, _ throws(SourceError) in
            withUnsafeCurrentTask { $0?.cancel() }
            throw .cancelled
        }
        let run = await Task { await drill(bench, [ScriptedSource("db"), web]) }.value
        #expect(run.outcome == .interrupted, "\(run.failures)")
        // What it came to was proven, and the whole was not.
        #expect(run.drill?.parts.map(\.title) == ["db /data"] && run.drill?.parts.first?.verdict == .proven)
        #expect(run.drill?.isComplete == false && run.drill?.verdict == .unproven && run.drill?.isWholeProof == false)
        let standings = try StandingReview(bench.engine(Self.two)).standings
        #expect(standings.first { $0.subject == .drill }?.lastSuccess == nil)
        #expect(try bench.isClean)
    }

    // MARK: - The point

    @Test func `random takes an older point, and the newest where there is no other`() async throws {
        let bench = try Bench()
        let first = await bench.backup(Self.two)
        let only = await drill(bench) { $0.point = .random }
        #expect(only.drill?.point == first.id)
        let second = await bench.backup(Self.two)
        await bench.backup(Self.two)
        for _ in 0..<6 {
            let run = await drill(bench) { $0.point = .random }
            #expect(run.drill?.point == first.id || run.drill?.point == second.id)
            #expect(run.drill?.selection == "random" && run.reason == "of random")
        }
        let named = await drill(bench) { $0.point = .named(String(first.id.rawValue.prefix(16))) }
        #expect(named.drill?.point == first.id || named.says("may mean any of"))
    }

    @Test func `a source that the newest point lacks fails it, and an older point without it is no whole proof`()
        async throws
    {
        let bench = try Bench()
        let first = await bench.backup([ScriptedSource("db")])
        let newest = await drill(bench)
        #expect(newest.outcome == .failed && newest.says("web is not in it"))
        #expect(newest.drill?.missing.count == 1 && newest.drill?.leftOut == ["web"])
        await bench.backup(Self.two)
        let older = await drill(bench) { $0.point = .named(first.id.rawValue) }
        #expect(older.outcome == .succeeded, "\(older.failures)")
        #expect(older.drill?.leftOut == ["web"] && older.drill?.isWholeProof == false)
        #expect(older.says("web is not in it"))
    }

    @Test func `only the sources that were asked for are restored`() async throws {
        let bench = try Bench()
        await bench.backup(Self.two)
        let run = await drill(bench) { $0.sources = ["web"] }
        #expect(run.drill?.parts.map(\.title) == ["web /data"] && run.drill?.leftOut == ["db"])
        #expect(run.sources == ["web"] && run.outcome == .succeeded)
    }

    @Test func `an unknown point, or a repository without any, is a recorded failure`() async throws {
        let bench = try Bench()
        let none = await drill(bench)
        #expect(none.outcome == .failed && none.exitStatus(strict: false) == .noRepository)
        await bench.backup(Self.two)
        let unknown = await drill(bench) { $0.point = .named("deadbeef") }
        #expect(unknown.outcome == .failed && unknown.says("no restore point deadbeef"))
        #expect(try bench.store.run(unknown.id)?.outcome == .failed)
    }

    // MARK: - Room and time

    @Test func `a drill that has no room, or more than it may take, begins nothing`() async throws {
        let bench = try Bench()
        await bench.backup(Self.two)
        bench.host.change { $0.defaultRoom = Room(free: 10, total: .mebibytes(1000), freeInodes: 10) }
        let full = await drill(bench)
        #expect(full.outcome == .failed && full.exitStatus(strict: false) == .destinationFull)
        #expect(full.says("has 10 B free") && full.drill?.parts.isEmpty == true)
        bench.host.change { $0.defaultRoom = Room(free: .mebibytes(900), total: .mebibytes(1000), freeInodes: 10) }
        let bounded = await drill(bench) { $0.room = ByteCount.zero }
        #expect(bounded.outcome == .failed && bounded.says("lets a drill take 0 B"))
        #expect(try bench.isClean)
    }

    /// A source whose parts are loaded, or kept until all of them are proven.
    private struct Weighty: DumpSource {
        var base: ScriptedSource
        var isLoaded: Bool
        var spec: SourceSpec { base.spec }
        func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview {
            try await base.preflight(context)
        }
        func capture(
            _ context: CaptureContext, storing store: PartStore
        ) async throws(SourceError) -> [PartReport] { try await base.capture(context, storing: store) }
        func restore(
            _ request: RestoreRequest, _ context: CaptureContext
        ) async throws(SourceError) -> RestoreReport { try await base.restore(request, context) }
        func prove(_ request: ProofRequest, _ context: CaptureContext) async throws(SourceError) -> ProofReport {
            var report = ProofReport(try await base.restore(request.restore, context))
            report.preparation = .seconds(3000)
            return report
        }
        func roomToProve(_ part: ManifestPart) -> ByteCount { part.part.rawValue == "/small" ? 10 : 1000 }
        func isLoadedToProve(_ part: ManifestPart) -> Bool { isLoaded }
    }

    private func weighty(_ bench: Bench) -> ScriptedSource {
        let clock = bench.clock
        var source = ScriptedSource("db") { _, store throws(SourceError) in
            var reports: [PartReport] = []
            for path in ["/large", "/small"] { reports.append(try await ScriptedSource.part(path, store)) }
            return reports
        }
        source.restoring = { request, context throws(SourceError) in
            clock.advance(by: .seconds(3600))
            return try await ScriptedSource.writeOneFile(request, context)
        }
        return source
    }

    @Test(arguments: [(true, 1000), (false, 1010)])
    func `databases that are loaded one after the other take the room of the largest`(
        isLoaded: Bool, room: Int
    ) async throws {
        let bench = try Bench()
        let source = weighty(bench)
        await bench.backup([source])
        var engine = bench.engine([source])
        engine.restorer = { _ in Weighty(base: source, isLoaded: isLoaded) }
        #expect(try await DrillPlan.make(engine, DrillRequest()).room == ByteCount(Int64(room)))
    }

    @Test func `what earlier parts of a source left no room for is not begun`() async throws {
        let bench = try Bench()
        let base = weighty(bench)
        await bench.backup([base])
        var source = base
        source.restoring = { request, context throws(SourceError) in
            // A dump that no server takes stays there as a file.
            bench.host.change { $0.defaultRoom = Room(free: 5, total: .mebibytes(1000), freeInodes: 10) }
            return try await ScriptedSource.writeOneFile(request, context)
        }
        let kept = source
        let run = await drill(bench, [source], engine: { $0.restorer = { _ in Weighty(base: kept, isLoaded: true) } })
        #expect(run.drill?.parts.map(\.verdict) == [.proven, .failed], "\(run.failures)")
        #expect(run.says("has 5 B free; db /small takes about 10 B"))
        #expect(run.outcome == .failed && run.exitStatus(strict: false) == .destinationFull)
    }

    @Test func `what is spent on finding out what a server needs is no time that a restore takes`() async throws {
        let bench = try Bench()
        let source = weighty(bench)
        await bench.backup([source])
        let run = await drill(bench, [source], engine: { $0.restorer = { _ in Weighty(base: source, isLoaded: true) } })
        #expect(run.drill?.restoreTime == .seconds(1200), "\(String(describing: run.drill?.restoreTime))")
    }

    @Test func `a restore that takes longer than its objective is told, and status goes on saying so`() async throws {
        let bench = try Bench()
        await bench.backup([ScriptedSource("db")])
        let clock = bench.clock
        let slow = source("db") { request, context throws(SourceError) in
            clock.advance(by: .seconds(7200))
            return try await ScriptedSource.writeOneFile(request, context)
        }
        let run = await drill(bench, [slow], engine: { $0.profile.objectives.restoreTime = .seconds(3600) })
        #expect(run.outcome == .partial && run.says("restoring took 2 hours, and the objective is 60 minutes"))
        #expect(run.exitStatus(strict: false) == .overdue && run.drill?.isWholeProof == true)
        var engine = bench.engine([ScriptedSource("db")])
        engine.profile.objectives.restoreTime = .seconds(3600)
        let matters = try MatterReview(engine).matters()
        #expect(matters.map(\.kind) == [.slow] && matters[0].text.contains("2 hours"))
        let quick = await drill(
            bench, [ScriptedSource("db")], engine: { $0.profile.objectives.restoreTime = .seconds(3600) })
        #expect(quick.outcome == .succeeded)
        #expect(try MatterReview(engine).matters() == [])
    }
}
