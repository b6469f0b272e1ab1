import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast backup …`
struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Take a backup, or look after those taken.",
        usage: """
            holdfast backup [<source> ...] [--dry-run] [<options>]
            holdfast backup list | prune | verify | auto [<options>]
            """,
        discussion: """
            Without a subcommand all sources of the profile are captured, or those named:

              holdfast backup                 everything
              holdfast backup db              one source
              holdfast backup --dry-run       what would be captured, how big, where to,
                                              and what retention would remove


            """ + optionsOfTheBackupItself,
        subcommands: [BackupNow.self, BackupList.self, BackupPrune.self, BackupVerify.self, BackupAuto.self],
        defaultSubcommand: BackupNow.self)

    /// Its arguments belong to the subcommand that is meant when none is named, and would not be listed here.
    private static var optionsOfTheBackupItself: String {
        // Every start comes by here, and only help needs the text.
        guard CommandLine.arguments.contains(where: ["help", "--help", "-h"].contains) else { return "" }
        let help = BackupNow.helpMessage(columns: 80)
        return (help.range(of: "ARGUMENTS:").map { String(help[$0.lowerBound...]) } ?? help)
            .trimmingCharacters(in: .newlines)
    }
}

struct BackupNow: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "now",
        abstract: "Capture all sources, or the named ones (the default of `holdfast backup`).",
        usage: "holdfast backup [<source> ...] [--dry-run] [<options>]",
        discussion: "Example: holdfast backup db --reason pre-deploy",
        shouldDisplay: false)

    @Argument(help: ArgumentHelp("Sources to capture; all of the profile's when none is named.", valueName: "source"))
    var sources: [String] = []

    @Flag(help: "Say what would be captured, how big, where to, and what retention would remove; change nothing.")
    var dryRun = false

    @Option(name: .customLong("tag"), help: "Put this tag on every snapshot (repeatable).")
    var tags: [String] = []

    @Option(help: "Why it is taken, such as pre-deploy; retention keeps each reason apart.")
    var reason: String?

    @Flag(
        name: .customLong("init"), help: "Make a new repository where the profile's has gone; its place must be empty.")
    var initialise = false

    @Flag(help: "Also feed the followers that are fed on request.")
    var offsite = false

    @Flag(help: "Leave retention for another time.")
    var noRetention = false

    @Flag(help: "A degraded run exits 4 instead of 0.")
    var strict = false

    @Flag(help: "Run as a timer does: only what is due by `schedule:` and `cadence:`, recorded as scheduled.")
    var scheduled = false

    @Option(help: ArgumentHelp("When it is due where the profile does not say.", visibility: .hidden))
    var defaultSchedule: ScheduleArgument?

    @Option(
        help: ArgumentHelp(
            "Wait this long for another run's lock, as in 10m; otherwise the run is skipped (75).", valueName: "time"))
    var lockWait: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Let retention remove up to this many snapshots of a group, beyond its share.", valueName: "n"))
    var allowRemoval: Int?

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        var request = BackupRequest()
        if !sources.isEmpty { request.sources = try sourceNames(live) }
        request.tags = try BackupNow.checked(tags: tags)
        request.reason = reason
        request.trigger = scheduled ? "scheduled" : "manual"
        request.offsite = offsite
        if offsite || live.profile.settings.remoteDemand != .none { _ = try live.offsite() }
        request.creation = initialise ? .always : .onFirstUse
        request.lockWait = lockWait?.duration
        request.retention = !noRetention
        request.allowedRemovals = allowRemoval
        let engine = try live.engine()
        if scheduled, sources.isEmpty, try !settle(&request, engine, console) { return .success }
        for key in live.profile.ignoredKeys {
            console.say("note: this version does not act on `\(key)`")
        }
        if dryRun {
            let preview = try await BackupPreview(engine, request).make()
            PreviewRendering.show(preview, live.profile, console)
            // As the backup itself would end.
            return preview.problems.first.map { ExitStatus(for: $0.kind) } ?? .success
        }
        let record = await BackupRun(engine, request).run()
        let status = RunReport.show(record, console, strict: strict)
        await live.tell(of: record, engine)
        return status
    }

    /// Leaves to a later run what is not due.
    /// - Returns: whether anything is.
    private func settle(_ request: inout BackupRequest, _ engine: Engine, _ console: Console) throws -> Bool {
        let due = try DueReview(engine, usual: defaultSchedule?.schedule, offsite: offsite).backup()
        guard due.isDue else {
            DueViews.tellNotDue(due, engine.timeZone, console)
            return false
        }
        request.notDue = due.notDue
        request.slot = due.slot?.verdict.slot
        request.offsite = request.offsite || due.feedsOffsite
        for source in due.sources where !source.isDue {
            console.say("\(source.name): left to a later run, \(DueViews.words(source, engine.timeZone))")
        }
        return true
    }

    static func checked(tags: [String]) throws(Failure) -> [String] {
        for tag in tags where !SourceName.isValid(tag) {
            throw Failure("`\(tag)` cannot be a tag", hint: "use letters, digits, `.`, `_` and `-`", kind: .usage)
        }
        return tags
    }

    /// A typo names the nearest of the sources and the subcommands.
    private func sourceNames(_ live: Live) throws -> [SourceName] {
        let known = live.profile.sources.map(\.name.rawValue)
        return try sources.map { text in
            if let name = SourceName(rawValue: text), known.contains(text) { return name }
            let subcommands = ["list", "prune", "verify", "auto"]
            let near = Nearest.match(text, in: known + subcommands)
            throw Failure(
                "`\(text)` is neither a source of profile \(live.profile.name) nor a subcommand of backup",
                hint: (near.map { "did you mean `\($0)`? " } ?? "")
                    + "sources: \(known.joined(separator: ", ")); subcommands: \(subcommands.joined(separator: ", "))",
                kind: .usage)
        }
    }
}
