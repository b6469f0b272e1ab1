import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Resources of a backup")
struct ResourceTests {
    private static let state = PlainValue.map(["was": .text("running")])

    /// Answers with a state where it is asked for one.
    private func telling(_ code: Int32 = 0, at event: String = "", says: Bool = true) -> ScriptedHooks {
        ScriptedHooks { _, document in
            var report = HookReport(.exited(document.event == event ? code : 0))
            if says, document.event == "resource.acquire" { report.state = Self.state }
            return report
        }
    }

    @Test func `what is taken around a source is given back before the next begins, with what it was told`()
        async throws
    {
        let bench = try Bench()
        let hooks = telling()
        let order = Mutex<[String]>([])
        let sources = ["a", "b"].map { name in
            ScriptedSource(name) { context, store throws(SourceError) in
                order.withLock { $0.append("capture \(name) after \(hooks.lines.count)") }
                return try await ScriptedSource.onePart(context, store)
            }
        }
        var settings = ProfileSettings()
        settings.parallelSources = 1
        let run = await bench.backup(
            sources, resources: [Bench.resource("app", Bench.these("a"))], hooks, settings: settings)
        #expect(run.outcome == .succeeded, "\(run.failures)")
        #expect(hooks.lines == ["resource.acquire app a", "resource.release app a"])
        #expect(order.withLock { $0 } == ["capture a after 1", "capture b after 2"])
        let release = try #require(hooks.documents("resource.release").first)
        #expect(release.resource == .init(name: "app", acquired: "yes", state: Self.state))
        #expect(release.variables["HOLDFAST_STATE_WAS"] == "running")
        #expect(try bench.isClean)
    }

