import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast cat`
struct Cat: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print one file of a restore point.",
        usage: "holdfast cat <point> <path> [<options>]",
        discussion: """
            Exactly as it was, on standard output; nothing touches a disk. The path is
            whole, as `find` and `ls` show it; for a dump the name of its source will do.

            Examples:
              holdfast cat latest /srv/app/config.ini
              holdfast cat "2026-11-20 03:00" db | pg_restore --list
            """)

    @Argument(help: "latest, a run or snapshot id, or a time.")
    var point: String

    @Argument(help: "The file's whole path, or a source with one dump.")
    var path: String

    @Option(help: ArgumentHelp("Only these sources (repeatable, or separated by commas).", valueName: "source"))
    var only: [String] = []

    @OptionGroup var key: IdentityOption

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console, identity: key.path)
        let engine = try await live.engine(place)
        let list = try await PointList(engine).load(loadingManifests: true)
        let chosen = try list.restorePoints.resolve(point, now: Date(), timeZone: .current)
        let (part, file) = try FilePlace.part(
            holding: path, in: chosen, sources: try SourceNames.read(only, among: list, live.profile))
        guard part.encryption == nil else {
            throw Failure(
                "\(part.source) is encrypted for recipients of its own",
                hint: "holdfast restore \(chosen.run) --only \(part.source) --identity FILE --to DIR "
                    + (console.profileWords ?? "-p \(live.profile.name)"), kind: .usage)
        }
        // What it says while it reads would mix with the file on a terminal alone, and a pager takes its time.
        var stages = try await engine.primary.reader(for: part).dump(path: file)
        for index in stages.indices { stages[index].limits.stall = nil }
        stages[stages.count - 1].output = .ours
        let failed: ToolResult?
        if stages.count == 1 {
            let result = try await live.runner.run(stages[0])
            failed = result.didItsWork ? nil : result
        } else {
            let result = try await live.runner.pipeline(stages, refusingEmpty: false, reading: nil)
            failed = result.firstFailure.map { result.stages[$0] }
        }
        guard let failed else { return .success }
        if failed.stopped == .cancelled { throw CancellationError() }
        // Whoever reads us has enough.
        if failed.termination == .signaled(SIGPIPE) || failed.errors.text.lowercased().contains("broken pipe") {
            return .success
        }
        let said = failed.errors.text.split(whereSeparator: \.isNewline).last.map(String.init) ?? "it said nothing"
        throw Failure(
            "\(path) could not be read to its end: \(said)",
            hint: "holdfast ls \(chosen.run) \(part.source) lists the files",
            kind: said.contains("cannot find") || said.contains("not found") ? .notFound : .failed)
    }
}
