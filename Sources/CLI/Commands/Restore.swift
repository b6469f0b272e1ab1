import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast restore`
struct Restore: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Restore a restore point: into place, or beside it.",
        usage: "holdfast restore [<point>] [--only <source> ...] [--to <folder>] [<options>]",
        discussion: """
            The point is `latest`, a run id, a snapshot id (or the beginning of one), or
            a time: 2026-11-20, "2026-11-20 03:00", "2h ago", yesterday. Without one, on
            a terminal, you are led: point, sources, files, target.

            INTO PLACE (without --to): you see the plan and are asked once. All is
            restored beside the live data and proven there, and then takes its place in
            one step; what was there is kept aside, and --undo puts it back. Databases
            are loaded under another name, proven, and renamed. Interrupted anywhere,
            all is as it was, or the next command makes it as it was to be.

              holdfast restore latest
              holdfast restore "2026-11-20 03:00" --only db --yes
              holdfast restore latest --path /srv/app/config.yaml
              holdfast restore --undo                 put back what was there
              holdfast restore --kept                 what restores have put aside
              holdfast restore --discard RUN          remove that for good

            BESIDE (with --to, or --into): everything goes below the folder, one folder
            per source: files with their whole path, SQLite databases as files, Postgres
            as dumps, or, with --into, into a new database. The live data is not touched.

              holdfast restore latest --to /srv/restored
              holdfast restore latest --only db --into db=app_new --to /srv/restored
              holdfast restore latest --offsite --to /srv/restored
              holdfast restore latest --only secrets --identity key.txt --to /srv/restored

            What was encrypted for recipients of its own is opened with the profile's
            identity: or with --identity; without one its encrypted file is put down.

            An archive file that stands alone needs no profile. It is verified by the
            manifest beside it before anything is decrypted:

              holdfast restore --archive b.tar.gz.enc --password-file key /srv/restored
            """)

    @Argument(
        help: "latest, a run or snapshot id, or a time; with --archive the folder; with --undo and --discard a run.")
    var point: String?

    @Option(help: ArgumentHelp("Only these sources (repeatable, or separated by commas).", valueName: "source"))
    var only: [String] = []

    @Option(name: .customLong("to"), help: ArgumentHelp("The folder to restore below.", valueName: "folder"))
    var target: String?

    @Option(
        help: ArgumentHelp(
            "Load a source's dump into a new database of this name (repeatable).", valueName: "source=name"))
    var into: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only this file or folder, by its absolute path as it was (repeatable).", valueName: "path"))
    var path: [String] = []

    @Flag(help: "Go on although a program is writing there; what it writes goes to what is kept aside.")
    var whileInUse = false

    @Flag(help: "Put back what a restore into place has put aside; the newest, or that of the run named.")
    var undo = false

    @Flag(help: "List what restores into place have put aside.")
    var kept = false

    @Flag(help: "Remove for good what a restore into place has put aside.")
    var discard = false

    @Flag(help: "With --to: put the restored state in the place of what is there; that is kept beside it.")
    var exact = false

    @Flag(name: [.customShort("y"), .long], help: "Do not ask.")
    var yes = false

    @Flag(help: "Show the plan and stop.")
    var dryRun = false

    @OptionGroup var archive: ArchiveOptions

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        let special = [undo, kept, discard, archive.isWanted].count { $0 }
        if special > 1 { throw ValidationError("--undo, --kept, --discard and --archive exclude each other") }
        if undo || kept || discard {
            let isNarrowed = !only.isEmpty || !into.isEmpty || !path.isEmpty || place.isWanted
            if isNarrowed || target != nil || exact || (whileInUse && !undo) {
                throw ValidationError(
                    "--undo, --kept and --discard go with a run, --yes and --dry-run only, --undo with --while-in-use too"
                )
            }
            if kept, point != nil { throw ValidationError("--kept lists all, and takes no run") }
        }
        if target == nil, exact, !archive.isWanted { throw ValidationError("--exact goes with --to") }
        if !into.isEmpty, !path.isEmpty { throw ValidationError("--path chooses files, and --into loads a database") }
        if target != nil, whileInUse { throw ValidationError("--while-in-use goes with a restore into place") }
        for path in path where !path.hasPrefix("/") {
            throw ValidationError("--path wants an absolute path, and `\(path)` is none")
        }
        guard archive.isWanted else { return }
        if !only.isEmpty || !into.isEmpty || exact || place.isWanted || !path.isEmpty {
            throw ValidationError(
                "--archive goes with a folder, --password-file, --identity, --signers and --dry-run only")
        }
        if point != nil, target != nil { throw ValidationError("name the folder once") }
    }

    func perform(_ console: Console) async throws -> ExitStatus {
        if archive.isWanted {
            return try await archive.restore(into: (target ?? point).map(absolute), dryRun: dryRun, console)
        }
        // What is wrong with the words is told before anything is looked for.
        _ = (try sources, try databases())
        let live = try place.live(
            try global.led(point == nil && !undo && !kept && !discard, console), console,
            identity: archive.identity.map(IdentityOption.path))
        var engine = try await live.engine(place)
        if let identity = archive.identity { engine.restorer = live.restorer(identity: absolute(identity)) }
        let inPlace = RestoreInPlace(live: live, engine: engine, console: console)
        if kept { return try inPlace.list() }
        if undo { return try await inPlace.undo(point, whileInUse: whileInUse, isAgreed: yes, dryRun: dryRun) }
        if discard { return try await inPlace.discard(point, isAgreed: yes, dryRun: dryRun) }
        let list = try await PointList(engine).load(loadingManifests: true)
        for notice in list.notices { console.say("note: \(Console.harmless(notice))") }
        var chosen = try choose(from: list, console)
        var choice = RestoreDialogue.Choice(only: try sources, paths: path.map(absolute), folder: target)
        if point == nil, only.isEmpty, path.isEmpty, target == nil, into.isEmpty {
            choice = try await RestoreDialogue(engine: engine, console: console).ask(chosen, list.restorePoints)
        }
        if let part = chosen.named {
            chosen.entries.removeAll { $0.part.snapshot != part.snapshot }
            choice.only = choice.only ?? [part.source]
            console.say("note: that snapshot is \(part.title) alone; name run \(chosen.run) for all of it")
        }
        guard choice.folder != nil || !into.isEmpty else {
            var options = InPlaceOptions()
            options.only = choice.only
            options.paths = choice.paths
            options.whileInUse = whileInUse
            return try await tellingCopies(live, console) {
                try await inPlace.restore(chosen, options, isAgreed: yes, dryRun: dryRun)
            }
        }
        return try await tellingCopies(live, console) { try await restore(chosen, choice, live, engine, console) }
    }

    /// What is damaged here may be whole in another place.
    private func tellingCopies(
        _ live: Live, _ console: Console, _ body: () async throws -> ExitStatus
    ) async throws -> ExitStatus {
        let copies = place.isWanted ? [] : live.profile.followers.map(\.name.rawValue)
        func tell() {
            guard let first = copies.first else { return }
            console.warn("\(copies.joined(separator: ", ")) may have it whole: the same again with --from \(first)")
        }
        do {
            let status = try await body()
            if status == .damaged { tell() }
            return status
        } catch let error as any OperatorError where error.kind == .damaged {
            tell()
            throw error
        }
    }

    private var sources: [SourceName]? {
        get throws { only.isEmpty ? nil : try names(SourceWords.read(only, "--only")) }
    }

    /// Below a folder, or into new databases.
    private func restore(
        _ point: RestorePoint, _ choice: RestoreDialogue.Choice, _ live: Live, _ engine: Engine, _ console: Console
    ) async throws -> ExitStatus {
        let folder =
            try choice.folder ?? RestoreChecks.folder(forDatabases: databases(), of: point, choice.only)
        // Of one that nobody named, nothing stays.
        defer { if choice.folder == nil { rmdir(folder) } }
        var options = RestoreOptions(directory: absolute(folder))
        options.exact = exact
        options.only = choice.only
        options.paths = choice.paths
        options.databases = try databases()
        let plan = try RestorePlan(point, options, sources: live.profile.sources.map(\.name))
        if RestoreChecks.canLook(engine) { try await ChosenPaths(engine).require(plan) }
        if console.isJSON {
            console.print(RestoreRendering.document(plan).text())
        } else {
            RestoreRendering.show(plan, console)
        }
        if dryRun { return .success }
        guard try yes || Question.confirmed("Restore this?") else {
            console.print("nothing was restored")
            return .failed
        }
        let report = await RestoreRun(engine, plan).run()
        RestoreRendering.show(report, console)
        let status = RunReport.show(report.record, console)
        await live.tell(of: report.record, engine)
        return status
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
            var halves = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            // Of one source nobody needs to be told which.
            if halves.count == 1, into.count == 1, let only = try sources, only.count == 1 {
                halves.insert(only[0].rawValue, at: 0)
            }
            guard halves.count == 2, let source = SourceName(rawValue: halves[0]), !halves[1].isEmpty else {
                throw Failure(
                    "--into `\(text)` is not SOURCE=NAME",
                    hint: "as in --into db=app_restored; with --only db the name alone will do", kind: .usage)
            }
            result[source] = halves[1]
        }
        return result
    }

    private func absolute(_ path: String) -> String {
        let expanded = (path as NSString).expandingTildeInPath
        let full = expanded.hasPrefix("/") ? expanded : FileManager.default.currentDirectoryPath + "/" + expanded
        // By its letters only: a link in the target's place is for the restore to see.
        return URL(fileURLWithPath: full).standardized.path
    }
}