    @Test func `the release is in the journal before the acquire runs, and leaves it after the release`() async throws {
        let bench = try Bench()
        let seen = Mutex<[String]>([])
        let hooks = ScriptedHooks { _, document in
            let held = (try? bench.journal.entries(profile: Bench.profile)) ?? []
            let names = held.compactMap {
                if case .release(let held) = $0.action { held.acquired.rawValue } else { nil }
            }
            seen.withLock { $0.append("\(document.event): \(names.joined())") }
            var report = HookReport(.exited(0))
            report.state = Self.state
            return report
        }
        _ = await bench.backup(resources: [Bench.resource("app", inspects: true)], hooks)
        #expect(
            seen.withLock { $0 } == ["resource.inspect: ", "resource.acquire: unknown", "resource.release: yes"])
        #expect(try bench.isClean)
    }

    @Test func `several are given back last first`() async throws {
        let bench = try Bench()
        let hooks = telling()
        _ = await bench.backup(
            resources: [Bench.resource("disk"), Bench.resource("app"), Bench.resource("lock")], hooks)
        #expect(
            hooks.lines.map { String($0.dropFirst("resource.".count)) } == [
                "acquire disk", "acquire app", "acquire lock", "release lock", "release app", "release disk",
            ])
    }

    @Test(arguments: [1, 4])
    func `sources that share one take it once, and it is given back when the last of them is captured`(parallel: Int)
        async throws
    {
        let bench = try Bench()
        let hooks = telling()
        let captured = Mutex<[String]>([])
        let sources = ["a", "other", "b"].map { name in
            ScriptedSource(name) { context, store throws(SourceError) in
                captured.withLock { $0.append("\(name) \(hooks.lines.count)") }
                return try await ScriptedSource.onePart(context, store)
            }
        }
        // Written twice, in two sources, and alike: that is one.
        let resources = [Bench.resource("app", Bench.these("a")), Bench.resource("app", Bench.these("b"))]
        var settings = ProfileSettings()
        settings.parallelSources = parallel
        let run = await bench.backup(sources, resources: resources, hooks, settings: settings)
        #expect(run.outcome == .succeeded && run.parts.count == 3)
        #expect(hooks.lines.count == 2 && hooks.lines[1].hasPrefix("resource.release"))
        if parallel == 1 { #expect(captured.withLock { $0 } == ["a 1", "b 1", "other 2"]) }
    }

    @Test func `sources side by side are each inside their own`() async throws {
        let bench = try Bench()
        let hooks = telling()
        let resources = ["a", "b"].map { Bench.resource("for-\($0)", Bench.these($0)) }
        _ = await bench.backup([ScriptedSource("a"), ScriptedSource("b")], resources: resources, hooks)
        for name in ["a", "b"] {
            #expect(
                hooks.lines.filter { $0.hasSuffix(" \(name)") } == [
                    "resource.acquire for-\(name) \(name)", "resource.release for-\(name) \(name)",
                ])
        }
    }

    @Test func `a source that fails inside still gives back`() async throws {
        let bench = try Bench()
        let hooks = telling()
        let bad = ScriptedSource("db") { _, _ throws(SourceError) in throw .unreadable("/x", reason: "no") }
        let run = await bench.backup([bad], resources: [Bench.resource("app", .sources)], hooks)
        #expect(run.outcome == .failed && hooks.lines.last == "resource.release app db")
        #expect(try bench.isClean)
    }

    @Test func `an acquire that fails by its own word took nothing, and nothing is given back`() async throws {
        let bench = try Bench()
        let hooks = telling(1, at: "resource.acquire", says: false)
        let run = await bench.backup(
            [ScriptedSource("db"), ScriptedSource("files")], resources: [Bench.resource("app", Bench.these("db"))],
            hooks)
        #expect(run.gaps.map(\.source.rawValue) == ["db"] && run.parts.map(\.source.rawValue) == ["files"])
        #expect(hooks.lines == ["resource.acquire app db"])
        #expect(try bench.isClean)
    }

    @Test(.timeLimit(.minutes(1)), arguments: [HookReport.Ending.timedOut(after: .seconds(1)), .exited(1)])
    func `two sources that share a resource both miss it when it cannot be taken`(ending: HookReport.Ending)
        async throws
    {
        let bench = try Bench()
        let hooks = ScriptedHooks { _, document in
            guard document.event == "resource.acquire" else { return HookReport(.exited(0)) }
            // Long enough for the other to ask for it too.
            try? await Task.sleep(for: .milliseconds(200))
            return HookReport(ending)
        }
        let run = await bench.backup(
            [ScriptedSource("db"), ScriptedSource("files")],
            resources: [Bench.resource("app", Bench.these("db", "files"))], hooks)
        #expect(run.outcome == .failed && Set(run.gaps.map(\.source.rawValue)) == ["db", "files"], "\(run.failures)")
        #expect(hooks.lines.filter { $0.hasPrefix("resource.acquire") }.count == 1)
        #expect(try bench.isClean)
    }

    @Test func `an acquire that fails after it had said how things stood is undone`() async throws {
        let bench = try Bench()
        let hooks = telling(1, at: "resource.acquire")
        let run = await bench.backup(resources: [Bench.resource("app")], hooks)
        #expect(run.outcome == .failed && hooks.lines == ["resource.acquire app", "resource.release app"])
        let release = hooks.documents("resource.release")[0]
        #expect(release.resource?.acquired == "unknown" && release.resource?.state == Self.state)
        #expect(try bench.isClean)
    }

    @Test(arguments: [HookReport.Ending.timedOut(after: .seconds(1)), .signaled(9)])
    func `an acquire that was stopped may have taken something, and is undone`(ending: HookReport.Ending) async throws {
        let bench = try Bench()
        let hooks = ScriptedHooks { _, document in
            HookReport(document.event == "resource.acquire" ? ending : .exited(0))
        }
        let run = await bench.backup(resources: [Bench.resource("app")], hooks)
        #expect(run.outcome == .failed && hooks.lines == ["resource.acquire app", "resource.release app"])
    }

    @Test func `an acquire that says not now skips, and took nothing`() async throws {
        let bench = try Bench()
        let hooks = telling(75, at: "resource.acquire")
        let run = await bench.backup(resources: [Bench.resource("disk")], hooks)
        #expect(run.outcome == .skipped && hooks.lines == ["resource.acquire disk"])
        #expect(try bench.isClean)
    }

    @Test func `a resource that may fail is done without`() async throws {
        let bench = try Bench()
        let hooks = telling(1, at: "resource.acquire", says: false)
        let run = await bench.backup(resources: [Bench.resource("app", onFailure: .warn)], hooks)
        #expect(run.outcome == .succeeded && run.says("resource app failed"))
    }

    @Test
    func `a release that fails fails the run, keeps what is stored, and is tried again by every run until it works`()
        async throws
    {
        let bench = try Bench()
        let broken = telling(1, at: "resource.release")
        let first = await bench.backup(resources: [Bench.resource("app")], broken)
        #expect(first.outcome == .failed && first.isCommitted && first.says("STILL HELD"))
        #expect(first.failures.first?.hint?.contains("recover --forget resource-\(first.id)-1") == true)
        #expect(try bench.journal.entries(profile: Bench.profile).count == 1)
        bench.host.change { $0.processes[4242] = (2000, "holdfast") }

        let second = await bench.backup(broken)
        #expect(second.outcome == .failed && second.isCommitted && second.says("STILL HELD"))
        let mended = telling()
        let third = await bench.backup(mended)
        #expect(third.outcome == .succeeded && third.says("gave back resource app, which run \(first.id) left"))
        #expect(mended.documents("resource.release").first?.resource?.state == Self.state)
        #expect(try bench.isClean)
        let fourth = telling()
        _ = await bench.backup(fourth)
        #expect(fourth.lines.isEmpty)
    }

    @Test(arguments: ["verify", "recover", "recover locally"])
    func `whatever runs next gives back what a dead run held, last taken first`(operation: String) async throws {
        let bench = try Bench()
        _ = await bench.backup(ScriptedHooks())
        let dead = ProcessIdentity(pid: 900, startTime: 5, bootID: FakeHost.Machine().bootID)
        let killed = RunRecord(
            id: RunID(startedAt: bench.clock.now, entropy: 77), profile: Bench.profile, operation: .backup,
            started: bench.clock.now, process: dead, user: "tester", profileDigest: "")
        for (number, name) in ["disk", "app"].enumerated() {
            let action = Bench.action(name)
            let document = HookDocument(event: "resource.release", hook: name, run: killed, host: "h")
            try bench.journal.add(
                JournalEntry(
                    id: "resource-\(number)", run: killed.id, profile: Bench.profile, order: 11 + number, process: dead,
                    action: .release(HeldResource(name: name, state: Self.state, release: action, document: document))))
        }
        let hooks = ScriptedHooks()
        var engine = bench.engine()
        engine.hooks = hooks
        let run =
            switch operation {
            case "verify": await VerifyRun(engine, VerifyRequest(depth: .structure)).run().record
            case "recover": await RecoverRun(engine).run()
            default: await RecoverRun(engine).runLocally()
            }
        #expect(run.outcome == .succeeded, "\(run.failures)")
        #expect(hooks.lines == ["resource.release app", "resource.release disk"])
        #expect(hooks.documents("resource.release")[0].resource?.acquired == "unknown")
        #expect(try bench.isClean)
    }

    @Test func `a service is started again although a process that is left cannot be ended`() async throws {
        let bench = try Bench()
        let dead = ProcessIdentity(pid: 900, startTime: 5, bootID: FakeHost.Machine().bootID)
        let orphan = ProcessIdentity(pid: 901, startTime: 6, bootID: FakeHost.Machine().bootID)
        bench.host.change { $0.processes[901] = (6, "pg_dump") }
        let killed = RunRecord(
            id: RunID(startedAt: bench.clock.now, entropy: 77), profile: Bench.profile, operation: .backup,
            started: bench.clock.now, process: dead, user: "tester", profileDigest: "")
        let held = HeldResource(
            name: "app", state: nil, release: Bench.action("app"),
            document: HookDocument(event: "resource.release", hook: "app", run: killed, host: "h"))
        for (order, action) in [(1, JournalEntry.Action.endProcess(orphan, program: "pg_dump")), (11, .release(held))] {
            try bench.journal.add(
                JournalEntry(
                    id: "entry-\(order)", run: killed.id, profile: Bench.profile, order: order, process: dead,
                    action: action))
        }
        let hooks = ScriptedHooks()
        let run = await bench.backup(hooks)
        #expect(run.outcome == .failed && run.says("still alive"))
        #expect(hooks.lines == ["resource.release app"])
    }

    @Test func `what a living run holds is its own`() async throws {
        let bench = try Bench()
        bench.host.change { $0.processes[900] = (5, "holdfast") }
        let alive = ProcessIdentity(pid: 900, startTime: 5, bootID: FakeHost.Machine().bootID)
        let run = RunRecord(
            id: RunID(startedAt: bench.clock.now, entropy: 77), profile: Bench.profile, operation: .restore,
            started: bench.clock.now, process: alive, user: "tester", profileDigest: "")
        try bench.journal.add(
            JournalEntry(
                id: "resource-1", run: run.id, profile: Bench.profile, order: 11, process: alive,
                action: .release(
                    HeldResource(
                        name: "app", state: nil, release: Bench.action("app"),
                        document: HookDocument(event: "resource.release", hook: "app", run: run, host: "h")))))
        let hooks = ScriptedHooks()
        #expect(await bench.backup(hooks).outcome == .succeeded)
        #expect(hooks.lines.isEmpty)
        #expect(try bench.journal.entries(profile: Bench.profile).count == 1)
    }

    @Test(arguments: [RunMoment.resourceJournaled, .resourceTaken, .resourceHeld])
    func `a run that is cancelled there gives back what it took, and nothing else`(place: RunMoment) async throws {
        let bench = try Bench()
        let hooks = telling()
        let work = Mutex<Task<RunRecord, Never>?>(nil)
        let task = Task {
            await bench.backup(resources: [Bench.resource("app")], hooks) { moment in
                guard moment == place else { return }
                while work.withLock({ $0 == nil }) { await Task.yield() }
                work.withLock { $0?.cancel() }
            }
        }
        work.withLock { $0 = task }
        let run = await task.value
        #expect(run.outcome == .interrupted)
        let taken = place == .resourceJournaled ? [] : ["resource.acquire app", "resource.release app"]
        #expect(hooks.lines == taken)
        #expect(try bench.isClean)
    }

    @Test func `nothing is taken that the journal does not know`() async throws {
        let bench = try Bench()
        let hooks = telling()
        var engine = bench.engine()
        engine.profile.resources = [Bench.resource("app", Bench.these("db"))]
        engine.hooks = hooks
        engine.failpoint = { step in
            if step == .capture || step == .manifest { return }
            if step == .openRepository { bench.journal.fail(with: .full(path: "/state", reason: "no room")) }
        }
        let run = await BackupRun(engine, BackupRequest()).run()
        #expect(run.outcome == .failed && hooks.lines.isEmpty, "\(run.failures)")
    }
}
