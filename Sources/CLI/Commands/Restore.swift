import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast restore`
struct Restore: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Restore a restore point beside the live data.",
        usage: "holdfast restore [<point>] --to <folder> [<options>]",
        discussion: """
            The point is `latest`, a run id, a snapshot id (or the beginning of one), or
            a time: 2026-11-20, "2026-11-20 03:00", "2h ago", yesterday. Without one, on
            a terminal, you pick from a list.

            Everything goes below --to, one folder per source: files with their whole
            path, SQLite databases as files, Postgres as dumps, or, with --into, into a
            new database. Each part is proven against what was noted when it was captured
            before it is moved into place.

            Examples:
              holdfast restore latest --to /srv/restored
              holdfast restore "2026-11-20 03:00" --only db --to /srv/restored
              holdfast restore latest --only db --into db=app_new --to /srv/restored
              holdfast restore latest --offsite --to /srv/restored
              holdfast restore latest --only secrets --identity key.txt --to /srv/restored

            What was encrypted for recipients of its own is opened with the profile's
            identity: or with --identity; without one its encrypted file is put down.

            An archive file that stands alone needs no profile. It is verified by the
            manifest beside it before anything is decrypted:

              holdfast restore --archive b.tar.gz.enc --password-file key /srv/restored
            """)

    @Argument(help: "latest, a run or snapshot id, or a time; with --archive the folder.")
    var point: String?

    @Option(help: ArgumentHelp("Only these sources (repeatable, or separated by commas).", valueName: "source"))
    var only: [String] = []

    @Option(name: .customLong("to"), help: ArgumentHelp("The folder to restore below.", valueName: "folder"))
    var target: String?

    @Option(
        help: ArgumentHelp(
            "Load a source's dump into a new database of this name (repeatable).", valueName: "source=name"))
    var into: [String] = []

    @Flag(help: "Put the restored state in the place of what is there; that is kept beside it.")
    var exact = false

    @Flag(name: [.customShort("y"), .long], help: "Do not ask.")
    var yes = false

    @Flag(help: "Show the plan and stop.")
    var dryRun = false

    @OptionGroup var archive: ArchiveOptions

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard archive.isWanted else { return }
        if !only.isEmpty || !into.isEmpty || exact || place.isWanted {
            throw ValidationError(
                "--archive goes with a folder, --password-file, --identity, --signers and --dry-run only")
        }
        if point != nil, target != nil { throw ValidationError("name the folder once") }
    }

    func perform(_ console: Console) async throws -> ExitStatus {
        if archive.isWanted {
            return try await archive.restore(into: (target ?? point).map(absolute), dryRun: dryRun, console)
        }
        let live = try place.live(global, console)
        guard let target else { throw refusal }
        var options = RestoreOptions(directory: absolute(target))
        options.exact = exact
        if !only.isEmpty { options.only = try names(only.flatMap { $0.split(separator: ",").map(String.init) }) }
        options.databases = try databases()
        var engine = try await live.engine(place)
        if let identity = archive.identity { engine.restorer = live.restorer(identity: absolute(identity)) }
        let list = try await PointList(engine).load(loadingManifests: true)
        for notice in list.notices { console.say("note: \(Console.harmless(notice))") }
        let plan = try RestorePlan(
            try choose(from: list, console), options, sources: live.profile.sources.map(\.name))
        if console.isJSON {
            console.print(RestoreRendering.document(plan).text())
        } else {
            RestoreRendering.show(plan, console)
        }
        if dryRun { return .success }
        guard try yes || confirmed(console) else {
            console.print("nothing was restored")
            return .failed
        }
        let report = await RestoreRun(engine, plan).run()
        RestoreRendering.show(report, console)
        let status = RunReport.show(report.record, console)
        await live.tell(of: report.record, engine)
        return status
    }

    private var refusal: Failure {
        Failure(
            "restoring in place is not possible yet",
            hint: "restore beside it with --to DIR, look at it, then move it yourself", kind: .usage)
    }

    private func choose(from list: PointList.Contents, _ console: Console) throws -> RestorePoint {
        guard let point else {
            guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, !console.isJSON else {
                throw Failure(
                    "which restore point?",
                    hint: "name one: `latest`, an id or a time; `holdfast backup list` shows them",
                    kind: .usage)
            }
            return try Picker(console).pick(list.points)
        }
        return try list.restorePoints.resolve(point, now: Date(), timeZone: .current)
    }

    private func names(_ texts: [String]) throws -> [SourceName] {
        try texts.map { text in
            guard let name = SourceName(rawValue: text) else {
                throw Failure("`\(text)` is no source name", kind: .usage)
            }
            return name
        }
    }

    private func databases() throws -> [SourceName: String] {
        var result: [SourceName: String] = [:]
        for text in into {
            let halves = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard halves.count == 2, let source = SourceName(rawValue: halves[0]), !halves[1].isEmpty else {
                throw Failure("--into `\(text)` is not SOURCE=NAME", hint: "as in --into db=app_restored", kind: .usage)
            }
            result[source] = halves[1]
        }
        return result
    }

    private func confirmed(_ console: Console) throws -> Bool {
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure("nobody is there to ask", hint: "give --yes when no terminal is attached", kind: .usage)
        }
        Console.write(Array("Restore this? [y/N] ".utf8), to: STDERR_FILENO)
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }

    private func absolute(_ path: String) -> String {
        let expanded = (path as NSString).expandingTildeInPath
        let full = expanded.hasPrefix("/") ? expanded : FileManager.default.currentDirectoryPath + "/" + expanded
        // By its letters only: a link in the target's place is for the restore to see.
        return URL(fileURLWithPath: full).standardized.path
    }
}
