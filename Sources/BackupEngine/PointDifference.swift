package import BackupModel
import Foundation
import Synchronization

/// What changed between two restore points.
package struct PointDifference: Sendable {
    package enum Change: Sendable, Equatable {
        case added(SnapshotEntry)
        case removed(SnapshotEntry)
        /// Of another type, size or time; a folder's time is no change.
        case changed(from: SnapshotEntry, to: SnapshotEntry)

        package var path: String {
            switch self {
            case .added(let entry), .removed(let entry), .changed(_, let entry): entry.path
            }
        }
    }

    /// One part of a source.
    package struct PartChanges: Sendable, Equatable {
        package var source: SourceName
        package var part: PartPath
        /// `nil` where a point has no such part.
        package var before: ManifestPart?
        package var after: ManifestPart?
        /// Of a tree, by path.
        package var files: [Change] = []
        /// Of a dump: tables whose rows were counted and differ, `nil` for a table that is not there.
        package var rows: [String: Rows] = [:]

        package struct Rows: Sendable, Equatable {
            package var before: Int64?
            package var after: Int64?
        }

        /// Whether the contents were looked at: of a tree its list, of a dump its digest. Otherwise only sizes and rows were.
        package var isCompared: Bool {
            guard let before, let after else { return true }
            if before.snapshot == after.snapshot || (before.isTree && after.isTree) { return true }
            return before.facts.sha256 != nil && after.facts.sha256 != nil
        }

        package var isEmpty: Bool {
            files.isEmpty && rows.isEmpty && before != nil && after != nil
                && (before?.isTree == true || before?.bytes == after?.bytes)
                && before?.facts.sha256 == after?.facts.sha256
        }
    }

    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    /// By source, then part. The names of one point's files are held in memory.
    /// - Parameter sources: `nil` for all.
    package func between(
        _ old: RestorePoint, _ new: RestorePoint, sources: [SourceName]? = nil
    ) async throws -> [PartChanges] {
        func parts(_ point: RestorePoint) -> [Key: ManifestPart] {
            let chosen = point.entries.map(\.part).filter { sources?.contains($0.source) ?? true }
            return Dictionary(chosen.map { (Key(source: $0.source, part: $0.part), $0) }) { first, _ in first }
        }
        let (before, after) = (parts(old), parts(new))
        var changes: [PartChanges] = []
        for key in Set(before.keys).union(after.keys).sorted(by: { ($0.source, $0.part) < ($1.source, $1.part) }) {
            var change = PartChanges(source: key.source, part: key.part, before: before[key], after: after[key])
            if let old = change.before, let new = change.after, old.snapshot != new.snapshot {
                if old.isTree, new.isTree { change.files = try await files(old, new) }
                change.rows = PointDifference.rows(old.facts.rows, new.facts.rows)
            }
            changes.append(change)
        }
        return changes
    }

    private struct Key: Hashable {
        var source: SourceName
        var part: PartPath
    }

    private func files(_ old: ManifestPart, _ new: ManifestPart) async throws -> [Change] {
        let state = Mutex<(known: [ExactPath: SnapshotEntry], changes: [Change])>(([:], []))
        try await engine.primary.reader(for: old.snapshot).entries { entry in
            state.withLock { $0.known[ExactPath(entry.path)] = entry }
        }
        try await engine.primary.reader(for: new.snapshot).entries { entry in
            state.withLock { state in
                guard let before = state.known.removeValue(forKey: ExactPath(entry.path)) else {
                    state.changes.append(.added(entry))
                    return
                }
                let isSame =
                    before.type == entry.type
                    && (entry.type == .directory || (before.size == entry.size && before.modified == entry.modified))
                if !isSame { state.changes.append(.changed(from: before, to: entry)) }
            }
        }
        return state.withLock { state in
            (state.changes + state.known.values.map(Change.removed)).sorted { $0.path < $1.path }
        }
    }

    static func rows(_ old: [String: Int64]?, _ new: [String: Int64]?) -> [String: PartChanges.Rows] {
        guard let old, let new else { return [:] }
        var rows: [String: PartChanges.Rows] = [:]
        for table in Set(old.keys).union(new.keys) where old[table] != new[table] {
            rows[table] = PartChanges.Rows(before: old[table], after: new[table])
        }
        return rows
    }
}
