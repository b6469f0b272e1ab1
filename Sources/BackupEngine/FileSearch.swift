package import BackupModel
import Foundation
import Synchronization

/// Finds which restore points hold a file, and how it changed from one to the next.
package struct FileSearch: Sendable {
    /// One state of a file.
    package struct Version: Sendable, Equatable {
        package var size: Int64
        /// As the repository tells it, RFC 3339; empty for dumps, which have none.
        package var modified: String
        package var type: SnapshotEntry.EntryType
        /// Those that hold it, newest first.
        package var runs: [RunID]
    }

    package struct Match: Sendable, Equatable {
        package var source: SourceName
        package var path: String
        /// Newest first.
        package var versions: [Version]
    }

    package struct Result: Sendable {
        /// By source, then path.
        package var matches: [Match]
        package var searchedRuns: Int
        /// Parts that are encrypted as a whole: their files cannot be seen.
        package var closed: Set<SourceName>
    }

    let engine: Engine
    let pattern: PathPattern
    let sources: [SourceName]?

    /// - Parameter sources: `nil` for all.
    package init(_ engine: Engine, _ pattern: PathPattern, sources: [SourceName]? = nil) {
        self.engine = engine
        self.pattern = pattern
        self.sources = sources
    }

    /// - Parameters:
    ///   - points: of the engine's primary.
    ///   - limit: how many of the newest runs are looked at; `nil` for all.
    package func run(in points: RestorePoints, limit: Int? = nil) async throws -> Result {
        let runs = Array(points.runs.prefix(limit ?? Int.max))
        var holders: [SnapshotID: (run: RunID, source: SourceName)] = [:]
        var found: [Key: [(run: RunID, entry: SnapshotEntry)]] = [:]
        var closed: Set<SourceName> = []
        for run in runs {
            for part in run.parts where sources?.contains(part.source) ?? true {
                if part.isTree {
                    holders[part.snapshot] = (run.id, part.source)
                } else {
                    if part.encryption != nil { closed.insert(part.source) }
                    guard pattern.matches(part.part.rawValue) else { continue }
                    let entry = SnapshotEntry(
                        path: part.part.rawValue, type: .file, size: part.bytes.bytes,
                        modified: Timestamp.format(part.capturedAt))
                    found[Key(source: part.source, path: ExactPath(entry.path)), default: []].append((run.id, entry))
                }
            }
        }
        let hits = Mutex<[(SnapshotID, SnapshotEntry)]>([])
        let snapshots = runs.flatMap { $0.parts.map(\.snapshot) }.filter { holders[$0] != nil }
        if !snapshots.isEmpty {
            try await engine.primary.find(pattern, in: snapshots) { snapshot, entry in
                hits.withLock { $0.append((snapshot, entry)) }
            }
        }
        for (snapshot, entry) in hits.withLock({ $0 }) {
            guard let holder = holders[snapshot] else { continue }
            found[Key(source: holder.source, path: ExactPath(entry.path)), default: []].append((holder.run, entry))
        }
        let order = Dictionary(uniqueKeysWithValues: runs.enumerated().map { ($1.id, $0) })
        let matches = found.map { key, entries in
            Match(
                source: key.source, path: key.path.text,
                versions: FileSearch.versions(entries.sorted { order[$0.run, default: 0] < order[$1.run, default: 0] }))
        }
        return Result(
            matches: matches.sorted { ($0.source, $0.path) < ($1.source, $1.path) }, searchedRuns: runs.count,
            closed: closed)
    }

    private struct Key: Hashable {
        var source: SourceName
        var path: ExactPath
    }

    /// Runs that follow one another and hold the same are one version.
    /// - Parameter entries: newest first.
    static func versions(_ entries: [(run: RunID, entry: SnapshotEntry)]) -> [Version] {
        var versions: [Version] = []
        for (run, entry) in entries {
            if let last = versions.last, last.size == entry.size, last.modified == entry.modified,
                last.type == entry.type
            {
                versions[versions.count - 1].runs.append(run)
            } else {
                versions.append(Version(size: entry.size, modified: entry.modified, type: entry.type, runs: [run]))
            }
        }
        return versions
    }
}

/// Finds the part of a restore point that a path lies in.
package enum FilePlace {
    /// - Parameters:
    ///   - path: absolute; or the name of a source with one dump.
    ///   - sources: those that may be meant; `nil` for all.
    /// - Throws: ``Failure`` where none or several can be.
    package static func part(
        holding path: String, in point: RestorePoint, sources: [SourceName]? = nil
    ) throws(Failure) -> (part: ManifestPart, path: PartPath) {
        let parts = point.entries.map(\.part).filter { sources?.contains($0.source) ?? true }
        let dumps = parts.filter { !$0.isTree && ($0.part.rawValue == path || $0.source.rawValue == path) }
        if dumps.count == 1 { return (dumps[0], dumps[0].part) }
        if dumps.count > 1 {
            throw Failure(
                "\(path) has several parts", hint: "name one: " + dumps.map(\.part.rawValue).joined(separator: ", "),
                kind: .usage)
        }
        let trees = parts.filter { part in part.isTree && part.roots.contains { isBelow(path, $0) } }
        if trees.count == 1 { return (trees[0], PartPath(rawValue: path)) }
        if trees.count > 1 {
            throw Failure(
                "\(path) may be in several sources",
                hint: "name one with --only: " + trees.map(\.source.rawValue).joined(separator: ", "), kind: .usage)
        }
        let closed = parts.filter { $0.encryption != nil }.map(\.source.rawValue)
        throw Failure(
            "restore point \(point.run) has no place for \(path)",
            hint: "paths are whole, as `holdfast ls \(point.run)` and `holdfast find NAME` show them"
                + (closed.isEmpty
                    ? "" : "; \(Set(closed).sorted().joined(separator: ", ")) can be looked into after a restore only"),
            kind: .notFound)
    }

    private static func isBelow(_ path: String, _ root: String) -> Bool {
        path == root || root == "/" || path.hasPrefix(root.hasSuffix("/") ? root : root + "/")
    }
}
