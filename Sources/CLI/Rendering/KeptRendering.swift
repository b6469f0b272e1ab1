import BackupEngine
import BackupModel

/// What restores have put aside, for people and for programs.
extension InPlaceRendering {
    /// - Parameter sizes: by run, of each step; nothing is said of those that are not there.
    static func show(_ all: [KeptAside.Kept], sizes: [RunID: [KeptAside.Found]] = [:], _ console: Console) {
        if all.isEmpty { console.say("nothing is kept aside") }
        for kept in all {
            let settlement = kept.settlement
            console.print(
                "\(settlement.run)  \(Format.time(settlement.began))  of \(settlement.origin)"
                    + (kept.isSettled ? "" : "  NOT FINISHED: holdfast recover"))
            for (index, step) in settlement.steps.enumerated() {
                let found = sizes[settlement.run].map { words($0[index]) } ?? ""
                console.print(
                    "  \(Console.harmlessName(step.place)): kept at \(Console.harmlessName(step.aside))"
                        + Console.harmlessName(found))
            }
        }
    }

    /// The last line of a list.
    static func showTotal(_ all: [KeptAside.Kept], _ sizes: [RunID: [KeptAside.Found]], _ console: Console) {
        guard !all.isEmpty else { return }
        let found = sizes.values.flatMap { $0 }
        let databases = found.count { $0 == .unasked }
        let isWhole = !found.contains { if case .size(_, isAtLeast: true) = $0 { true } else { false } }
        console.print(
            "\(Words.count(all.count, "restore")) kept \(isWhole ? "" : "at least ")\(total(found)) aside"
                + (databases == 0
                    ? "" : ", and \(Words.count(databases, "database")), whose size only the server knows")
                + "; remove one for good: holdfast restore --discard RUN"
                + (console.profileWords.map { " " + Console.harmlessName($0) } ?? ""))
    }

    private static func words(_ found: KeptAside.Found) -> String {
        switch found {
        case .size(let bytes, let isAtLeast): ", \(isAtLeast ? "at least " : "")\(bytes)"
        case .moved(let place, let bytes): ", \(bytes); it lies at \(place) now"
        case .gone: ", NOT THERE ANY MORE"
        case .unasked: ""
        }
    }

    private static func bytes(_ found: KeptAside.Found) -> ByteCount? {
        switch found {
        case .size(let bytes, _), .moved(_, let bytes): bytes
        case .gone: .zero
        case .unasked: nil
        }
    }

    /// What was moved lies in what another restore has put aside, and counts there.
    private static func total(_ found: [KeptAside.Found]) -> ByteCount {
        found.reduce(.zero) { sum, one in
            guard case .size(let bytes, _) = one else { return sum }
            return sum + bytes
        }
    }

    static func document(_ all: [KeptAside.Kept], _ sizes: [RunID: [KeptAside.Found]] = [:]) -> JSONValue {
        let bytes: ByteCount? = sizes.isEmpty && !all.isEmpty ? nil : total(sizes.values.flatMap { $0 })
        return .object([
            ("kept", .array(all.map { document($0, sizes[$0.settlement.run]) })), ("bytes", JSONValue(bytes)),
        ])
    }

    private static func document(_ kept: KeptAside.Kept, _ found: [KeptAside.Found]?) -> JSONValue {
        .object([
            ("run", .string(kept.settlement.run.rawValue)),
            ("time", JSONValue(kept.settlement.began)), ("of", .string(kept.settlement.origin)),
            ("settled", .boolean(kept.isSettled)), ("bytes", JSONValue(found.map(total))),
            (
                "places",
                .array(
                    kept.settlement.steps.enumerated().map { index, step in
                        .object([
                            ("source", .string(step.source.rawValue)), ("place", .string(step.place)),
                            ("aside", .string(step.aside)),
                            ("bytes", JSONValue(found.flatMap { bytes($0[index]) })),
                            ("there", found.map { .boolean($0[index] != .gone) } ?? .null),
                        ])
                    })
            ),
        ])
    }
}
