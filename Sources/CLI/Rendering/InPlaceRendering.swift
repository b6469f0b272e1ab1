import BackupEngine
import BackupModel
import Foundation

/// How a restore into place looks before and after it is done, and what restores have put aside.
enum InPlaceRendering {
    static func show(_ plan: InPlacePlan, _ console: Console) {
        console.print(
            "restore point \(plan.point.run) of \(Format.time(plan.point.time)), \(plan.bytes), INTO PLACE")
        var table = Table([
            ("PART", .left), ("SIZE", .right), ("CAPTURED", .left), ("TAKES THE PLACE OF", .left), ("NOW", .left),
        ])
        for target in plan.targets {
            let part = target.item.part
            table.add([
                part.title, part.bytes.description, Format.time(part.capturedAt), target.item.place, target.present,
            ])
        }
        console.print(table.text)
        for path in plan.options.paths { console.print("  only \(Console.harmlessName(path))") }
        for warning in plan.warnings { console.warn(warning) }
        for room in plan.rooms {
            console.print("  room: \(room.needed) needed beside what is there, \(room.free) free at \(room.path)")
        }
        console.print(
            plan.services.isEmpty
                ? "  stopped meanwhile: nothing (a resource with `for: [restore]` in the profile would stop what writes there)"
                : "  stopped meanwhile: \(plan.services.joined(separator: ", "))")
        if let expected = plan.expected { console.print("  expected: about \(Age.words(expected))") }
        console.print(
            "  what is there now is kept aside; `holdfast restore --undo"
                + "\(console.profileWords.map { " " + Console.harmlessName($0) } ?? "")` puts it back")
    }

    static func show(_ report: RestoreRun.Report, _ console: Console) {
        guard !console.isJSON else { return RestoreRendering.show(report, console) }
        for (part, result) in report.restored where !console.isQuiet {
            console.print("  \(Console.harmless(part.title)): \(Console.harmless(result.place))")
            for proof in result.proofs { console.print("    proven: \(proof)") }
            for gap in result.unproven { console.print("    not proven: \(gap)") }
        }
        showKept(report.keptAside, report.record, console)
    }

    static func showKept(_ places: [String], _ record: RunRecord, _ console: Console) {
        for place in places { console.print("  kept what was there: \(Console.harmless(place))") }
        guard !places.isEmpty else { return }
        let words = Console.harmlessName(console.profileWords ?? "-p \(record.profile)")
        console.print(
            "  put it back: holdfast restore --undo \(record.id) \(words); "
                + "remove it for good: holdfast restore --discard \(record.id) \(words)")
    }

    static func document(_ plan: InPlacePlan) -> JSONValue {
        .object([
            ("event", .string("plan")), ("inPlace", .boolean(true)), ("run", .string(plan.point.run.rawValue)),
            ("time", JSONValue(plan.point.time)), ("bytes", JSONValue(plan.bytes)),
            ("items", .array(plan.targets.map(item))), ("paths", JSONValue(plan.options.paths)),
            ("leftOut", .array(plan.leftOut.map { leftOut($0.part, $0.reason) })),
            ("rooms", .array(plan.rooms.map(room))), ("stopped", JSONValue(plan.services)),
            ("expectedSeconds", JSONValue(plan.expected)),
            ("warnings", JSONValue(plan.warnings)),
        ])
    }

    private static func item(_ target: InPlacePlan.Target) -> JSONValue {
        .object([
            ("run", .string(target.item.run.rawValue)), ("place", .string(target.item.place)),
            ("part", RunViews.part(target.item.part)),
        ])
    }

    private static func leftOut(_ part: ManifestPart, _ cause: String) -> JSONValue {
        .object([
            ("source", .string(part.source.rawValue)), ("part", .string(part.part.rawValue)), ("cause", .string(cause)),
        ])
    }

    private static func room(_ room: InPlacePlan.RoomNeeded) -> JSONValue {
        .object([
            ("path", .string(room.path)), ("needed", JSONValue(room.needed)), ("free", JSONValue(room.free)),
        ])
    }
}
