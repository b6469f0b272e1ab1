import BackupEngine
import BackupModel

/// The last word on a run.
enum RunReport {
    /// - Returns: the exit status that the record stands for.
    static func show(_ run: RunRecord, _ console: Console, strict: Bool = false) -> ExitStatus {
        let status = exitStatus(of: run, strict: strict)
        // As JSON lines the record itself was the last line.
        guard !console.isJSON else { return status }
        for failure in failures(of: run) { console.report(failure) }
        guard !console.isQuiet else { return status }
        console.print(summary(run, console))
        return status
    }

    /// What went wrong, once: sources that failed for one and the same reason are named together.
    static func failures(of run: RunRecord) -> [Failure] {
        var merged: [(failure: Failure, cause: String?, sources: [String])] = []
        for failure in run.failures {
            let gap = run.gaps.first { failure.description == "\($0.source): \($0.cause)" }
            let cause = gap?.cause
            if let gap, let same = merged.firstIndex(where: { $0.cause == cause && $0.failure.hint == failure.hint }) {
                merged[same].sources.append(gap.source.rawValue)
            } else {
                merged.append((failure, cause, gap.map { [$0.source.rawValue] } ?? []))
            }
        }
        return merged.map { failure, cause, sources in
            guard let cause else { return failure }
            return Failure("\(sources.joined(separator: ", ")): \(cause)", hint: failure.hint, kind: failure.kind)
        }
    }

    static func exitStatus(of run: RunRecord, strict: Bool) -> ExitStatus { run.exitStatus(strict: strict) }

    static func word(_ outcome: Outcome?, _ console: Console) -> String {
        switch outcome {
        case nil: "unfinished"
        case .succeeded: console.styled("succeeded", "32")
        case .failed: console.styled("failed", "31")
        case .some(let other): console.styled(other.rawValue, "33")
        }
    }

    private static func summary(_ run: RunRecord, _ console: Console) -> String {
        let time = run.duration.map { " in \(Format.duration($0))" } ?? ""
        let isUnproven = run.operation == .drill && exitStatus(of: run, strict: false) == .overdue
        let ending = isUnproven ? console.styled("not proven", "33") : word(run.outcome, console)
        var line = "\(run.operation.rawValue) \(ending)\(time)"
        if run.operation == .backup, !run.parts.isEmpty, run.isCommitted {
            let bytes = run.parts.reduce(ByteCount.zero) { $0 + $1.bytes }
            line += ": \(Words.count(run.parts.count, "part")), \(bytes)"
            let words = Console.harmlessName(console.profileWords ?? "-p \(run.profile)")
            line += "\nrun \(run.id); restore it with `holdfast restore \(run.id) --to DIR \(words)`"
        }
        return line
    }
}
