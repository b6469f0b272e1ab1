import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Hooks of a backup")
struct HookTests {
    private static let every = HookEvent.all.map(\.description)

    /// A hook that answers with `code` to everything that is asked under its name.
    private func failing(_ name: String, _ code: Int32 = 1) -> ScriptedHooks {
        ScriptedHooks { action, _ in HookReport(.exited(action.name == name ? code : 0)) }
    }

    private func everywhere(_ name: String = "log") -> HookSpec {
        HookSpec(action: Bench.action(name), owner: .profile, events: HookEvent.all)
    }

    @Test func `every event comes once, in order, and the profile's hooks before the source's`() async throws {
        let bench = try Bench()
        let hooks = ScriptedHooks()
        let own = Bench.hook("own", "source.before", "source.after", of: .source(SourceName(unchecked: "db")))
        let run = await bench.backup(hooks: [own, everywhere()], hooks)
        #expect(run.outcome == .succeeded, "\(run.failures)")
        let name = bench.repository.spec.name
        #expect(
            hooks.lines == [
                "run.before log", "repository.before log \(name)", "source.before log db", "source.before own db",
                "source.succeeded log db", "source.after log db", "source.after own db",
                "repository.succeeded log \(name)",
                "repository.after log \(name)", "run.succeeded log", "run.after log",
            ])
        #expect(run.steps.filter { $0.step == .hook }.count == hooks.lines.count)
        #expect(try bench.isClean)
    }

    @Test func `the order that is shown is the order in which things happen`() async throws {
        let bench = try Bench()
        let hooks = ScriptedHooks()
        let sources = ["a", "b", "c"].map { ScriptedSource($0) }
        let resources = [
            Bench.resource("whole"), Bench.resource("both", Bench.these("a", "b")), Bench.resource("all", .sources),
            Bench.resource("disk", .repository(bench.repository.spec.name)),
        ]
        let spec = [everywhere(), Bench.hook("last", "source.after", "run.after")]
        var settings = ProfileSettings()
        settings.parallelSources = 1
        _ = await bench.backup(sources, hooks: spec, resources: resources, hooks, settings: settings)
        var profile = bench.engine(sources).profile
        profile.hooks = spec
        profile.resources = resources
        let shown = HookOrder.lines(of: profile).compactMap { line -> String? in
            switch line {
            case .hook(let event, _, let hook): "\(event) \(hook.action.name)"
            case .acquire(let spec, _): "resource.acquire \(spec.name)"
            case .release(let spec, _): "resource.release \(spec.name)"
            case .work: nil
            }
        }
        #expect(hooks.lines.map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == shown)
    }

    @Test func `a hook before the run that fails aborts it before anything is touched, and cleaning up still runs`()
        async throws
    {
        let bench = try Bench()
        let hooks = failing("gate")
        let gate = Bench.hook("gate", "run.before")
        let run = await bench.backup(
            hooks: [gate, Bench.hook("log", "run.succeeded", "run.failed", "run.after", "source.before")], hooks)
        #expect(run.outcome == .failed && run.says("run.before hook gate failed (exit code 1)"))
        #expect(hooks.lines == ["run.before gate", "run.failed log", "run.after log"])
        #expect(bench.repository.contents.isEmpty)
        #expect(hooks.documents("run.failed").first?.failures.count == 1)
        #expect(hooks.documents("run.failed").first?.outcome == "failed")
    }

    @Test func `exit 75 before the run skips it, and nothing is told of a failure`() async throws {
        let bench = try Bench()
        let hooks = ScriptedHooks { action, _ in
            var report = HookReport(.exited(action.name == "battery" ? 75 : 0))
            report.message = action.name == "battery" ? "on battery" : nil
            return report
        }
        let run = await bench.backup(
            hooks: [Bench.hook("battery", "run.before"), Bench.hook("log", "run.failed", "run.after")], hooks)
        #expect(run.outcome == .skipped && run.kind == .tryLater && run.says("on battery"))
        #expect(hooks.lines == ["run.before battery", "run.after log"])
        #expect(run.step(.hook)?.outcome == .skipped)
        #expect(bench.repository.contents.isEmpty)
    }

    @Test func `exit 75 before a source skips that source alone`() async throws {
        let bench = try Bench()
        let hooks = ScriptedHooks { _, document in HookReport(.exited(document.source?.name == "laptop" ? 75 : 0)) }
        let run = await bench.backup(
            [ScriptedSource("db"), ScriptedSource("laptop")], hooks: [Bench.hook("is-there", "source.before")], hooks)
        #expect(run.outcome == .skipped && run.gaps.isEmpty && run.parts.map(\.source.rawValue) == ["db"])
        #expect(bench.manifests.count == 1)
        let none = await bench.backup(
            [ScriptedSource("laptop")], hooks: [Bench.hook("is-there", "source.before")], hooks)
        #expect(none.outcome == .skipped && none.parts.isEmpty, "\(none.failures)")
        #expect(bench.manifests.count == 1)
    }

    @Test func `a hook before a source that fails leaves a gap, and the others go on`() async throws {
        let bench = try Bench()
        let hooks = ScriptedHooks { _, document in HookReport(.exited(document.source?.name == "bad" ? 2 : 0)) }
        let run = await bench.backup(
            [ScriptedSource("bad"), ScriptedSource("db")],
            hooks: [Bench.hook("gate", "source.before"), Bench.hook("log", "source.failed", "source.succeeded")], hooks)
        #expect(run.outcome == .failed && run.gaps.map(\.source.rawValue) == ["bad"])
        #expect(run.parts.map(\.source.rawValue) == ["db"])
        #expect(hooks.lines.contains("source.failed log bad") && hooks.lines.contains("source.succeeded log db"))
    }

    @Test func `a hook that may fail is noted and changes nothing`() async throws {
        let bench = try Bench()
        let hooks = failing("gate")
        let run = await bench.backup(hooks: [Bench.hook("gate", "run.before", onFailure: .warn)], hooks)
        #expect(run.outcome == .succeeded && run.says("run.before hook gate failed"))
        #expect(run.step(.hook)?.outcome == .failed)
    }

    @Test func `a hook afterwards that fails is recorded, and what was stored stays`() async throws {
        let bench = try Bench()
        let hooks = failing("log")
        let warned = await bench.backup(hooks: [Bench.hook("log", "run.after")], hooks)
        #expect(warned.outcome == .succeeded && warned.says("run.after hook log failed"))
        let aborted = await bench.backup(hooks: [Bench.hook("log", "run.after", onFailure: .abort)], hooks)
        #expect(aborted.outcome == .failed && aborted.isCommitted && aborted.failures.count == 1)
        #expect(bench.manifests.count == 2)
    }

    @Test func `a failed run stays failed whatever its hooks say`() async throws {
        let bench = try Bench()
        let hooks = ScriptedHooks()
        let bad = ScriptedSource("db") { _, _ throws(SourceError) in throw .unreadable("/x", reason: "no") }
        let run = await bench.backup([bad], hooks: [everywhere()], hooks)
        #expect(run.outcome == .failed)
        #expect(hooks.lines.contains("run.failed log") && hooks.lines.contains("source.failed log db"))
        #expect(!hooks.lines.contains { $0.contains("succeeded") })
    }

    @Test func `a run that fails before its hooks begin tells of the failure and cleans up after nobody`() async throws
    {
        let bench = try Bench()
        let hooks = ScriptedHooks()
        bench.journal.fail(with: .unusable(path: "/state", reason: "gone"))
        let run = await bench.backup(hooks: [everywhere()], hooks)
        #expect(run.outcome == .failed)
        #expect(hooks.lines == ["run.failed log"])
    }

    @Test func `what a hook says is in the record, and in the manifest when it came before that`() async throws {
        let bench = try Bench()
        let hooks = ScriptedHooks { _, document in
            var report = HookReport(.exited(0))
            report.message = "said at \(document.event) with hunter2"
            report.facts = ["version": "3"]
            return report
        }
        let run = await bench.backup(hooks: [Bench.hook("log", "run.before", "run.after")], hooks)
        #expect(run.hooks?.map(\.event) == ["run.before", "run.after"])
        #expect(run.hooks?.first?.message == "said at run.before with ‹redacted›")
        let manifest = try #require(try bench.manifest())
        #expect(manifest.hooks?.map(\.event) == ["run.before"] && manifest.hooks?.first?.facts == ["version": "3"])
    }

    @Test func `a hook that cannot be run fails as one that ends badly`() async throws {
        let bench = try Bench()
        let run = await bench.backup(
            hooks: [Bench.hook("gone", "run.before", program: .plugin("missing"))], ScriptedHooks())
        #expect(run.outcome == .failed && run.kind == .toolMissing && run.says("could not be run"))
    }

    @Test func `a run that is cancelled in a hook is interrupted, and its last hooks still run`() async throws {
        let bench = try Bench()
        let hooks = ScriptedHooks { action, _ in
            guard action.name == "slow" else { return HookReport(.exited(0)) }
            while !Task.isCancelled { await Task.yield() }
            return HookReport(.cancelled)
        }
        let work = Task {
            await bench.backup(
                hooks: [Bench.hook("slow", "run.before"), Bench.hook("log", "run.failed", "run.after")], hooks)
        }
        while hooks.lines.isEmpty { await Task.yield() }
        work.cancel()
        let run = await work.value
        #expect(run.outcome == .interrupted)
        #expect(hooks.lines == ["run.before slow", "run.failed log", "run.after log"])
        #expect(hooks.documents("run.failed").first?.outcome == "interrupted")
    }

    @Test func `a follower's hook says not now, and only that follower is left out`() async throws {
        let follower = MemoryFollower("nas")
        let bench = try Bench(followers: [follower])
        let hooks = ScriptedHooks { _, document in HookReport(.exited(document.repository?.name == "nas" ? 75 : 0)) }
        let run = await bench.backup(hooks: [Bench.hook("reach", "repository.before")], hooks)
        #expect(run.outcome == .skipped && run.isCommitted)
        #expect(run.feeds?.first?.outcome == .skipped && run.says("nas was not fed"))
    }
}
