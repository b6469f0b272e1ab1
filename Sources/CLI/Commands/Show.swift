import ArgumentParser
import BackupModel
import Foundation
import RunHistory

/// `holdfast show RUN`
struct Show: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show one run in full: steps, durations, bytes, warnings, what each tool said.",
        usage: "holdfast show [<run>] [--log] [<options>]",
        discussion: """
            --log shows the run line by line as it went on, with what the tools said,
            also of a run that was killed.

            Example: holdfast show 20261121T023000Z-7f3a9c   (or `latest`)
            """)

    @Argument(help: "A run id, the beginning of one, or latest.")
    var run: String = "latest"

    @Flag(help: "Show its log instead: what it did, line by line, and what the tools said.")
    var log = false

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let run = try RunFinder.find(run, in: try live.store(), of: live.profile.name)
        if log {
            try ShownLog(run, live).show(console)
        } else if console.isJSON {
            console.print(RunViews.run(run))
        } else {
            show(run, live.stateFolder, console)
        }
        return .success
    }

    private func show(_ run: RunRecord, _ stateFolder: String, _ console: Console) {
        let took = run.duration.map { " in \(Format.duration($0))" } ?? ""
        console.print(
            "run \(run.id): \(run.operation.rawValue) of profile \(run.profile), \(RunReport.word(run.outcome, console))\(took)"
        )
        console.print(
            "  started \(Format.time(run.started)) by \(run.user) (\(run.trigger))"
                + (run.reason.map { ", \($0)" } ?? ""))
        if run.isRebuilt { console.print("  rebuilt from the repository: its steps are not known") }
        if !run.tools.isEmpty {
            console.print(
                "  tools: "
                    + run.tools.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        }
        for step in run.steps {
            var line = "  \(step.step.rawValue)" + (step.subject.map { " \($0)" } ?? "")
            line += ": \(step.outcome?.rawValue ?? "unfinished")"
            if let duration = step.duration { line += " in \(Format.duration(duration))" }
            if let bytes = step.bytes { line += ", \(bytes)" }
            console.print(Console.harmless(line))
            for (tool, usage) in step.usage.sorted(by: { $0.key < $1.key }) {
                console.print(
                    "    \(tool): \(Format.duration(usage.wall)), CPU \(Format.duration(usage.userCPU + usage.systemCPU)), "
                        + "\(usage.peakMemory) memory")
            }
            if let detail = step.detail { console.print("    " + Console.harmless(detail)) }
            for (tool, text) in step.toolOutput.sorted(by: { $0.key < $1.key }) {
                for line in text.split(separator: "\n") {
                    console.print("    \(tool): \(Console.harmless(String(line)))")
                }
            }
        }
        for part in run.parts {
            console.print(
                "  part \(Console.harmless(part.title)): \(part.bytes), snapshot \(part.snapshot), "
                    + part.condition.rawValue)
            if let encryption = part.encryption {
                console.print("    encrypted for \(Console.harmless(encryption.recipients.words))")
            }
            if let rows = part.facts.rows {
                console.print(
                    "    \(Words.count(rows.count, "table")), \(Words.count(rows.values.reduce(0, +), "row"))")
            }
            for item in part.unreadable { console.print("    unreadable: " + Console.harmlessName(item)) }
        }
        if let drill = run.drill {
            for line in DrillViews.lines(drill, of: run) { console.print("  " + line) }
            let page = EvidenceFolder(folder: stateFolder).page(of: run.id)
            if FileManager.default.fileExists(atPath: page) { console.print("  evidence: \(page)") }
        }
        for notice in run.notices { console.print("  note: " + Console.harmless(notice)) }
        for failure in RunReport.failures(of: run) { console.report(failure) }
    }
}

/// Finds a run by what somebody typed.
enum RunFinder {
    static func find(_ text: String, in store: any RunStore, of profile: ProfileName) throws -> RunRecord {
        let runs = try store.runs(RunQuery(profile: profile, limit: 10_000))
        if text == "latest" {
            guard let newest = runs.first else {
                throw Failure("no runs are recorded", hint: "`holdfast backup` makes the first", kind: .notFound)
            }
            return newest
        }
        let matches = runs.filter { $0.id.rawValue.hasPrefix(text) }
        if matches.count == 1 || matches.first?.id.rawValue == text { return matches[0] }
        throw Failure(
            matches.isEmpty ? "no run \(text) is recorded" : "\(matches.count) runs begin with \(text)",
            hint: "`holdfast history` lists them: "
                + (matches.isEmpty ? runs : matches).prefix(5).map(\.id.rawValue)
                .joined(separator: ", "), kind: .notFound)
    }
}
