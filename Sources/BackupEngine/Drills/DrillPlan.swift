package import BackupModel
import Foundation

/// What a drill would restore, and what that takes.
package struct DrillPlan: Sendable {
    /// One source: its parts are restored together, looked at, and removed before the next one's.
    package struct Group: Sendable {
        package var source: SourceName
        package var items: [RestorePlan.Item]
        /// Of the disk, about.
        package var room: ByteCount
    }

    package var point: RestorePoint
    package var groups: [Group]
    package var missing: [DrillFinding]
    package var leftOut: [SourceName]
    /// What must be known, and is no finding.
    package var notices: [String]

    package var bytes: ByteCount {
        groups.flatMap(\.items).reduce(.zero) { $0 + $1.part.bytes }
    }
    /// At any time.
    package var room: ByteCount { groups.map(\.room).max() ?? .zero }
}

extension DrillPlan {
    /// Looks into the repository and chooses.
    /// - Throws: ``RestorePointError``, or ``Failure`` where the point has nothing of a source that was asked for.
    package static func make(_ engine: Engine, _ request: DrillRequest) async throws -> DrillPlan {
        var reading = engine
        if let catalog = request.catalog { reading.store = catalog }
        let list = try await PointList(reading).load(loadingManifests: true)
        let point = try choose(request, list.restorePoints, engine)
        var options = RestoreOptions(directory: "/")
        options.only = request.sources
        let names = engine.profile.sources.map(\.name)
        let plan = try RestorePlan(point, options, sources: names)
        // Of an older point nobody expects what was not there yet.
        let isNewest = request.point == .latest
        var notices =
            list.notices
            + plan.warnings.filter { warning in
                !plan.missing.contains { $0.description == warning }
            }
        var missing: [DrillFinding] = []
        for one in plan.missing {
            if isNewest || one.part != nil {
                missing.append(DrillFinding(one.description))
            } else {
                notices.append(one.description)
            }
        }
        var groups: [Group] = []
        for (source, items) in Dictionary(grouping: plan.items, by: \.part.source).sorted(by: { $0.key < $1.key }) {
            groups.append(Group(source: source, items: items, room: try room(of: items, engine)))
        }
        let there = Set(groups.map(\.source))
        return DrillPlan(
            point: point, groups: groups, missing: missing, leftOut: names.filter { !there.contains($0) },
            notices: notices)
    }

    /// Tells a mistyped name before a drill begins: that is nobody's failed drill. Whatever else is wrong, and a repository with
    /// nothing in it, is for the drill to find and to record.
    /// - Throws: ``RestorePointError`` where the point that was named is none, and others are there.
    package static func requirePoint(_ engine: Engine, _ request: DrillRequest) async throws(RestorePointError) {
        guard case .named = request.point else { return }
        var reading = engine
        if let catalog = request.catalog { reading.store = catalog }
        let list: PointList.Contents
        do { list = try await PointList(reading).load(loadingManifests: true) } catch { return }
        guard !list.restorePoints.runs.isEmpty else { return }
        _ = try choose(request, list.restorePoints, engine)
    }

    /// What stays until all of the source is proven, and the largest of what makes room for the next part.
    private static func room(of items: [RestorePlan.Item], _ engine: Engine) throws -> ByteCount {
        var (staying, passing) = (ByteCount.zero, ByteCount.zero)
        for item in items {
            let source = try engine.restorer(item.part)
            let room = source.roomToProve(item.part)
            if source.isLoadedToProve(item.part) { passing = max(passing, room) } else { staying += room }
        }
        return staying + passing
    }

    private static func choose(
        _ request: DrillRequest, _ points: RestorePoints, _ engine: Engine
    ) throws(RestorePointError) -> RestorePoint {
        let now = engine.clock.now
        switch request.point {
        case .latest: return try points.resolve("latest", now: now, timeZone: engine.timeZone)
        case .named(let text): return try points.resolve(text, now: now, timeZone: engine.timeZone)
        case .random:
            let newest = try points.resolve("latest", now: now, timeZone: engine.timeZone)
            let older = points.all.filter { point in
                point.run != newest.run && point.time <= newest.time
                    && Set(point.entries.map(\.part.source)).isSuperset(of: request.sources ?? [])
            }
            return older.isEmpty ? newest : older[Int(engine.entropy()) % older.count]
        }
    }

    /// What to do where there is no larger disk.
    static let smaller = "drill other sources by their names"

    /// - Parameter place: where it is restored to.
    /// - Throws: ``Failure`` where what the largest source takes is not there, or more than the profile allows.
    package func checkRoom(at place: String, limit: ByteCount?, _ host: any HostFacts) throws(Failure) {
        guard let largest = groups.max(by: { $0.room < $1.room }) else { return }
        if let limit, largest.room > limit {
            throw Failure(
                "source \(largest.source) takes about \(largest.room) in scratch, and the profile lets a drill take \(limit)",
                hint: "raise `room:` under `drill:`, or drill other sources by their names", kind: .destinationFull)
        }
        try ScratchRoom.check(
            for: "source \(largest.source)", largest.room, at: place, host, otherwise: DrillPlan.smaller)
    }
}
