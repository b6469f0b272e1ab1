import ArgumentParser
import BackupEngine
import BackupModel
import DumpSources
import Foundation

/// `holdfast drill`
struct Drill: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prove that it restores, and keep the evidence.",
        usage: "holdfast drill [<source> …] [--point <point>] [--offsite] [<options>]",
        discussion: """
            Restores a restore point into private scratch, holds it against what was
            noted when it was captured, and removes it again; nothing live is changed.
            PostgreSQL, MySQL and MariaDB are loaded into a server that is started for
            it and ended with it. What the profile demands under `drill:` (queries and
            programs of yours) is asked of what was restored.

            Time to restore, age of the data and every comparison are kept in the
            history and as a page and a JSON file that can be handed on.

            Exit codes: 0 proven; 5 restored and not all of it proven, with what to do
            so that it can be; 1, 65 and others when something is wrong.

            Examples:
              holdfast drill
              holdfast drill db --point random
              holdfast drill --offsite --credentials reader.env --report /srv/audit
              holdfast drill secrets --identity key.txt
              holdfast drill --as-new-machine
              holdfast drill --from-kit /media/stick/restore-app.sh

            --from-kit carries out the very lines of a break-glass sheet (`new`: of one
            made now) in an empty environment, and compares what they bring back.
            """)

    @Argument(help: ArgumentHelp("Only these sources.", valueName: "source"))
    var sources: [String] = []

    @Option(
        help: ArgumentHelp(
            "latest, random (an older one), a run or snapshot id, or a time; otherwise what the profile says.",
            valueName: "point"))
    var point: String?

    @Flag(
        name: .customLong("as-new-machine"),
        help: "Use no cache, no pins, no history and no home folder of this host.")
    var asNewMachine = false

    @Option(
        name: .customLong("from-kit"),
        help: ArgumentHelp("Restore by the lines of this sheet, or of a `new` one.", valueName: "file"))
    var kit: String?

    @Option(help: ArgumentHelp("Restore into a private folder below this one.", valueName: "folder"))
    var scratch: String?

    @Option(help: ArgumentHelp("Copy the evidence to this folder too.", valueName: "folder"))
    var report: String?

    @Option(help: ArgumentHelp("Wait this long for another run's lock, as in 10m.", valueName: "time"))
    var lockWait: TimeSpan?

    @Flag(help: "Show what would be restored, and stop.")
    var dryRun = false

    @Flag(help: "Run as a timer does: only when `schedule:` says that it is due, recorded as scheduled.")
    var scheduled = false

    @OptionGroup var key: IdentityOption

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        guard kit != nil else { return }
        if point != nil || asNewMachine || !sources.isEmpty || dryRun {
            throw ValidationError(
                "--from-kit restores what the sheet restores, and takes no sources, --point or --dry-run")
        }
    }

    func perform(_ console: Console) async throws -> ExitStatus {
        var live = try place.live(global, console, identity: key.path)
        var place = place
        if !place.isWanted, let from = live.profile.drill.from, from != live.profile.primary?.name {
            place.name = from.rawValue
        }
        if scheduled, try !DueViews.isDue(.drill, live.engine(), console) { return .success }
        let request = try request(live)
        if let kit { return try await rehearse(kit, request, live, place, console) }
        let machine = asNewMachine ? try NewMachine(live, scratch: scratch.map(absolute)) : nil
        defer { machine?.remove(console) }
        if machine != nil { live = try place.live(global, console, identity: key.path, on: machine) }
        var engine = try await live.engine(place)
        if let identity = key.path { engine.restorer = live.restorer(identity: identity) }
        if let scratch { engine.profile.settings.scratch = absolute(scratch) }
        var asked = request
        asked.catalog = machine?.store
        if dryRun { return try await show(DrillPlan.make(engine, asked), engine, console) }
        try await DrillPlan.requirePoint(engine, asked)
        let run = await DrillRun(engine, asked).run()
        let status = show(run, live, console)
        await live.tell(of: run, engine)
        return status
    }

    private func rehearse(
        _ file: String, _ request: DrillRequest, _ live: Live, _ place: OffsiteOptions, _ console: Console
    ) async throws -> ExitStatus {
        // A file that is none is a mistyped name, and nobody's failed drill.
        let sheet = file == "new" ? nil : try KitRehearsals.sheet(file)
        let engine = try await live.engine(place)
        let rehearsals = KitRehearsals(live, place, global, console)
        let sandbox = PostgreSQLSandbox(live.services)
        let identity = key.path
        let run = await KitDrill(engine, request) { folder in
            try sheet?.requireWhole()
            let points = try await PointList(engine).load(loadingManifests: true).points
            return try await sandbox.whileUp(for: points.first?.entries.map(\.part) ?? [], in: folder) { variables in
                try await rehearsals.run(sheet: sheet, identity: identity, variables: variables)
            }
        }.run()
        let status = show(run, live, console)
        await live.tell(of: run, engine)
        return status
    }

    private func request(_ live: Live) throws -> DrillRequest {
        let profile = live.profile
        var request = DrillRequest()
        switch point?.lowercased() ?? profile.drill.point.rawValue {
        case "latest": request.point = .latest
        case "random": request.point = .random
        default: request.point = .named(point ?? "latest")
        }
        let names = profile.sources.map(\.name)
        for text in try SourceWords.read(sources) {
            guard let name = names.first(where: { $0.rawValue == text }) else {
                let near = Nearest.match(text, in: names.map(\.rawValue)).map { "did you mean `\($0)`? " } ?? ""
                throw Failure(
                    "profile \(profile.name) has no source \(text)",
                    hint: near + "it has: " + names.map(\.rawValue).joined(separator: ", "), kind: .usage)
            }
            if request.sources?.contains(name) != true { request.sources = (request.sources ?? []) + [name] }
        }
        request.lockWait = lockWait?.duration
        request.sample = profile.drill.sample
        request.room = profile.drill.room
        if scheduled { request.trigger = "scheduled" }
        return request
    }

    private func show(_ plan: DrillPlan, _ engine: Engine, _ console: Console) throws -> ExitStatus {
        if console.isJSON {
            console.print(DrillViews.plan(plan, engine).text())
        } else {
            DrillViews.show(plan, engine, console)
        }
        return .success
    }

    /// - Returns: what the run stands for; evidence that could not be kept is a failure of its own.
    private func show(_ run: RunRecord, _ live: Live, _ console: Console) -> ExitStatus {
        if let drill = run.drill, !console.isJSON, !console.isQuiet {
            for line in DrillViews.lines(drill, of: run) { console.print(line) }
        }
        var status = RunReport.show(run, console)
        guard let evidence = DrillEvidence(run, live) else { return status }
        do {
            let page = try evidence.save()
            if let report { try evidence.copy(to: absolute(report)) }
            if console.isJSON {
                console.print(
                    JSONValue.object([
                        ("event", .string("evidence")), ("run", .string(run.id.rawValue)), ("page", .string(page)),
                        ("document", .string(String(page.dropLast(".html".count)) + ".json")),
                    ]).text())
            } else if !console.isQuiet {
                console.print("evidence: \(page)")
            }
        } catch {
            if let error = error as? any OperatorError { console.report(error) }
            if status == .success { status = .failed }
        }
        return status
    }

    private func absolute(_ path: String) -> String { IdentityOption.path(path) }
}
