import BackupEngine
import BackupModel

/// A kit as JSON.
enum KitViews {
    static func document(_ kit: Kit, written: [String]) -> JSONValue {
        .object([
            ("profile", .string(kit.profile.rawValue)), ("host", .string(kit.host)), ("made", JSONValue(kit.made)),
            ("written", JSONValue(written)), ("repositories", .array(kit.sections.map(section))),
            (
                "absent",
                .array(
                    kit.absences.map {
                        .object([
                            ("name", .string($0.repository.name.rawValue)), ("kind", .string($0.repository.kind)),
                            ("location", .string($0.location)), ("why", .string($0.why.description)),
                        ])
                    })
            ),
        ])
    }

    private static func section(_ section: Kit.Section) -> JSONValue {
        .object([
            ("name", .string(section.name.rawValue)), ("kind", .string(section.repository.kind)),
            ("location", .string(section.location)), ("id", JSONValue(section.identity)),
            ("read", JSONValue(section.wasRead)), ("run", .string(section.point.run.rawValue)),
            ("time", JSONValue(section.point.time)),
            ("programs", JSONValue(Set(section.programs + KitSheet.programs(using: section)).sorted())),
            (
                "keys",
                .array(
                    section.keys.map {
                        .object([
                            ("variable", .string($0.variable)), ("what", .string($0.what)),
                            ("kept", JSONValue($0.kept?.description)), ("optional", JSONValue($0.isOptional)),
                        ])
                    })
            ),
            (
                "parts",
                .array(
                    section.parts.map {
                        .object([
                            ("source", .string($0.part.source.rawValue)), ("part", .string($0.part.part.rawValue)),
                            ("snapshot", .string($0.part.snapshot.rawValue)),
                            ("lines", JSONValue($0.restore.locate + $0.restore.lines + $0.restore.opening)),
                            ("then", JSONValue($0.use?.lines ?? [])),
                        ])
                    })
            ),
        ])
    }
}
