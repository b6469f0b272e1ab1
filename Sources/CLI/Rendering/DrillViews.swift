import BackupEngine
import BackupModel
import Foundation

/// A drill for people and for programs.
enum DrillViews {
    static func word(_ verdict: DrillRecord.Verdict) -> String {
        switch verdict {
        case .proven: "proven"
        case .unproven: "not proven"
        case .failed: "FAILED"
        }
    }

    /// `proven 3 days ago, restored in 12 s`
    static func standing(_ run: RunRecord?, _ now: Date) -> String {
        guard let run else { return "none; `holdfast drill`" }
        let word = run.drill.map { $0.parts.isEmpty ? nil : DrillViews.word($0.verdict) } ?? nil
        let took = run.drill.map { $0.parts.isEmpty ? "" : ", restored in \(Format.duration($0.restoreTime))" } ?? ""
        return "\(word ?? run.outcome?.rawValue ?? "unfinished"), \(StatusWords.ago(run.started, now))\(took)"
    }

    /// The whole of it, each line plain.
    static func lines(_ drill: DrillRecord, of run: RunRecord) -> [String] {
        var lines: [String] = []
        if let point = drill.point {
            let time = drill.pointTime.map { " of \(Format.time($0))" } ?? ""
            lines.append(
                "restore point \(point)\(time) (\(drill.selection)) from \(drill.repository) at \(drill.location)"
                    + (drill.isNewMachine ? ", as if on a new machine" : ""))
        }
        for part in drill.parts {
            lines.append(
                "\(word(part.verdict)): \(part.title), \(part.bytes) in \(Format.duration(part.duration))")
            for finding in part.findings { lines.append("  wrong: \(finding)") }
            for proof in part.proofs { lines.append("  proven: \(proof)") }
            for gap in part.unproven { lines.append("  not proven: \(gap)") }
            if !part.unproven.isEmpty { lines += part.remedies.map { "    → \($0)" } }
            for gap in part.excused { lines.append("  not compared, on purpose: \(gap)") }
            for notice in part.notices { lines.append("  note: \(notice)") }
        }
        for finding in drill.missing { lines.append("\(word(.failed)): \(finding)") }
        for check in drill.checks {
            lines.append(
                "\(check.passed ? "passed" : "FAILED"): \(check.source): \(check.program) (\(check.detail))")
        }
        if !drill.leftOut.isEmpty {
            lines.append("not drilled: \(drill.leftOut.map(\.rawValue).joined(separator: ", "))")
        }
        if !drill.isComplete { lines.append("it did not come to its end: not everything was restored") }
        if !drill.parts.isEmpty {
            let age = drill.dataAge(at: run.started).map { "; the oldest of it is \(Age.words($0)) old (RPO)" } ?? ""
            let limit = drill.restoreObjective.map { "; the objective is \(Age.words($0))" } ?? ""
            lines.append(
                "restored \(drill.bytes) in \(Format.duration(drill.restoreTime)) (RTO\(limit))\(age)")
        }
        return lines.map(Console.harmless)
    }

    static func document(_ drill: DrillRecord, of run: RunRecord) -> JSONValue {
        .object([
            ("verdict", .string(drill.verdict.rawValue)), ("whole", JSONValue(drill.isWholeProof)),
            ("complete", JSONValue(drill.isComplete)),
            ("selection", .string(drill.selection)), ("point", JSONValue(drill.point?.rawValue)),
            ("pointTime", JSONValue(drill.pointTime)), ("repository", .string(drill.repository.rawValue)),
            ("location", .string(drill.location)), ("repositoryId", JSONValue(drill.identity)),
            ("newMachine", JSONValue(drill.isNewMachine)),
            ("restoreSeconds", JSONValue(drill.restoreTime)),
            ("restoreObjectiveSeconds", JSONValue(drill.restoreObjective)),
            ("dataAgeSeconds", JSONValue(drill.dataAge(at: run.started))), ("bytes", JSONValue(drill.bytes)),
            ("parts", .array(drill.parts.map(part))), ("checks", .array(drill.checks.map(check))),
            ("missing", .array(drill.missing.map(finding))),
            ("leftOut", JSONValue(drill.leftOut.map(\.rawValue))),
        ])
    }

    private static func part(_ part: DrilledPart) -> JSONValue {
        .object([
            ("source", .string(part.source.rawValue)), ("kind", .string(part.sourceKind)),
            ("part", .string(part.part.rawValue)), ("snapshot", .string(part.snapshot.rawValue)),
            ("run", .string(part.run.rawValue)), ("captured", JSONValue(part.capturedAt)),
            ("verdict", .string(part.verdict.rawValue)), ("bytes", JSONValue(part.bytes)),
            ("files", JSONValue(part.files)), ("seconds", JSONValue(part.duration)),
            ("proofs", JSONValue(part.proofs)), ("unproven", JSONValue(part.unproven)),
            ("excused", JSONValue(part.excused)), ("remedies", JSONValue(part.remedies)),
            ("findings", .array(part.findings.map(finding))), ("notices", JSONValue(part.notices)),
        ])
    }

    private static func finding(_ finding: DrillFinding) -> JSONValue {
        .object([
            ("what", .string(finding.what)), ("expected", JSONValue(finding.expected)),
            ("found", JSONValue(finding.found)),
        ])
    }

    private static func check(_ check: DrillCheck) -> JSONValue {
        .object([
            ("source", .string(check.source.rawValue)), ("program", .string(check.program)),
            ("passed", JSONValue(check.passed)), ("detail", .string(check.detail)),
            ("seconds", JSONValue(check.duration)),
        ])
    }

    static func plan(_ plan: DrillPlan, _ engine: Engine) -> JSONValue {
        .object([
            ("event", .string("plan")), ("run", .string(plan.point.run.rawValue)), ("time", JSONValue(plan.point.time)),
            ("repository", .string(engine.primary.spec.name.rawValue)), ("bytes", JSONValue(plan.bytes)),
            ("room", JSONValue(plan.room)),
            ("parts", .array(plan.groups.flatMap(\.items).map { RunViews.part($0.part) })),
            ("missing", .array(plan.missing.map(finding))), ("leftOut", JSONValue(plan.leftOut.map(\.rawValue))),
            ("notices", JSONValue(plan.notices)),
        ])
    }

    static func show(_ plan: DrillPlan, _ engine: Engine, _ console: Console) {
        console.print(
            "would restore point \(plan.point.run) of \(Format.time(plan.point.time)) from \(engine.primary.spec.name), "
                + "\(plan.bytes), with up to \(plan.room) in scratch at a time")
        var table = Table([("PART", .left), ("SIZE", .right), ("CAPTURED", .left)])
        for item in plan.groups.flatMap(\.items) {
            table.add([
                Console.harmless(item.part.title), item.part.bytes.description, Format.time(item.part.capturedAt),
            ])
        }
        console.print(table.text)
        for finding in plan.missing { console.warn(Console.harmless(finding.description)) }
        for notice in plan.notices { console.say("note: \(Console.harmless(notice))") }
    }
}

/// Times as `status` says them.
enum StatusWords {
    static func ago(_ date: Date, _ now: Date) -> String {
        "\(Age.words(.seconds(max(0, now.timeIntervalSince(date))))) ago"
    }
}
