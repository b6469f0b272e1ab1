import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import BackupEngine

/// What a profile demands of a drill, and what a drill counts for.
extension DrillTests {
    // MARK: - What the operator demands

    private func checked(
        _ name: String, _ hooks: ScriptedHooks, _ bench: Bench, restoring: ScriptedSource.Restore? = nil
    )
        async -> RunRecord
    {
        var db = ScriptedSource("db")
        if let restoring { db.restoring = restoring }
        db.spec.drill.programs = [Bench.action(name)]
        await bench.backup([ScriptedSource("db")])
        return await drill(bench, [db], engine: { $0.hooks = hooks })
    }

    @Test func `a program of the profile sees what was restored, and what it accepts is proven`() async throws {
        let bench = try Bench()
        let seen = Mutex<[String]>([])
        let hooks = ScriptedHooks { _, document in
            let folder = document.restored?.folder ?? ""
            let there = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            seen.withLock { $0 = there + [document.variables["HOLDFAST_RESTORED"] == folder ? "named" : "not named"] }
            return HookReport(.exited(0))
        }
        let run = await checked("look", hooks, bench) { request, context throws(SourceError) in
            var report = try await ScriptedSource.writeOneFile(request, context)
            report.unproven = ["its content: only its number of bytes is known"]
            return report
        }
        #expect(run.outcome == .succeeded, "\(run.failures)")
        #expect(seen.withLock { $0 } == ["restored", "named"])
        #expect(run.drill?.checks.map(\.passed) == [true])
        #expect(run.drill?.parts.first?.proofs.last == "1 program of the profile accepted it")
    }

    @Test func `a program of the profile that refuses what was restored fails it`() async throws {
        let bench = try Bench()
        let refused = await checked("look", ScriptedHooks { _, _ in HookReport(.exited(3)) }, bench)
        #expect(refused.outcome == .failed && refused.says("did not accept what was restored (exit code 3)"))
        #expect(refused.drill?.verdict == .failed)
        let missing = await checked(
            "missing", ScriptedHooks { _, _ in HookReport(.timedOut(after: .seconds(600))) }, bench)
        #expect(missing.outcome == .failed && missing.drill?.checks.map(\.passed) == [false])
    }

    @Test func `a query of a database that is not in the point is not passed over`() async throws {
        let bench = try Bench()
        await bench.backup([ScriptedSource("db")])
        var db = ScriptedSource("db")
        db.spec.drill.assertions = [.init(database: "shop", query: "SELECT 1")]
        let run = await drill(bench, [db])
        #expect(run.outcome == .failed && run.says("`SELECT 1` was not asked: the restore point has no database shop"))
    }

    @Test func `hooks of a drill run around it and hear how it ended`() async throws {
        let bench = try Bench()
        await bench.backup([ScriptedSource("db")])
        let hooks = ScriptedHooks()
        let events = ["drill.before", "drill.succeeded", "drill.partial", "drill.failed", "drill.after"]
        let run = await drill(
            bench, [ScriptedSource("db")],
            engine: { engine in
                engine.hooks = hooks
                engine.profile.hooks = events.map { Bench.hook("h", $0) }
            })
        #expect(run.outcome == .succeeded)
        #expect(hooks.lines == ["drill.before h", "drill.succeeded h", "drill.after h"])
    }

    // MARK: - A new machine

