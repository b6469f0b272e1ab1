package import BackupModel
import Foundation

/// What a restore would do, before it does anything.
package struct RestorePlan: Sendable {
    package struct Item: Sendable {
        package var part: ManifestPart
        package var run: RunID
        package var age: Duration
        /// Where it will be.
        package var place: String
        package var database: String?
        /// What is to be known before relying on it.
        package var notice: String?
        /// Of a file tree, only these; empty is all.
        package var include: [String] = []
    }

    /// Something that an operator would look for afterwards, and not find.
    package struct Missing: Sendable, Equatable, CustomStringConvertible {
        package var source: SourceName
        /// `nil`: all of the source.
        package var part: PartPath?
        package var cause: String

        package var description: String { "\(part?.title(in: source) ?? source.rawValue) is not in it: \(cause)" }
    }

    package var point: RestorePoint
    package var items: [Item]
    package var missing: [Missing]
    package var directory: String
    package var exact: Bool
    /// What must be known before it is begun: parts of different runs, what is missing, parts that are not clean.
    package var warnings: [String]

    package var bytes: ByteCount { items.reduce(ByteCount.zero) { $0 + $1.part.bytes } }
}

package struct RestoreOptions: Sendable {
    /// `nil`: all.
    package var only: [SourceName]?
    /// Absolute.
    package var directory: String
    package var exact = false
    /// Absolute; only these files and folders.
    package var paths: [String] = []
    /// Source to the name of the new database that its one dump is loaded into.
    package var databases: [SourceName: String] = [:]
    package init(directory: String) { self.directory = directory }
}

extension RestorePlan {
    /// - Parameter sources: those of the profile; what the point has nothing of is told.
    /// - Throws: ``Failure`` when the point lacks a source that was asked for, or the options contradict it.
    package init(
        _ point: RestorePoint, _ options: RestoreOptions, sources: [SourceName] = []
    ) throws(Failure) {
        let available = Set(point.entries.map(\.part.source))
        for name in options.only ?? [] where !available.contains(name) {
            let cause = RestorePlan.missing(point, [name]).first { $0.source == name }?.cause
            throw Failure(
                "restore point \(point.run) has nothing of source \(name)"
                    + (sources.contains(name) ? cause.map { ": \($0)" } ?? "" : ""),
                hint: "it has: " + available.sorted().map(\.rawValue).joined(separator: ", "), kind: .notFound)
        }
        let chosen = point.entries.filter { options.only?.contains($0.part.source) ?? true }
        guard !chosen.isEmpty else {
            throw Failure(
                "restore point \(point.run) is empty", hint: "`holdfast backup list` shows the others", kind: .notFound)
        }
        var items: [Item] = []
        for entry in chosen {
            let database = options.databases[entry.part.source]
            items.append(
                Item(
                    part: entry.part, run: entry.run, age: entry.age,
                    place: options.directory + "/" + entry.part.source.rawValue, database: database,
                    notice: entry.notice))
        }
        for (source, name) in options.databases {
            let dumps = items.filter { $0.part.source == source && RestorePlan.isDatabase($0.part) }
            guard dumps.count == 1 else {
                throw Failure(
                    dumps.isEmpty
                        ? "source \(source) has no database dump in restore point \(point.run)"
                        : "source \(source) has \(dumps.count) databases; \(name) can take only one",
                    hint: "restore with --to DIR instead and load the dumps you need", kind: .usage)
            }
            items = items.map { item in
                guard item.part.source == source, !RestorePlan.isDatabase(item.part) else { return item }
                var item = item
                item.database = nil
                return item
            }
        }
        items = try RestorePlan.narrowed(items, to: options.paths)
        let missing = RestorePlan.missing(point, sources).filter { options.only?.contains($0.source) ?? true }
        self.init(
            point: point, items: items, missing: missing, directory: options.directory, exact: options.exact,
            warnings: RestorePlan.warnings(point, items, wanted: options.only) + missing.map(\.description))
    }

