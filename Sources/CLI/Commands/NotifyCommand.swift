import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast notify …`
struct NotifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify",
        abstract: "Show who is told about runs, and send a message to see whether it arrives.",
        usage: """
            holdfast notify list [<options>]
            holdfast notify test [<notifier>] [--event <event>] [<options>]
            """,
        discussion: "Example: holdfast notify test slack --event failed",
        subcommands: [NotifyList.self, NotifyTest.self])
}

struct NotifyList: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show who is told about what, and what is still to be told.",
        usage: "holdfast notify list [<options>]",
        discussion: """
            Nothing is sent, and no secret is read.

            Example: holdfast notify list -p app
            """)

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let entries = try NotifierReview.entries(live.profile, try live.store())
        if console.isJSON {
            console.print(.object([("notifiers", .array(entries.map { NotifierViews.document($0, live) }))]))
        } else if entries.isEmpty {
            console.print("profile \(live.profile.name) tells nobody; add `notify:` to it")
        } else {
            for entry in entries {
                console.print(Console.harmless(NotifierViews.lines(entry, live).joined(separator: "\n")))
            }
        }
        return .success
    }
}

struct NotifyTest: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send a message for real, through every notifier or the named one.",
        usage: "holdfast notify test [<notifier>] [--event <event>] [<options>]",
        discussion: """
            The message says that it is a test. With --event it looks like one of that
            event, and a service that counts runs takes it for one. Exits with 1 when
            one could not be delivered.

            Example: holdfast notify test slack --event failed
            """)

    @Argument(
        help: ArgumentHelp("The notifier, as `notify list` names it; all when none is named.", valueName: "notifier"))
    var name: String?

    @Option(help: ArgumentHelp("What the message tells of.", valueName: "event"))
    var event: String?

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let known = live.profile.notifiers.map(\.name.rawValue)
        guard !known.isEmpty else {
            throw Failure(
                "profile \(live.profile.name) tells nobody", hint: "add `notify:` to it; see docs/alerts.md",
                kind: .usage)
        }
        if let name, !known.contains(name) {
            let near = Nearest.match(name, in: known).map { "did you mean `\($0)`? " } ?? ""
            throw Failure(
                "profile \(live.profile.name) has no notifier \(name)",
                hint: near + "it has: \(known.joined(separator: ", "))", kind: .usage)
        }
        let notifying = live.notifying(try live.store(), name.map { [NotifierName(unchecked: $0)] })
        let trials = await notifying.test(try chosenEvent())
        if console.isJSON {
            console.print(.object([("tests", .array(trials.map(NotifierViews.trial)))]))
        } else {
            for trial in trials {
                guard let failure = trial.failure else {
                    console.print("\(trial.notifier): \(console.styled("delivered", "32"))")
                    continue
                }
                console.report(failure)
            }
        }
        return trials.count < (name == nil ? known.count : 1) || trials.contains { $0.failure != nil }
            ? .failed : .success
    }

    private func chosenEvent() throws(Failure) -> NotificationEvent {
        guard let event else { return .test }
        if let chosen = NotificationEvent(rawValue: event) { return chosen }
        let known = NotificationEvent.allCases.map(\.rawValue)
        let near = Nearest.match(event, in: known).map { "did you mean `\($0)`? " } ?? ""
        throw Failure(
            "there is no event `\(event)`", hint: near + "there are: \(known.joined(separator: ", "))", kind: .usage)
    }
}
