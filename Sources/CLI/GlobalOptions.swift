import ArgumentParser
import BackupModel
import Foundation
import ProfileLoader

/// Options that every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(
        name: [.short, .customLong("profile")],
        help: ArgumentHelp("The profile: its name, or the path of its file.", valueName: "name"))
    var profile: String?

    @Option(
        name: .customLong("config-dir"),
        help: ArgumentHelp("Look for profiles in this folder only.", valueName: "folder"))
    var configFolder: String?

    @Flag(help: "Print one JSON document, or JSON lines while working.")
    var json = false

    @Flag(name: [.short, .long], help: "Print errors and results only.")
    var quiet = false

    @Flag(name: [.short, .long], help: "Print every step.")
    var verbose = false

    /// With the profile that somebody at a terminal picks where several could be meant.
    /// - Parameter isWanted: whether they are led at all.
    func led(_ isWanted: Bool, _ console: Console) throws -> GlobalOptions {
        guard isWanted, profile == nil, isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, !json else {
            return self
        }
        let profiles = Profiles(self)
        // Why none can be chosen is told when it is loaded, unless somebody picks one here.
        if (try? profiles.chosenPath()) != nil { return self }
        let entries = profiles.catalog().entries.filter(\.canRun)
        guard entries.count > 1 else { return self }
        for (index, entry) in entries.enumerated() { console.print("  \(index + 1)  \(entry.title)") }
        var options = self
        while true {
            let answer = try Question.ask("Which profile?")
            if let index = Question.indices(answer, of: entries.count)?.first {
                options.profile = entries[index].path
                return options
            }
            console.print("a number from 1 to \(entries.count), or Ctrl-C")
        }
    }

    /// What chooses the same profile again, for commands that are printed to be pasted.
    func pasted(_ profile: ProfileName) -> String {
        let words = ["-p", self.profile ?? profile.rawValue] + (configFolder.map { ["--config-dir", $0] } ?? [])
        return words.map(GuardViews.shellWord).joined(separator: " ")
    }

    func console() -> Console { Console(quiet: quiet, verbose: verbose, json: json) }
}

/// A command that ends in one of the program's exit codes and reports errors in the program's way.
protocol OperatorCommand: AsyncParsableCommand {
    var global: GlobalOptions { get }
    /// - Throws: an ``OperatorError``, which is reported with its hint and exit code.
    func perform(_ console: Console) async throws -> ExitStatus
}

extension OperatorCommand {
    func run() async throws {
        let console = global.console()
        var status: ExitStatus
        do {
            status = try await perform(console)
        } catch let error as any OperatorError {
            CommandFailure.report(error, console)
            status = ExitStatus(for: error.kind)
        } catch is CancellationError {
            status = .interrupted
        }
        if status == .interrupted { status = Interruption.exitStatus }
        if status != .success { throw ExitCode(status.rawValue) }
    }
}

enum CommandFailure {
    static func report(_ error: any OperatorError, _ console: Console) {
        if console.isJSON {
            console.print(JSONValue.object([("error", RunViews.failure(Failure(error)))]).text())
        } else {
            console.report(error)
        }
    }
}

/// A span of time on the command line, as profiles write it: `90s`, `10m`, `2h`.
struct TimeSpan: ExpressibleByArgument {
    var duration: Duration
    init?(argument: String) {
        guard let duration = Duration(profileText: argument) else { return nil }
        self.duration = duration
    }
}
