import BackupEngine
import BackupModel

/// What `backup --dry-run` found out.
enum PreviewRendering {
    static func show(_ preview: BackupPreview.Contents, _ profile: Profile, _ console: Console) {
        guard !console.isJSON else {
            console.print(document(preview, profile))
            return
        }
        console.print("a backup of profile \(profile.name) would capture")
        for (name, kind, found) in preview.sources {
            let size = found.estimatedBytes.map { ", \($0)" } ?? ""
            let files = found.estimatedFiles.map { ", " + Words.count($0, "file") } ?? ""
            console.print("  \(name) (\(kind)): \(Console.harmless(found.summary))\(size)\(files)")
            for notice in found.notices { console.print("    note: \(Console.harmless(notice))") }
        }
        let state = preview.destinationState.isEmpty ? "" : " (\(preview.destinationState))"
        console.print("into \(preview.destination)\(state)")
        if let plan = preview.retention {
            let removals = plan.groups.reduce(0) { $0 + $1.removals.count }
            console.print(
                "and retention (\(profile.retention.words)) would remove "
                    + (removals == 0 ? "nothing" : Words.count(removals, "snapshot")))
            for group in plan.groups {
                if let why = group.leftAlone { console.print("  \(group.group): left alone: \(why)") }
                for decision in group.removals {
                    console.print(
                        "  \(group.group): \(decision.id) of \(Format.time(decision.time)): "
                            + decision.reasons.joined(separator: ", "))
                }
            }
        }
        for problem in preview.problems { console.report(problem) }
        if preview.problems.isEmpty { console.print("nothing was changed") }
    }

    private static func document(_ preview: BackupPreview.Contents, _ profile: Profile) -> JSONValue {
        .object([
            ("profile", .string(profile.name.rawValue)), ("dryRun", .boolean(true)),
            (
                "sources",
                .array(
                    preview.sources.map { name, kind, found in
                        .object([
                            ("source", .string(name.rawValue)), ("kind", .string(kind)),
                            ("summary", .string(found.summary)),
                            ("parts", JSONValue(found.parts.map(\.rawValue))),
                            ("bytes", JSONValue(found.estimatedBytes)), ("files", JSONValue(found.estimatedFiles)),
                            ("notices", JSONValue(found.notices)),
                        ])
                    })
            ),
            ("destination", .string(preview.destination)), ("destinationState", .string(preview.destinationState)),
            ("retention", preview.retention.map(RunViews.plan) ?? .null),
            ("problems", .array(preview.problems.map(RunViews.failure))),
        ])
    }
}
