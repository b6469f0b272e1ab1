import ArgumentParser
import BackupEngine
import BackupModel

/// `holdfast hook …`
struct HookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hook", abstract: "Look at the profile's hooks and resources, and try them by hand.",
        subcommands: [HookList.self, HookRun.self])
}

struct HookList: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show what runs when, in order, and whether it could.",
        usage: "holdfast hook list [--outcome <outcome>] [<options>]",
        discussion: """
            The order is that of a backup of all sources, one after the other. Nothing is
            run; a file that could not be run, or that others could change, is named, and
            the command ends with 1.

            Example: holdfast hook list --outcome failed
            """)

    @Option(help: "The order of a backup that ends so.")
    var outcome: Outcome = .succeeded

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let lines = HookOrder.lines(of: live.profile, outcome: outcome).map { HookLine($0, live.hooks) }
        let others = HookLine.others(live.profile, outcome: outcome, live.hooks)
        let isSound = (lines + others).allSatisfy { $0.problem == nil }
        if console.isJSON {
            console.print(
                .object([
                    ("outcome", .string(outcome.rawValue)), ("order", .array(lines.map(\.json))),
                    ("otherwise", .array(others.map(\.json))), ("sound", JSONValue(isSound)),
                ]))
            return isSound ? .success : .failed
        }
        if live.profile.hooks.isEmpty, live.profile.resources.isEmpty {
            console.print("profile \(live.profile.name) has no hooks; docs/hooks.md tells what they can do")
            return .success
        }
        console.print("a backup that \(outcome == .succeeded ? "succeeds" : "ends \(outcome.rawValue)"):")
        console.print(HookLine.table(lines))
        if !others.isEmpty {
            console.print("\nat other times:")
            console.print(HookLine.table(others))
        }
        for line in lines + others {
            if let problem = line.problem { console.report(problem) }
        }
        return isSound ? .success : .failed
    }
}

struct HookRun: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the hooks of one event by hand, and tell how they ended.",
        usage: "holdfast hook run <event> [--about <name>] [--hook <name>] [<options>]",
        discussion: """
            The programs really run, with `HOLDFAST_TRIAL=1` and `"trial": true` in their
            document. The event `resource` takes resources and gives each back at once.
            Ends with 1 when one failed, and with 75 when one said "not now".

            Example: holdfast hook run run.before
            """)

    @Argument(help: "run.before, source.failed …, or resource.")
    var event: String

    @Option(help: ArgumentHelp("Only for this source or repository.", valueName: "name"))
    var about: String?

    @Option(help: ArgumentHelp("Only the hook or resource of this name.", valueName: "name"))
    var hook: String?

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let names = live.profile.hooks.map(\.action.name) + live.profile.resources.map(\.name)
        if let hook, !names.contains(hook) {
            throw Failure(
                "profile \(live.profile.name) has no hook \(hook)",
                hint: Nearest.match(hook, in: names).map { "did you mean `\($0)`?" }
                    ?? "`holdfast hook list` shows what there is", kind: .usage)
        }
        if event == "resource" { return try await tryResources(live, console) }
        guard let wanted = HookEvent(event) else {
            let known = HookEvent.all.map(\.description) + ["resource"]
            throw Failure(
                "`\(event)` is no event",
                hint: (Nearest.match(event, in: known).map { "did you mean `\($0)`? " } ?? "")
                    + "events: \(known.joined(separator: ", "))", kind: .usage)
        }
        let tried = try await HookTrial(live.engine()).run(wanted, about: about, named: hook)
        if console.isJSON {
            console.print(.object([("hooks", .array(tried.map(HookLine.document)))]))
        } else if tried.isEmpty {
            console.print("nothing runs at \(wanted)")
        } else {
            for item in tried { HookLine.tell(item, console) }
        }
        if tried.contains(where: { HookLine.isBad($0, wanted) }) { return .failed }
        // One that failed is bad, which the line above has told.
        return tried.contains { (try? $0.result.get())?.saysNotNow == true } ? .tryLater : .success
    }

    private func tryResources(_ live: Live, _ console: Console) async throws -> ExitStatus {
        let result = try await HookTrial(live.engine()).takeAndGiveBack(named: hook)
        if console.isJSON {
            console.print(
                .object([
                    ("hooks", .array(result.did.map(RunViews.hook))),
                    ("failures", .array(result.wrong.map(RunViews.failure))),
                ]))
        } else {
            if result.did.isEmpty, result.wrong.isEmpty { console.print("there are no resources") }
            for did in result.did {
                let said = did.message.map { ": \($0)" } ?? ""
                console.print(
                    Console.harmless(
                        "\(did.event) \(did.hook): \(did.outcome.rawValue) in \(Format.duration(did.duration))\(said)"))
            }
            for failure in result.wrong { console.report(failure) }
        }
        return result.wrong.first.map { ExitStatus(for: $0.kind) } ?? .success
    }
}
