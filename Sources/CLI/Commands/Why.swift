import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import HostSystem

/// `holdfast why`
struct Why: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Say what is due and when, why the last run went as it did, and why retention keeps what it keeps.",
        usage: "holdfast why [--operation <operation>] [<options>]",
        discussion: "Example: holdfast why --operation backup")

    @Option(help: "The last run of this kind.")
    var operation: RunRecord.Operation?

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let store = try await live.rebuiltStore(console)
        let runs = try store.runs(RunQuery(profile: live.profile.name, operation: operation, limit: 200))
        let holder = live.locks.holder(of: .profile(live.profile.name))
        let host = live.host
        let reasons = Reasons(runs: runs, holder: holder, now: Date()) { host.process($0.process.pid) == $0.process }
        var plan: ScheduleReasons?
        var retention: RetentionPlan?
        var trouble: String?
        do {
            plan = try await ScheduleReasons(live)
            retention = try await RetentionReview(live.engine()).plan()
        } catch let error as any OperatorError {
            trouble = error.description
        }
        if console.isJSON {
            console.print(
                .object([
                    ("run", JSONValue(runs.first?.id.rawValue)), ("outcome", JSONValue(runs.first?.outcome?.rawValue)),
                    ("reasons", JSONValue(reasons.lines)), ("retention", retention.map(RunViews.plan) ?? .null),
                    ("retentionUnknown", JSONValue(trouble)), ("schedule", plan?.document ?? .null),
                ]))
        } else {
            for line in reasons.lines + (plan?.lines ?? []) { console.print(Console.harmless(line)) }
            for line in Reasons.lines(retention, live.profile.retention) { console.print(Console.harmless(line)) }
            if let trouble { console.print(Console.harmless("what retention keeps is not known: \(trouble)")) }
        }
        return .success
    }
}

/// The story of the newest runs, in sentences.
struct Reasons {
    let lines: [String]

    /// - Parameter isAlive: whether a run that has no end yet is at work; not every one holds the profile's lock.
    init(runs: [RunRecord], holder: LockHolder?, now: Date, isAlive: (RunRecord) -> Bool) {
        guard let last = runs.first else {
            lines = ["nothing has run yet: no run of this profile is recorded"]
            return
        }
        var lines: [String] = []
        if let holder {
            lines.append(
                "process \(holder.process.pid) of \(holder.user) is at work since \(Format.time(holder.since)): \(holder.purpose)"
            )
        }
        let when = "\(last.operation.rawValue) \(last.id) of \(Format.time(last.started))"
        switch last.outcome {
        case nil:
            lines.append(
                holder == nil && !isAlive(last)
                    ? "\(when) was killed before its end; the next run records it so" : "\(when) is running")
        case .succeeded: lines.append("\(when) succeeded" + Reasons.evidence(of: last.operation))
        case .skipped: lines.append("\(when) was skipped: it did not get what it needed in time")
        case .degraded: lines.append("\(when) is degraded: the primary is good, a follower is not")
        case .partial where last.operation == .drill:
            lines.append("\(when) restored what it was to, and not all of it could be proven")
        case .partial: lines.append("\(when) is partial: something in a source could not be read")
        case .interrupted: lines.append("\(when) was interrupted")
        case .failed: lines.append("\(when) failed")
        }
        for failure in RunReport.failures(of: last) {
            lines.append("because \(failure.description)")
            if let hint = failure.hint { lines.append("  → \(hint)") }
        }
        lines += last.notices.map { "noted: \($0)" }
        if last.outcome != .succeeded,
            let good = runs.first(where: { $0.operation == last.operation && $0.outcome == .succeeded })
        {
            lines.append("the last one that succeeded is \(good.id) of \(Format.time(good.started))")
        }
        self.lines = lines
    }

    /// Why retention keeps each snapshot, or leaves a group alone.
    static func lines(_ plan: RetentionPlan?, _ policy: RetentionPolicy) -> [String] {
        guard let plan else { return [] }
        guard policy.hasRules else { return ["retention keeps everything: the profile has no `retention:` rules"] }
        return plan.groups.flatMap { group in
            let kept = group.decisions.count { $0.keep }
            let words = policy.policy(of: group.group.retentionClass).words
            var lines = ["retention (\(words)) keeps \(kept) of \(group.decisions.count) of \(group.group)"]
            if let why = group.leftAlone { lines.append("  left alone: \(why)") }
            lines += group.decisions.map { decision in
                "  \(decision.keep ? "keeps" : "would remove") \(decision.id) of \(Format.time(decision.time)): "
                    + decision.reasons.joined(separator: ", ")
            }
            return lines
        }
    }

    /// What had to be true for a success.
    private static func evidence(of operation: RunRecord.Operation) -> String {
        switch operation {
        case .backup: ": every source was captured, counted and named in its manifest"
        case .restore, .mount: ": every part agreed with what was noted when it was captured"
        case .verify: ": the repository was found sound, as deeply as was asked"
        case .drill: ": all that was restored is what was captured"
        case .prune, .recover: ""
        }
    }
}
