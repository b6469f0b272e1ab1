import ArgumentParser
import BackupEngine
import BackupModel

/// `holdfast backup prune`
struct BackupPrune: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Apply the retention policy, and free the room.",
        usage: "holdfast backup prune [--dry-run] [--allow-removal <n>] [<options>]",
        discussion: """
            A group of snapshots is left alone, and it says so, while something looks
            wrong with it: its newest part is not clean or unusual in size, a snapshot
            lies in the future, or more than its share would go.

            Example: holdfast backup prune --dry-run
            """)

    @Flag(help: "Say what would go and why; change nothing.")
    var dryRun = false

    @Option(help: ArgumentHelp("Let this many snapshots of a group go, beyond its share.", valueName: "n"))
    var allowRemoval: Int?

    @Option(help: ArgumentHelp("Wait this long for another run's lock, as in 10m.", valueName: "time"))
    var lockWait: TimeSpan?

    @Flag(help: "Run as a timer does: only when `schedule:` says that it is due, recorded as scheduled.")
    var scheduled = false

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        var request = PruneRequest(dryRun: dryRun, allowedRemovals: allowRemoval, lockWait: lockWait?.duration)
        if scheduled { request.trigger = "scheduled" }
        let engine = try live.engine()
        if scheduled, try !DueViews.isDue(.prune, engine, console) { return .success }
        let status = await prune(engine, request, live, console)
        guard !Task.isCancelled else { return status }
        for follower in engine.followers { await prune(follower, engine, request, console) }
        return status
    }

    private func prune(_ engine: Engine, _ request: PruneRequest, _ live: Live, _ console: Console) async -> ExitStatus
    {
        let spec = engine.primary.spec
        guard spec.access.mayRemove else {
            console.say("\(spec.name): skipped, its access is \(spec.access.rawValue) and removes nothing")
            return .success
        }
        let report = await PruneRun(engine, request).run()
        // As JSON lines the plan was told of as it was made.
        if !console.isJSON { show(report, console) }
        let status = RunReport.show(report.record, console)
        if !dryRun { await live.tell(of: report.record, engine) }
        return status
    }

    /// The same policy in a repository that follows. It never changes the exit code: the primary is what counts here.
    private func prune(_ follower: any Follower, _ engine: Engine, _ request: PruneRequest, _ console: Console) async {
        let name = follower.spec.name
        // A prune there would take away what the ledger believes to be there.
        guard follower.follow.method != .mirror || !follower.spec.access.mayRemove else {
            return console.say("\(name): skipped, nothing is removed from a mirror")
        }
        guard follower.spec.access.mayRemove, let repository = follower.repository else {
            console.say("\(name): skipped, its access is \(follower.spec.access.rawValue) and removes nothing")
            return
        }
        let other = engine.at(repository)
        do {
            guard try other.pins.pin(profile: other.profile.name, repository: name) != nil else {
                console.say("\(name): skipped, nothing has been sent there yet")
                return
            }
        } catch {
            return console.warn("\(name): \(error.description)")
        }
        if !console.isJSON { console.print("\(name):") }
        let report = await PruneRun(other, request).run()
        if !console.isJSON { show(report, console) }
        if report.record.outcome == .skipped, report.record.failures.allSatisfy({ $0.kind == .notPermitted }) {
            console.say(
                "\(name): skipped, its credential removes nothing; write `access: append-only`, and it is not tried")
        } else {
            for failure in report.record.failures { console.warn("\(name): \(failure.description)") }
        }
    }

    private func show(_ report: PruneRun.Report, _ console: Console) {
        if let plan = report.plan { show(plan, console) }
        for snapshot in report.incomplete {
            console.print(
                "\(dryRun ? "would remove" : "removed") incomplete snapshot \(snapshot.id), which no manifest names")
        }
        for line in report.toolSaid where console.isVerbose { console.say("  \(line)") }
    }

    private func show(_ plan: RetentionPlan, _ console: Console) {
        for group in plan.groups {
            let kept = group.decisions.count - group.removals.count
            console.print("\(group.group): keeps \(kept), removes \(group.removals.count)")
            if let why = group.leftAlone { console.print("  left alone: \(Console.harmless(why))") }
            for decision in group.decisions where !decision.keep || dryRun || console.isVerbose {
                console.print(
                    "  \(decision.keep ? "keep  " : "remove") \(decision.id) \(Format.time(decision.time))  "
                        + decision.reasons.joined(separator: ", "))
            }
        }
        if plan.groups.isEmpty { console.print("there is nothing to apply retention to") }
    }
}
