import ArgumentParser
import BackupModel
import Foundation

/// `holdfast history`
struct History: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "List past runs.", discussion: "Example: holdfast history --outcome failed --limit 5")

    @OptionGroup var global: GlobalOptions

    @Option(help: "Show at most this many, newest first.")
    var limit: Int = 20

    @Option(help: "Only runs that ended like this: succeeded, failed, partial, interrupted, skipped, degraded.")
    var outcome: Outcome?

    @Option(help: "Only these: backup, prune, verify, restore, recover.")
    var operation: RunRecord.Operation?

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let query = RunQuery(profile: live.profile.name, operation: operation, outcome: outcome, limit: limit)
        let store = try live.store()
        let runs = try store.runs(query)
        if console.isJSON {
            console.print(.object([("runs", .array(runs.map { RunViews.run($0, isFull: false) }))]))
            return .success
        }
        if store.wasRecreated {
            console.warn("the history was lost and is new; restore points are not affected: `holdfast backup list`")
        }
        guard !runs.isEmpty else {
            console.print("no runs recorded")
            return .success
        }
        var table = Table([("RUN", .left), ("OPERATION", .left), ("STARTED", .left), ("TOOK", .right), ("OUTCOME", .left)])
        for run in runs {
            table.add([
                run.id.rawValue, run.operation.rawValue, Format.time(run.started),
                run.duration.map(Format.duration) ?? "", run.outcome?.rawValue ?? "unfinished",
            ])
        }
        console.print(table.text)
        return .success
    }
}

extension Outcome: ExpressibleByArgument {}
extension RunRecord.Operation: ExpressibleByArgument {}