    /// - Throws: ``Failure`` for a path that no tree can hold.
    private static func narrowed(_ items: [Item], to paths: [String]) throws(Failure) -> [Item] {
        guard !paths.isEmpty else { return items }
        var chosen: [Item] = []
        for var item in items {
            let roots = item.part.roots
            item.include = paths.filter { path in
                item.part.isTree
                    ? roots.isEmpty || roots.contains { path == $0 || path.hasPrefix($0 == "/" ? "/" : $0 + "/") }
                    : path == item.part.part.rawValue
            }
            guard !item.include.isEmpty else { continue }
            if !item.part.isTree { item.include = [] }
            chosen.append(item)
        }
        for path in paths where !chosen.contains(where: { $0.include.contains(path) || $0.part.part.rawValue == path })
        {
            throw Failure(
                "nothing in this restore point was at \(path)",
                hint: "give the absolute path as it was when it was backed up; `holdfast find` looks for a name",
                kind: .notFound)
        }
        return chosen
    }

    /// Parts that the point's run stored and that are gone, and those of `sources` that nothing is there of.
    private static func missing(_ point: RestorePoint, _ sources: [SourceName]) -> [Missing] {
        let gone = point.removed.map {
            Missing(
                source: $0.source, part: $0.part,
                cause: "run \(point.run) stored it, and it has been removed since")
        }
        let there = Set(point.entries.map(\.part.source) + gone.map(\.source))
        let absent = Set(sources + point.gaps.map(\.source)).subtracting(there).sorted().map { source in
            let causes = [
                point.notDue.first { $0.source == source }.map { _ in
                    "run \(point.run) left it to a later one (`cadence`)"
                },
                point.gaps.first { $0.source == source }.map { "run \(point.run) did not capture it: \($0.cause)" },
                point.lost[source].map { "run \($0) stored it, and it has been removed since" },
            ].compactMap(\.self)
            return Missing(
                source: source,
                cause: causes.isEmpty
                    ? "there is no backup of it from then or before" : causes.joined(separator: "; "))
        }
        return gone + absent
    }

    private static func isDatabase(_ part: ManifestPart) -> Bool {
        part.facts.rows != nil || part.facts.uncounted != nil || part.restoreNotes["database"] != nil
    }

    private static func warnings(_ point: RestorePoint, _ items: [Item], wanted: [SourceName]?) -> [String] {
        var warnings: [String] = []
        for item in items where item.run != point.run {
            warnings.append(
                "\(item.part.title) comes from run \(item.run), "
                    + "\(Age.words(item.age)) older than the restore point")
        }
        for item in items {
            if let notice = item.notice {
                warnings.append("\(item.part.title): \(notice)")
                continue
            }
            switch item.part.condition {
            case .clean, .tolerated: continue
            case .partial:
                warnings.append(
                    "\(item.part.title) is partial: \(Words.count(item.part.unreadableCount, "item")) could not be read"
                        + (item.part.unreadable.first.map { ", such as \($0)" } ?? "")
                )
            case .damaged: warnings.append("\(item.part.title) was damaged already when it was captured")
            }
        }
        for gap in point.gaps where wanted?.contains(gap.source) ?? true {
            // What is missing altogether is told apart.
            guard items.contains(where: { $0.part.source == gap.source }) else { continue }
            let isThere = items.contains { $0.part.source == gap.source && $0.run == point.run }
            warnings.append(
                "\(gap.source) was not \(isThere ? "wholly " : "")captured by run \(point.run): \(gap.cause)")
        }
        return warnings
    }
}

/// Spans of time for people: `3 days`, `2 hours`.
package enum Age {
    package static func words(_ duration: Duration) -> String {
        let seconds = Int(duration.inSeconds.magnitude)
        for (unit, size) in [("day", 86_400), ("hour", 3600), ("minute", 60)] where seconds >= size * 2 {
            return "\(seconds / size) \(unit)s"
        }
        return seconds == 1 ? "1 second" : "\(seconds) seconds"
    }
}
