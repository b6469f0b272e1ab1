import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import HostSystem
import Programs
import Tools

/// `holdfast guard`
struct Guard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guard",
        abstract: "Take a restore point, run a command such as a deploy, and offer the way back when it fails.",
        usage: "holdfast guard [--only <source>] [--rollback] [<options>] -- <command> ...",
        discussion: """
            The command runs with your terminal, its output and its exit code; nothing is
            locked while it runs. When it fails, you are asked whether to restore; with
            --rollback that is done without asking; where nobody can be asked, the line
            that does it is printed.

            Without a good restore point the command is not run: exit code 125 (127: there
            is no such command, 126: it cannot be run; both are found out first).

            Examples:
              holdfast guard -- ./deploy.sh
              holdfast guard --only db --rollback -- bin/migrate up
              holdfast guard --max-age 10m -- sh -c 'make deploy && make smoke-test'

            Results and reports go to standard error, for standard output is the
            command's; so do the JSON lines of --json, whose last is about the guard.
            """)

    /// The command never ran.
    static let notRun: Int32 = 125

    @Option(help: ArgumentHelp("Guard only these sources (repeatable, or separated by commas).", valueName: "source"))
    var only: [String] = []

    @Flag(help: "Restore without asking when the command fails.")
    var rollback = false

    @Option(
        help: ArgumentHelp(
            "Use a good restore point that is no older than this, as in 10m, where there is one.", valueName: "time"))
    var maxAge: TimeSpan?

    @Option(help: "Why the restore point is taken; retention keeps each reason apart.")
    var reason = RetentionClass.preDeploy

    @Option(name: .customLong("tag"), help: "Put this tag on every snapshot (repeatable).")
    var tags: [String] = []

    @Flag(help: "Run the command also when something of a source could not be read.")
    var acceptPartial = false

    @Flag(help: "Also feed the followers that are fed on request.")
    var offsite = false

    @Option(
        help: ArgumentHelp("Wait this long for another run's lock, as in 10m; otherwise 125.", valueName: "time"))
    var lockWait: TimeSpan?

    @Option(help: ArgumentHelp("Also write how it went to this file, as JSON.", valueName: "file"))
    var report: String?

    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("What to run, behind `--`.", valueName: "command"))
    var command: [String] = []

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard let first = command.first, !first.isEmpty else {
            throw ValidationError("Guard needs a command to run, behind `--`")
        }
    }

    func run() async throws {
        let console = Console(
            quiet: global.quiet, verbose: global.verbose, json: global.json, resultsTo: STDERR_FILENO)
        let code: Int32
        do {
            code = try await guarded(console)
        } catch let refusal as ForegroundProgram.Refusal {
            CommandFailure.report(refusal, console)
            code = refusal.exitCode
        } catch let error as any OperatorError {
            CommandFailure.report(error, console)
            code = Guard.notRun
        } catch is CancellationError {
            code = Guard.notRun
        }
        if code != 0 { throw ExitCode(code) }
    }

    /// - Returns: the command's exit code.
    private func guarded(_ console: Console) async throws -> Int32 {
        let program = try ForegroundProgram.locate(command[0])
        let live = try Live(global, console)
        let engine = try live.engine()
        let commit = await WorkTreeCommit.find(live.runner)
        let run = GuardRun(engine, try request(live, commit)) { record in
            _ = RunReport.show(record, console)
            await live.tell(of: record, engine)
        } say: {
            console.say(Console.harmless($0))
        }
        let point = try await run.secure()
        GuardViews.show(point, console)
        guard !Task.isCancelled, !Interruption.hasCome else {
            throw Failure("the command was not run: interrupted", kind: .interrupted)
        }
        console.say("running \(Console.harmlessName(command[0]))")
        let start = ContinuousClock.now
        let found = try await ForegroundProgram.run(
            program, command, variables: ["HOLDFAST_RESTORE_POINT": point.run.rawValue])
        let end = CommandEnd(exitCode: found.exitCode, signal: found.signal, wasAskedToEnd: found.wasAskedToEnd)
        let duration = ContinuousClock.now - start
        let way = "holdfast " + words(of: point, live.profile.name).map(GuardViews.shellWord).joined(separator: " ")
        let result = await run.settle(point, after: end) {
            GuardViews.tell(end, of: command[0], console)
            return wantsRollback(point, end, console)
        } rollback: { point, only in
            let record = try await RestoreInPlace(live: live, engine: engine, console: console)
                .putBack(point, only: only)
            _ = RunReport.show(record, console)
            await live.tell(of: record, engine)
            return record
        }
        GuardViews.tell(result, point, by: way, console)
        let document = GuardViews.document(
            point, commit, end, of: command[0], duration, result, by: way, profile: live.profile.name)
        if console.isJSON { console.print(document.text()) }
        if let report { write(document, to: report, console) }
        return end.exitCode
    }

    private func request(_ live: Live, _ commit: WorkTreeCommit?) throws -> GuardRequest {
        var backup = BackupRequest()
        if !only.isEmpty {
            backup.sources = try SourceWords.read(only, "--only").map { text in
                let known = live.profile.sources.map(\.name.rawValue)
                if let name = SourceName(rawValue: text), known.contains(text) { return name }
                throw Failure(
                    "profile \(live.profile.name) has no source `\(text)`",
                    hint: (Nearest.match(text, in: known).map { "did you mean `\($0)`? " } ?? "")
                        + "it has: \(known.joined(separator: ", "))", kind: .usage)
            }
        }
        guard !reason.isEmpty else { throw Failure("--reason wants a word", hint: "as in pre-deploy", kind: .usage) }
        backup.reason = reason
        backup.tags = try BackupNow.checked(tags: tags) + (commit.map { [$0.tag] } ?? [])
        backup.lockWait = lockWait?.duration
        backup.offsite = offsite
        if offsite || live.profile.settings.remoteDemand != .none { _ = try live.offsite() }
        // Its name alone: what follows may hold a secret.
        backup.notes = [
            "taken before \((command[0] as NSString).lastPathComponent)"
                + (commit.map { " at commit \($0.words)" } ?? "")
        ]
        var request = GuardRequest(backup)
        request.maximumAge = maxAge?.duration
        request.acceptsPartial = acceptPartial
        request.demandsRollback = rollback
        return request
    }

    private func wantsRollback(_ point: GuardedPoint, _ end: CommandEnd, _ console: Console) -> Bool {
        // A restore that is killed half way helps nobody.
        guard !end.wasAskedToEnd else { return false }
        if rollback { return true }
        guard Question.canBeAsked, !console.isJSON else { return false }
        GuardViews.showPlan(point, console)
        return Question.agrees("Restore this in place?")
    }

    /// The restore, as an operator would have it done.
    private func words(of point: GuardedPoint, _ profile: ProfileName) -> [String] {
        var words = ["restore", point.run.rawValue]
        if let only = point.only { words += ["--only", only.map(\.rawValue).joined(separator: ",")] }
        words.append("--yes")
        // It may be pasted where another profile is meant.
        words += ["--profile", global.profile ?? profile.rawValue]
        if let folder = global.configFolder { words += ["--config-dir", folder] }
        return words
    }

    private func write(_ document: JSONValue, to path: String, _ console: Console) {
        let full = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        do throws(Failure) {
            try PublishedFile.write(document.text() + "\n", to: full, mark: #"{"event":"guard""#)
        } catch {
            console.warn(error.description)
        }
    }
}