    @Test func `as on a new machine nothing that this host knows is used, and it learns nothing`() async throws {
        let bench = try Bench()
        await bench.backup(Self.two)
        let (empty, pins) = (MemoryRunStore(), MemoryPins())
        let key = try #require(
            try bench.pins.pin(profile: Bench.profile, repository: bench.repository.spec.pinName)
        ).identity.id
        let known = try bench.store.manifests(of: key)
        // What this host believes is wrong.
        for (snapshot, var manifest) in known {
            manifest.parts = []
            try bench.store.saveManifest(manifest, snapshot: snapshot, repository: key)
        }
        let run = await drill(bench, Self.two) {
            $0.catalog = empty
        } engine: {
            $0.pins = pins
        }
        #expect(run.outcome == .succeeded, "\(run.failures)")
        #expect(run.drill?.isNewMachine == true && run.drill?.parts.count == 2)
        #expect(run.reason == "as if on a new machine")
        #expect(try empty.runs(RunQuery()).allSatisfy { $0.operation == .backup })
        #expect(try bench.store.run(run.id) != nil)
    }

    // MARK: - Standing

    @Test func `the objective counts drills that proved all sources, and no others`() async throws {
        let bench = try Bench()
        await bench.backup(Self.two)
        var engine = bench.engine(Self.two)
        engine.profile.objectives.drill = .seconds(86_400)
        func standing() throws -> Standing {
            try #require(try StandingReview(engine).standings.first { $0.subject == .drill })
        }
        #expect(try standing().lastSuccess == nil)
        _ = await drill(bench) { $0.sources = ["db"] }
        let partly = try standing()
        #expect(partly.lastSuccess == nil && partly.lastRun == nil)
        let whole = await drill(bench)
        #expect(try standing().lastSuccess == whole.started)
        let bad = source("db") { _, _ throws(SourceError) in throw .producedNothing(tool: "x") }
        bench.clock.advance(by: .seconds(90_000))
        let failed = await drill(bench, [bad, ScriptedSource("web")])
        let later = try standing()
        #expect(later.lastSuccess == whole.started && later.lastRun == failed.id)
        #expect(try standing().isOverdue(at: bench.clock.now))
        #expect(try MatterReview(engine).overdueItems().map(\.what) == ["drill"])
        let document = MetricsReview(engine, version: "0").document().text
        for line in [
            "holdfast_overdue{profile=\"home\",operation=\"drill\",repository=\"local\"} 1",
            "holdfast_drill_parts{profile=\"home\",repository=\"local\",verdict=\"failed\"} 1",
            "holdfast_drill_restored_bytes{profile=\"home\",repository=\"local\"} 1",
        ] { #expect(document.contains(line), "\(document)") }
    }

    @Test func `a drill has slots of its own, which a drill of some sources does not serve`() async throws {
        let bench = try Bench()
        var engine = bench.engine(Self.two)
        engine.profile.schedules.drill = try Schedule("daily 00:00")
        #expect(try DueReview(engine).slot(.drill)?.verdict.isDue == false)
        await bench.backup(Self.two)
        bench.clock.advance(by: .seconds(86_400))
        #expect(try DueReview(engine).slot(.drill)?.verdict.isDue == true)
        _ = await drill(bench) { $0.sources = ["db"] }
        #expect(try DueReview(engine).slot(.drill)?.verdict.isDue == true)
        _ = await drill(bench) { $0.trigger = "scheduled" }
        #expect(try DueReview(engine).slot(.drill)?.verdict.isDue == false)
    }

    @Test func `a drill that fails is told like a failed backup, at once, and its end too`() async throws {
        let bench = try Bench()
        await bench.backup([ScriptedSource("db")])
        let bad = source("db") { _, _ throws(SourceError) in throw .producedNothing(tool: "x") }
        let failed = await drill(bench, [bad]) { $0.trigger = "scheduled" }
        let spec = NotifierSpec(
            name: NotifierName(unchecked: "n"), kind: "command",
            entry: ConfigValue(.map([]), at: SourceLocation(file: "", line: 1, column: 1)), manual: false)
        #expect(NotificationRules(failed, previous: [], isAttended: false).event(for: spec) == .failed)
        let message = NotificationMessage(
            profile: Bench.profile, host: "h", run: failed.id, operation: .drill, event: .failed, outcome: .failed,
            at: failed.started, failures: failed.failures)
        #expect(NotificationUrgency.isUrgent(message, spec) && message.subject.hasPrefix("drill of home"))
        let good = await drill(bench, [ScriptedSource("db")])
        #expect(NotificationRules(good, previous: [failed], isAttended: false).event(for: spec) == .recovered)
    }
}
