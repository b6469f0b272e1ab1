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
    }

    package var point: RestorePoint
    package var items: [Item]
    package var directory: String
    package var exact: Bool
    /// What must be known before it is begun: parts of different runs, gaps, parts that are not clean.
    package var warnings: [String]

    package var bytes: ByteCount { items.reduce(ByteCount.zero) { $0 + $1.part.bytes } }
}

package struct RestoreOptions: Sendable {
    /// `nil`: all.
    package var only: [SourceName]?
    /// Absolute.
    package var directory: String
    package var exact = false
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
            throw Failure(
                "restore point \(point.run) has nothing of source \(name)",
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
        self.init(
            point: point, items: items, directory: options.directory, exact: options.exact,
            warnings: RestorePlan.warnings(point, items, wanted: options.only)
                + RestorePlan.absences(point, sources.filter { options.only?.contains($0) ?? true }))
    }

    /// What an operator would look for afterwards, and not find.
    private static func absences(_ point: RestorePoint, _ sources: [SourceName]) -> [String] {
        let gone = point.removed.map {
            "\($0.title) is not in it: run \(point.run) stored it, and it has been removed since"
        }
        let told = Set(point.entries.map(\.part.source) + point.removed.map(\.source) + point.gaps.map(\.source))
        return gone
            + sources.filter { !told.contains($0) }.map {
                "\($0) is not in it: nothing of it had been captured by then"
            }
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
                )
            case .damaged: warnings.append("\(item.part.title) was damaged already when it was captured")
            }
        }
        for gap in point.gaps where wanted?.contains(gap.source) ?? true {
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
