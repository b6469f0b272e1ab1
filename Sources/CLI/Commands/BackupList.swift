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
            that a part is partial or damaged; `-name` is not in it: not captured, or removed since.

            Example: holdfast backup list --limit 10
            """)

    @Option(help: ArgumentHelp("Show at most this many, newest first.", valueName: "n"))
    var limit: Int = 30

    @Flag(help: "Also snapshots that are not this profile's, and incomplete ones.")
    var all = false

    @OptionGroup var place: OffsiteOptions

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try place.live(global, console)
        if place.isWanted, case let spec = try place.spec(live), !spec.access.mayRead {
            return try await listSent(to: spec, live, console)
        }
        let engine = try await live.engine(place)
        let points = try await PointList(engine).load(loadingManifests: true)
        let shown = Array(points.points.prefix(limit))
        let whereabouts = Whereabouts(points, engine)
        if console.isJSON {
            console.print(
                .object([
                    ("profile", .string(live.profile.name.rawValue)),
                    ("repository", .string(engine.primary.spec.name.rawValue)),
                    ("points", .array(shown.map { RunViews.point($0, at: whereabouts.places(of: $0)) })),
                    ("followers", whereabouts.document),
                    ("incomplete", .array(points.incomplete.map(SnapshotViews.snapshot))),
                    ("foreign", .array(all ? points.foreign.map(SnapshotViews.snapshot) : [])),
                    ("notices", JSONValue(points.notices)),
                ]))
            return .success
        }
        for notice in points.notices { console.warn(notice) }
        guard !shown.isEmpty else {
            console.print("no restore points yet; `holdfast backup` takes the first")
            return .success
        }
        console.print(SnapshotViews.table(shown, whereabouts).text)
        if points.points.count > shown.count {
            console.say("\(points.points.count - shown.count) older ones; --limit shows more")
        }
        for line in whereabouts.lines { console.print(line) }
        if all { console.print(SnapshotViews.others(points)) }
        return .success
    }

    /// A credential that may put and nothing else cannot list: what was sent there is on record here.
    private func listSent(to spec: RepositorySpec, _ live: Live, _ console: Console) async throws -> ExitStatus {
        console.warn(
            "the credential of \(spec.name) cannot list what is there; this is what was sent and acknowledged "
                + "(`--credentials FILE` lists with another)")
        let engine = try live.engine()
        let points = try await PointList(engine).load(loadingManifests: true)
        let sent = Whereabouts(points, engine)
        let shown = Array(points.points.filter { sent.places(of: $0).contains(spec.name) }.prefix(limit))
        if console.isJSON {
            console.print(
                .object([
                    ("profile", .string(live.profile.name.rawValue)), ("repository", .string(spec.name.rawValue)),
                    ("fromLedger", .boolean(true)),
                    ("points", .array(shown.map { RunViews.point($0, at: sent.places(of: $0)) })),
                    ("followers", sent.document),
                ]))
            return .success
        }
        console.print(shown.isEmpty ? "nothing was sent there yet" : SnapshotViews.table(shown, sent).text)
        for line in sent.lines { console.print(line) }
        return .success
    }
}

enum SnapshotViews {
    /// - Parameter places: adds a column of where each is.
    static func table(_ points: [RestorePoint], _ places: Whereabouts? = nil) -> Table {
        let places = places.flatMap { $0.isInteresting ? $0 : nil }
        var columns: [(String, Table.Alignment)] = [("RUN", .left), ("TIME", .left), ("SIZE", .right)]
        if places != nil { columns.append(("WHERE", .left)) }
        var table = Table(columns + [("SOURCES", .left)])
        for point in points {
            let sources = Dictionary(grouping: point.entries, by: \.part.source).sorted { $0.key < $1.key }
                .map { name, entries in
                    let older = entries.contains { $0.run != point.run } ? "*" : ""
                    let bad = entries.contains { !$0.part.condition.isGood }
                    return "\(name)\(older)\(bad ? "!" : "")"
                }
            let gaps = Set(point.gaps.map(\.source) + point.removed.map(\.source)).sorted().map { "-\($0)" }
                .filter { gap in !sources.contains(String(gap.dropFirst())) }
            let reason = point.retentionClass == SnapshotStamp.regularClass ? "" : " (\(point.retentionClass))"
            let place = places.map { [$0.places(of: point).map(\.rawValue).joined(separator: "+")] } ?? []
            table.add(
                [point.run.rawValue, Format.time(point.time), point.bytes.description] + place
                    + [(sources + gaps).joined(separator: " ") + reason])
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
