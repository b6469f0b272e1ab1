import BackupModel
import Synchronization

/// A hook that failed, or could not be run.
struct HookFailure: OperatorError {
    var description: String
    var hint: String?
    var kind: FailureKind
    /// It was stopped because the run is.
    var isInterrupted = false
}

/// One hook, run and recorded.
struct HookCall: Sendable {
    private let engine: Engine
    private let recorder: RunRecorder

    init(_ engine: Engine, _ recorder: RunRecorder) {
        self.engine = engine
        self.recorder = recorder
    }

    /// - Returns: how it ended: well, or with "not now" before the work.
    /// - Throws: ``HookFailure``, or ``RunStop/cancelled``.
    func run(_ hook: HookSpec, _ event: HookEvent, _ subject: HookSubject, outcome: Outcome?) async throws -> HookReport
    {
        var document = await document(event.description, hook.action, outcome: outcome)
        switch subject {
        case .profile: break
        case .source(let spec): document.source = .init(name: spec.name.rawValue, kind: spec.kind)
        case .repository(let spec): document.repository = .init(name: spec.name.rawValue, kind: spec.kind)
        }
        return try await run(
            hook.action, document, step: .hook, title: event.title(hook), subject: subject.name,
            mayWait: event.moment == .before)
    }

    /// How a hook ended, for whoever has to know that also when it failed.
    final class Seen: Sendable {
        private let noted = Mutex<HookReport?>(nil)
        var report: HookReport? { noted.withLock { $0 } }
        func note(_ report: HookReport) { noted.withLock { $0 = report } }
    }

    func document(_ event: String, _ action: HookAction, outcome: Outcome?) async -> HookDocument {
        var document = HookDocument(
            event: event, hook: action.name, run: await recorder.record, host: engine.profile.host)
        document.with = action.parameters.isEmpty ? nil : action.parameters
        document.outcome = outcome?.rawValue
        return document
    }

    /// - Parameters:
    ///   - step: as which it is recorded.
    ///   - mayWait: "not now" is an answer, and not a failure.
    func run(
        _ action: HookAction, _ document: HookDocument, step: RunStep, title: String, subject: String?, mayWait: Bool,
        seen: Seen? = nil
    ) async throws -> HookReport {
        let named = title + (subject.map { " (\($0))" } ?? "")
        let key = "\(document.event) \(action.name)" + (subject.map { " \($0)" } ?? "")
        let started = engine.clock.now
        let begun = engine.clock.uptime
        return try await recorder.step(step, subject: key) {
            let report: HookReport
            do throws(HookError) { report = try await engine.hooks.run(action, document) } catch {
                throw HookFailure(
                    description: "\(named) could not be run: \(error.description)", hint: error.hint, kind: error.kind)
            }
            seen?.note(report)
            let isGood = report.isGood || (mayWait && report.saysNotNow)
            let record = HookRecord(
                event: document.event, hook: action.name, subject: subject,
                outcome: report.isGood ? .succeeded : isGood ? .skipped : .failed, started: started,
                duration: engine.clock.uptime - begun, message: report.message.map(engine.redact),
                facts: report.facts.isEmpty ? nil : report.facts.mapValues(engine.redact))
            await recorder.change { $0.hooks = ($0.hooks ?? []) + [record] }
            await recorder.annotate(step, subject: key) { entry in
                if let message = record.message, entry.detail == nil { entry.detail = message }
                if isGood, !report.isGood { entry.outcome = .skipped }
                if !isGood, !report.output.isEmpty {
                    entry.toolOutput[action.name] = engine.redact(String(report.output.suffix(2000)))
                }
            }
            if report.ending == .cancelled, Task.isCancelled { throw RunStop.cancelled }
            guard isGood else {
                throw HookFailure(
                    description: "\(named) failed (\(engine.redact(report.words)))",
                    hint:
                        "try it by hand: holdfast hook run \(HookCall.word(document.event)) -p \(engine.profile.name)",
                    kind: .failed)
            }
            return report
        }
    }

    /// What `hook run` calls it.
    private static func word(_ event: String) -> String { event.hasPrefix("resource.") ? "resource" : event }
}
