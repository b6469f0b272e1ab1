import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast diff`
struct Diff: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what changed between two restore points.",
        usage: "holdfast diff <old> [<new>] [--only <source> ...] [<options>]",
        discussion: """
            Files by name, size and time (`+` new, `-` gone, `M` changed), databases by the
            rows that were counted when they were captured.

            Examples:
              holdfast diff yesterday
              holdfast diff 2026-11-01 2026-11-20 --only uploads
            """)

    @Argument(help: "latest, a run or snapshot id, or a time.")
    var old: String

    @Argument(help: "The later one.")
    var new: String = "latest"

    @Option(help: ArgumentHelp("Only these sources (repeatable, or separated by commas).", valueName: "source"))
    var only: [String] = []

    @OptionGroup var key: IdentityOption

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console, identity: key.path)
        let engine = try await live.engine(place)
        let list = try await PointList(engine).load(loadingManifests: true)
        let now = Date()
        let before = try list.restorePoints.resolve(old, now: now, timeZone: .current)
        let after = try list.restorePoints.resolve(new, now: now, timeZone: .current)
        let changes = try await PointDifference(engine).between(
            before, after, sources: try SourceNames.read(only, among: list, live.profile))
        if console.isJSON {
            console.print(
                .object([
                    ("old", .string(before.run.rawValue)), ("new", .string(after.run.rawValue)),
                    ("parts", .array(changes.map(document))),
                ]))
            return .success
        }
        console.say("\(before.run) of \(Format.time(before.time)) → \(after.run) of \(Format.time(after.time))")
        for change in changes { show(change, console) }
        return .success
    }

    private func show(_ change: PointDifference.PartChanges, _ console: Console) {
        let title = Console.harmless(change.part.title(in: change.source))
        guard let before = change.before, let after = change.after else {
            console.print("\(title): \(change.before == nil ? "only in the later one" : "only in the earlier one")")
            return
        }
        let sizes = before.bytes == after.bytes ? "\(after.bytes)" : "\(before.bytes) → \(after.bytes)"
        guard !change.isEmpty else {
            return console.print(
                change.isCompared
                    ? "\(title): unchanged (\(sizes))"
                    : "\(title): of the same size (\(sizes)); its contents were not compared")
        }
        console.print("\(title): \(sizes)")
        for file in change.files {
            switch file {
            case .added(let entry): console.print("  + \(name(entry))  \(size(entry))")
            case .removed(let entry): console.print("  - \(name(entry))  \(size(entry))")
            case .changed(let from, let to): console.print("  M \(name(to))  \(size(from)) → \(size(to))")
            }
        }
        for (table, rows) in change.rows.sorted(by: { $0.key < $1.key }) {
            let words = { (count: Int64?) in count.map { Words.count(Int($0), "row") } ?? "none" }
            console.print("  \(Console.harmless(table)): \(words(rows.before)) → \(words(rows.after))")
        }
    }

    private func name(_ entry: SnapshotEntry) -> String {
        Console.harmlessName(entry.path) + (entry.type == .directory ? "/" : "")
    }

    private func size(_ entry: SnapshotEntry) -> String {
        entry.type == .file ? "\(ByteCount(entry.size))" : entry.type.rawValue
    }

    private func document(_ change: PointDifference.PartChanges) -> JSONValue {
        func state(_ entry: SnapshotEntry?) -> JSONValue {
            guard let entry else { return .null }
            return .object([
                ("type", .string(entry.type.rawValue)), ("bytes", .integer(entry.size)),
                ("modified", .string(entry.modified)),
            ])
        }
        let files = change.files.map { file -> JSONValue in
            switch file {
            case .added(let entry):
                .object([("path", .string(entry.path)), ("before", .null), ("after", state(entry))])
            case .removed(let entry):
                .object([("path", .string(entry.path)), ("before", state(entry)), ("after", .null)])
            case .changed(let from, let to):
                .object([("path", .string(to.path)), ("before", state(from)), ("after", state(to))])
            }
        }
        let rows = change.rows.sorted { $0.key < $1.key }.map { table, rows -> JSONValue in
            .object([("table", .string(table)), ("before", JSONValue(rows.before)), ("after", JSONValue(rows.after))])
        }
        return .object([
            ("source", .string(change.source.rawValue)), ("part", .string(change.part.rawValue)),
            ("bytesBefore", JSONValue(change.before?.bytes)), ("bytesAfter", JSONValue(change.after?.bytes)),
            ("files", .array(files)), ("rows", .array(rows)), ("compared", .boolean(change.isCompared)),
        ])
    }
}
