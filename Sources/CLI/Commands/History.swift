import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast history`
struct History: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "List past runs.",
        usage: "holdfast history [--limit <n>] [--outcome <outcome>] [--operation <operation>] [<options>]",
        discussion: "Example: holdfast history --outcome failed --limit 5")

    @Option(help: ArgumentHelp("Show at most this many, newest first.", valueName: "n"))
    var limit: Int = 20

    @Option(help: "Only runs that ended like this.")
    var outcome: Outcome?

    @Option(help: "Only runs of this kind.")
    var operation: RunRecord.Operation?

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let query = RunQuery(profile: live.profile.name, operation: operation, outcome: outcome, limit: limit)
        let store = try await live.rebuiltStore(console)
        let runs = try store.runs(query)
        if console.isJSON {
            console.print(.object([("runs", .array(runs.map { RunViews.run($0, isFull: false) }))]))
            return .success
        }
        if store.wasRecreated {
            console.warn("the history was lost and is new; restore points are not affected: `holdfast backup list`")
        }
        defer {
            if runs.contains(where: \.isRebuilt) {
                console.say(
                    "* put together from the repository after the history was lost; runs that left nothing there are gone"
                )
            }
        }
        guard !runs.isEmpty else {
            console.print("no runs recorded")
            return .success
        }
        var table = Table([
            ("RUN", .left), ("OPERATION", .left), ("STARTED", .left), ("TOOK", .right), ("OUTCOME", .left),
        ])
        for run in runs {
            table.add([
                run.id.rawValue, run.operation.rawValue, Format.time(run.started),
                run.duration.map(Format.duration) ?? "",
                (run.outcome?.rawValue ?? "unfinished") + (run.isRebuilt ? "*" : ""),
            ])
        }
        console.print(table.text)
        return .success
    }
}

extension Outcome: ExpressibleByArgument {}
extension RunRecord.Operation: ExpressibleByArgument {}

extension Live {
    /// The history, with what it has lost put together again from the repository. Where that cannot be looked at, the
    /// history is shown as it is.
    func rebuiltStore(_ console: Console) async throws -> any RunStore {
        let engine = try engine()
        if engine.store.wasRecreated {
            do { _ = try await PointList(engine).load(loadingManifests: true) } catch let error as any OperatorError {
                console.warn("the history cannot be rebuilt now: \(error.description)")
            }
        }
        return engine.store
    }
}
