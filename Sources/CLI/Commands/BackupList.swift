import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast backup list`
struct BackupList: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the restore points.",
        usage: "holdfast backup list [--limit <n>] [--all] [<options>]",
        discussion: """
            A `*` after a source says that its newest part is of an earlier run, a `!`
            that a part is partial or damaged; `-name` was not captured.

            Example: holdfast backup list --limit 10
            """)

    @Option(help: ArgumentHelp("Show at most this many, newest first.", valueName: "n"))
    var limit: Int = 30

    @Flag(help: "Also snapshots that are not this profile's, and incomplete ones.")
    var all = false

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let points = try await PointList(live.engine()).load(loadingManifests: true)
        let shown = Array(points.points.prefix(limit))
        if console.isJSON {
            console.print(
                .object([
                    ("profile", .string(live.profile.name.rawValue)),
                    ("repository", .string(live.profile.primary?.name.rawValue ?? "")),
                    ("points", .array(shown.map(RunViews.point))),
                    ("incomplete", .array(points.incomplete.map(SnapshotViews.snapshot))),
                    ("foreign", .array(points.foreign.map(SnapshotViews.snapshot))),
                    ("notices", JSONValue(points.notices)),
                ]))
            return .success
        }
        for notice in points.notices { console.warn(notice) }
        guard !shown.isEmpty else {
            console.print("no restore points yet; `holdfast backup` takes the first")
            return .success
        }
        console.print(SnapshotViews.table(shown).text)
        if points.points.count > shown.count {
            console.say("\(points.points.count - shown.count) older ones; --limit shows more")
        }
        if all { console.print(SnapshotViews.others(points)) }
        return .success
    }
}

enum SnapshotViews {
    static func table(_ points: [RestorePoint]) -> Table {
        var table = Table([("RUN", .left), ("TIME", .left), ("SIZE", .right), ("SOURCES", .left)])
        for point in points {
            let sources = Dictionary(grouping: point.entries, by: \.part.source).sorted { $0.key < $1.key }
                .map { name, entries in
                    let older = entries.contains { $0.run != point.run } ? "*" : ""
                    let bad = entries.contains { !$0.part.condition.isGood }
                    return "\(name)\(older)\(bad ? "!" : "")"
                }
            let gaps = point.gaps.map { "-\($0.source)" }.filter { gap in !sources.contains(String(gap.dropFirst())) }
            let reason = point.retentionClass == SnapshotStamp.regularClass ? "" : " (\(point.retentionClass))"
            table.add([
                point.run.rawValue, Format.time(point.time), point.bytes.description,
                (sources + gaps).joined(separator: " ") + reason,
            ])
        }
        return table
    }

    static func others(_ points: PointList.Contents) -> String {
        var table = Table([("SNAPSHOT", .left), ("TIME", .left), ("HOST", .left), ("WHAT", .left)])
        for snapshot in points.incomplete {
            table.add([
                snapshot.id.short, Format.time(snapshot.time), snapshot.host,
                "incomplete: no manifest names it (\(snapshot.tags.first { $0.hasPrefix("run:") } ?? ""))",
            ])
        }
        for snapshot in points.foreign {
            table.add([
                snapshot.id.short, Format.time(snapshot.time), snapshot.host,
                "not of this profile: \(snapshot.paths.joined(separator: " "))",
            ])
        }
        return table.isEmpty ? "no other snapshots" : table.text
    }

    static func snapshot(_ snapshot: Snapshot) -> JSONValue {
        .object([
            ("id", .string(snapshot.id.rawValue)), ("time", JSONValue(snapshot.time)),
            ("host", .string(snapshot.host)), ("paths", JSONValue(snapshot.paths)), ("tags", JSONValue(snapshot.tags)),
            ("bytes", JSONValue(snapshot.bytes)), ("files", JSONValue(snapshot.files)),
        ])
    }
}
