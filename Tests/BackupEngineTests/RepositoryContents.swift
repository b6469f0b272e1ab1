import BackupModel
import Foundation
import TestSupport

@testable import BackupEngine

/// What a repository holds, built up run by run for a test.
struct RepositoryContents {
    static let profile = ProfileName(unchecked: "home")
    static let host = "vault"

    struct Part {
        var source: String
        var part: String
        var condition = PartCondition.clean
        /// Seconds after the start of the run.
        var after = 60.0

        init(_ source: String, _ part: String = "/", _ condition: PartCondition = .clean, after: Double = 60) {
            self.source = source
            self.part = part
            self.condition = condition
            self.after = after
        }
    }

    var snapshots: [Snapshot] = []
    var manifests: [SnapshotID: Manifest] = [:]
    private var count = 0

    /// - Parameters:
    ///   - commits: whether the run lived to write its manifest.
    ///   - void: numbers among its parts, from 0, that the manifest declares void in place of naming them.
    /// - Returns: the ids of its parts, in order, and then its manifest's.
    @discardableResult
    mutating func run(
        _ started: String, _ parts: [Part], gaps: [String] = [], void: Set<Int> = [], commits: Bool = true,
        profile: ProfileName = profile, host: String = host, retentionClass: String = SnapshotStamp.regularClass,
        machine: String? = "m1"
    ) -> [SnapshotID] {
        let start = Candidates.date(started)
        let run = RunID(startedAt: start, entropy: UInt32(snapshots.count))
        var stamp = SnapshotStamp(
            host: host, profile: profile, run: run, content: .part, retentionClass: retentionClass, machine: machine)
        var ids: [SnapshotID] = []
        var named: [ManifestPart] = []
        for (index, part) in parts.enumerated() {
            stamp.source = SourceName(unchecked: part.source)
            stamp.part = PartPath(rawValue: part.part)
            let id = add(stamp, at: start + part.after)
            ids.append(id)
            if void.contains(index) { continue }
            named.append(
                ManifestPart(
                    source: SourceName(unchecked: part.source), sourceKind: "files",
                    part: PartPath(rawValue: part.part), snapshot: id, capturedAt: start + part.after,
                    condition: part.condition, bytes: 1000, files: 10, facts: Facts(), unreadableCount: 2))
        }
        guard commits else { return ids }
        stamp = SnapshotStamp(
            host: host, profile: profile, run: run, content: .manifest, retentionClass: retentionClass,
            machine: machine)
        let carrier = add(stamp, at: start + 120)
        manifests[carrier] = Manifest(
            run: run, profile: profile, host: host, machine: machine, started: start, finished: start + 120,
            reason: nil, retentionClass: retentionClass, parts: named,
            gaps: gaps.map { ManifestGap(source: SourceName(unchecked: $0), cause: "it failed") },
            void: void.sorted().map { ids[$0] }, tools: [:], policy: nil, notices: [])
        return ids + [carrier]
    }

    /// One that another program left.
    @discardableResult
    mutating func foreign(_ time: String) -> SnapshotID {
        count += 1
        let id = Self.id(count)
        snapshots.append(
            Snapshot(id: id, time: Candidates.date(time), host: Self.host, paths: ["/srv"], tags: ["nightly"]))
        return id
    }

    mutating func remove(_ id: SnapshotID) {
        snapshots.removeAll { $0.id == id }
        manifests[id] = nil
    }

    /// The same in another repository, as `restic copy` leaves it: new ids, the old ones remembered.
    func copied() -> RepositoryContents {
        var copy = self
        copy.manifests = [:]
        for index in copy.snapshots.indices {
            let original = copy.snapshots[index].id
            copy.snapshots[index].original = original
            copy.snapshots[index].id = SnapshotID(rawValue: "c0" + original.rawValue.dropFirst(2))
            copy.manifests[copy.snapshots[index].id] = manifests[original]
        }
        return copy
    }

    func restorePoints(reading: Bool = true) -> RestorePoints {
        RestorePoints(
            snapshots: snapshots.reversed(), manifests: reading ? manifests : [:], profile: Self.profile,
            host: Self.host)
    }

    private mutating func add(_ stamp: SnapshotStamp, at time: Date) -> SnapshotID {
        count += 1
        let id = Self.id(count)
        snapshots.append(
            Snapshot(id: id, time: time, utcOffset: 3600, host: stamp.host, paths: ["/x"], tags: stamp.tags, bytes: 900)
        )
        return id
    }

    /// `a007fff…`, `a00efff…`: four digits tell them apart.
    private static func id(_ number: Int) -> SnapshotID {
        let digits = String(0xa000 + number * 7, radix: 16)
        return SnapshotID(rawValue: digits + String(repeating: "f", count: 64 - digits.count))
    }
}
