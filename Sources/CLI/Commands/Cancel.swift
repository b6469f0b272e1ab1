import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast cancel`
struct Cancel: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "End a run that is at work, cleanly: what it took is given back, earlier backups stay.",
        usage: "holdfast cancel [<run>] [--force] [<options>]",
        discussion: """
            The run is asked to end (SIGTERM, to exactly its process), as by Ctrl-C: it
            ends its programs, starts again what its hooks stopped, removes its working
            files, and is recorded as interrupted. This command waits for that.

            With --force a run that has not ended by then is hurried, then killed, and what
            it left is put right.

            It exits 0 when nothing is at work afterwards, also when nothing was; 75 while
            the run is still giving back; 77 when it is another user's.

            Examples:
              holdfast cancel
              holdfast cancel 20261121T023000Z-7f3a9c --force
            """)

    @Argument(help: "The run, or the beginning of its id; the one at work when left out.")
    var run: String?

    @Flag(help: "All that are at work.")
    var all = false

    @Option(help: ArgumentHelp("How long it may take to give back what it took (default: 2m).", valueName: "time"))
    var wait: TimeSpan?

    @Flag(help: "Kill it when it has not ended by then, and put right what it left.")
    var force = false

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if run != nil, all { throw ValidationError("Name a run, or give --all") }
    }

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let work = CancelRun(profile: live.profile.name, store: try live.store(), host: live.host, clock: live.clock)
        let chosen = try work.chosen(run, all: all)
        var status = ExitStatus.success
        var documents: [JSONValue] = []
        for run in chosen {
            if run.finished == nil { console.say("asking \(Cancel.title(run)) to end") }
            let end = try await work.end(run, within: wait?.duration ?? .seconds(120), force: force)
            let (found, recovery) = try await settled(end, live, console)
            if case .atWork = end { status = .tryLater }
            if let recovery, recovery.outcome != .succeeded { status = .failed }
            documents.append(Cancel.document(found, end, recovery, asked: run.finished == nil))
            guard !console.isJSON else { continue }
            for line in Cancel.lines(found, end, recovery, wasAtWork: run.finished == nil) {
                console.print(Console.harmless(line))
            }
        }
        if console.isJSON {
            // Putting right what was left prints lines as well.
            let document = JSONValue.object([("event", "cancelled"), ("cancelled", .array(documents))])
            console.print(document.text())
        } else if chosen.isEmpty {
            let holder = live.locks.holder(of: .profile(live.profile.name))
            console.print(
                "nothing of profile \(live.profile.name) is at work"
                    + (holder.map { "; process \($0.process.pid) of \($0.user) holds its lock: \($0.purpose)" } ?? ""))
        }
        return status
    }

    /// What a killed run left is put right at once: a service that a hook stopped must not wait for the next run.
    private func settled(
        _ end: CancelRun.End, _ live: Live, _ console: Console
    ) async throws -> (RunRecord, RunRecord?) {
        switch end {
        case .ended(let run), .atWork(let run): return (run, nil)
        case .gone(let run):
            let engine = try live.engine()
            let recovery = await RecoverRun(engine).runLocally()
            if recovery.outcome != .succeeded { for failure in recovery.failures { console.report(failure) } }
            return (try engine.store.run(run.id) ?? run, recovery)
        }
    }

    private static func title(_ run: RunRecord) -> String {
        "\(run.operation.rawValue) \(run.id) (process \(run.process.pid) of \(run.user))"
    }

    private static func lines(
        _ run: RunRecord, _ end: CancelRun.End, _ recovery: RunRecord?, wasAtWork: Bool
    ) -> [String] {
        let name = "\(run.operation.rawValue) \(run.id)"
        switch end {
        case .atWork:
            return [
                "\(name) is still at work: it is giving back what it took",
                "  → wait for it, or give --force, which kills it and puts right what it left",
            ]
        case .gone:
            guard let recovery, recovery.outcome == .succeeded else {
                let how = recovery?.outcome == .skipped ? "recovery was skipped" : "recovery did not succeed"
                return [
                    "\(name) is gone without having ended; WHAT IT LEFT IS NOT ALL PUT RIGHT: \(how)",
                    "  → see what stands in the way"
                        + (recovery.map { " (`holdfast show \($0.id)`)" } ?? "")
                        + ", then `holdfast recover -p \(run.profile)`",
                ]
            }
            return ["\(name) was killed; what it left is put right, and it is recorded as interrupted"]
        case .ended:
            guard wasAtWork else {
                return ["\(name) had ended already: \(run.outcome?.rawValue ?? "cut short")"]
            }
            // Ending it is how one has seen enough.
            if run.operation == .mount, run.outcome == .succeeded {
                return ["\(name) has ended; nothing of it is left"]
            }
            guard run.outcome == .interrupted else {
                return ["\(name) came to its end before it could be cancelled: \(run.outcome?.rawValue ?? "")"]
            }
            let rest = run.failures.filter { $0.kind != .interrupted }
            guard rest.isEmpty else {
                return ["\(name) was interrupted, with trouble:"] + rest.map { "  \($0.description)" }
            }
            let took = run.duration.map { " after \(Format.duration($0))" } ?? ""
            return [
                "\(name) was interrupted\(took); everything that it took is given back, earlier backups are untouched"
            ]
        }
    }

    private static func document(
        _ run: RunRecord, _ end: CancelRun.End, _ recovery: RunRecord?, asked: Bool
    ) -> JSONValue {
        let how =
            switch end {
            case .ended: asked ? "ended" : "had ended"
            case .gone: "killed"
            case .atWork: "at work"
            }
        return .object([
            ("run", .string(run.id.rawValue)), ("operation", .string(run.operation.rawValue)),
            ("pid", .integer(Int64(run.process.pid))), ("user", .string(run.user)), ("end", .string(how)),
            ("outcome", JSONValue(run.outcome?.rawValue)), ("seconds", JSONValue(run.duration)),
            ("recovery", JSONValue(recovery?.id.rawValue)), ("failures", .array(run.failures.map(RunViews.failure))),
        ])
    }
}
