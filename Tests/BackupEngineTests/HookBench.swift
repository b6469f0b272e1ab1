import BackupModel
import Foundation
import Synchronization
import TestSupport

@testable import BackupEngine

/// Hooks that do what a test says, and remember what they were asked for, in order: `run.before gate`.
final class ScriptedHooks: HookRunner {
    typealias Answer = @Sendable (HookAction, HookDocument) async -> HookReport

    private let asked = Mutex<[(line: String, document: HookDocument)]>([])
    private let answer: Answer

    init(answer: @escaping Answer = { _, _ in HookReport(.exited(0)) }) { self.answer = answer }

    var lines: [String] { asked.withLock { $0.map(\.line) } }
    func documents(_ event: String) -> [HookDocument] {
        asked.withLock { $0.map(\.document).filter { $0.event == event } }
    }
    func note(_ line: String, _ document: HookDocument) { asked.withLock { $0.append((line, document)) } }

    func locate(_ action: HookAction) throws(HookError) -> String { "/hooks/\(action.name)" }

    func run(_ action: HookAction, _ document: HookDocument) async throws(HookError) -> HookReport {
        let subject = document.source?.name ?? document.repository?.name
        note("\(document.event) \(action.name)" + (subject.map { " \($0)" } ?? ""), document)
        if action.program == .plugin("missing") { throw .missing("missing", searched: ["/hooks"]) }
        return await answer(action, document)
    }
}

extension Bench {
    static func action(_ name: String, _ program: HookProgram? = nil) -> HookAction {
        HookAction(name: name, program: program ?? .run(["/hooks/\(name)"]), file: "/etc/home.yaml")
    }

    static func hook(
        _ name: String, _ events: String..., of owner: HookOwner = .profile, onFailure: HookFailureRule? = nil,
        program: HookProgram? = nil
    ) -> HookSpec {
        HookSpec(
            action: action(name, program), owner: owner, events: events.compactMap(HookEvent.init), onFailure: onFailure
        )
    }

    static func resource(
        _ name: String, _ around: ResourceSpec.Around = .run, inspects: Bool = false,
        onFailure: HookFailureRule = .abort
    ) -> ResourceSpec {
        ResourceSpec(
            name: name, around: around, inspect: inspects ? action(name, .run(["/hooks/\(name)", "look"])) : nil,
            acquire: action(name, .run(["/hooks/\(name)", "take"])),
            release: action(name, .run(["/hooks/\(name)", "give"])), onFailure: onFailure)
    }

    static func these(_ names: String...) -> ResourceSpec.Around { .these(names.map(SourceName.init(unchecked:))) }

    func backup(_ runner: ScriptedHooks) async -> RunRecord { await backup(resources: [], runner) }

    /// One backup with hooks.
    func backup(
        _ sources: [ScriptedSource] = [ScriptedSource("db")], hooks: [HookSpec] = [], resources: [ResourceSpec] = [],
        _ runner: ScriptedHooks, settings: ProfileSettings = ProfileSettings(),
        moment: @escaping @Sendable (RunMoment) async -> Void = { _ in }
    ) async -> RunRecord {
        var engine = engine(sources, settings: settings)
        engine.profile.hooks = hooks
        engine.profile.resources = resources
        engine.hooks = runner
        engine.moment = moment
        let record = await BackupRun(engine, BackupRequest()).run()
        clock.advance(by: .seconds(3600))
        return record
    }
}
