import BackupEngine
import BackupModel
import Foundation

/// A restore's plan and result.
enum RestoreRendering {
    static func show(_ plan: RestorePlan, _ console: Console) {
        console.print(
            "restore point \(plan.point.run) of \(Format.time(plan.point.time)), \(plan.bytes), into \(plan.directory)")
        var table = Table([("PART", .left), ("SIZE", .right), ("CAPTURED", .left), ("TO", .left)])
        for item in plan.items {
            table.add([
                item.part.title, item.part.bytes.description, Format.time(item.part.capturedAt),
                item.database.map { "new database \($0)" } ?? item.place,
            ])
        }
        console.print(table.text)
        for warning in plan.warnings { console.warn(warning) }
        if plan.exact { console.print("  what is in these places now is kept beside them") }
    }

    static func show(_ report: RestoreRun.Report, _ console: Console) {
        guard !console.isJSON else {
            console.print(
                JSONValue.object([
                    ("event", .string("restored")),
                    (
                        "parts",
                        .array(
                            report.restored.map { part, result in
                                .object([
                                    ("source", .string(part.source.rawValue)), ("part", .string(part.part.rawValue)),
                                    ("place", .string(result.place)), ("bytes", JSONValue(result.bytes)),
                                    ("files", JSONValue(result.files)), ("proofs", JSONValue(result.proofs)),
                                    ("unproven", JSONValue(result.unproven)),
                                ])
                            })
                    ), ("keptAside", JSONValue(report.keptAside)),
                ]).text())
            return
        }
        for (part, result) in report.restored {
            // A restore that failed has taken back what was not moved into its place.
            if result.place.hasPrefix("/"), !FileManager.default.fileExists(atPath: result.place) { continue }
            console.print("  \(Console.harmless(part.title)): \(Console.harmless(result.place))")
            for proof in result.proofs { console.print("    proven: \(proof)") }
            for gap in result.unproven { console.print("    not proven: \(gap)") }
        }
        for path in report.keptAside { console.print("  kept what was there: \(Console.harmless(path))") }
    }

    static func document(_ plan: RestorePlan) -> JSONValue {
        .object([
            ("event", .string("plan")), ("run", .string(plan.point.run.rawValue)), ("time", JSONValue(plan.point.time)),
            ("directory", .string(plan.directory)), ("bytes", JSONValue(plan.bytes)),
            (
                "items",
                .array(
                    plan.items.map { item in
                        .object([
                            ("run", .string(item.run.rawValue)), ("place", .string(item.place)),
                            ("database", JSONValue(item.database)), ("part", RunViews.part(item.part)),
                        ])
                    })
            ), ("missing", .array(plan.missing.map(missing))), ("warnings", JSONValue(plan.warnings)),
        ])
    }

    private static func missing(_ missing: RestorePlan.Missing) -> JSONValue {
        .object([
            ("source", .string(missing.source.rawValue)), ("part", JSONValue(missing.part?.rawValue)),
            ("cause", .string(missing.cause)),
        ])
    }
}
