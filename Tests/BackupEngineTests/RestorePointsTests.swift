import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Restore points")
struct RestorePointsTests {
    /// `source/part of which run`, for all entries of a point; runs are numbered from the oldest, 0.
    private func layout(_ point: RestorePoint, _ points: RestorePoints) -> [String] {
        let runs = points.runs.reversed().map(\.id)
        return point.entries.map { "\($0.part.source)\($0.part.part) \(runs.firstIndex(of: $0.run) ?? -1)" }
    }

    @Test func `an empty repository has none`() {
        let points = RepositoryContents().restorePoints()
        #expect(points.all.isEmpty)
        #expect(points.retentionCandidates.isEmpty)
        #expect(points.manifestsLeftEmpty(afterRemoving: []).isEmpty)
    }

    @Test func `a run counts once its manifest names its parts`() {
        var contents = RepositoryContents()
        let ids = contents.run("2026-11-19T02:00:00Z", [.init("db", "/db.sql"), .init("web")])
        let left = contents.run("2026-11-20T02:00:00Z", [.init("db", "/db.sql")], commits: false)
        let points = contents.restorePoints()
        #expect(points.runs.map { $0.parts.map(\.snapshot) } == [Array(ids.prefix(2))])
        #expect(points.runs[0].manifestSnapshot == ids[2])
        #expect(points.incomplete.map(\.id) == left)
        #expect(points.all.count == 1)
    }

    @Test func `what is void, foreign, or of another profile or host stands apart`() {
        var contents = RepositoryContents()
        let ids = contents.run("2026-11-19T02:00:00Z", [.init("db"), .init("web")], void: [0])
        let foreign = contents.foreign("2026-11-19T04:00:00Z")
        let neighbour = contents.run("2026-11-19T05:00:00Z", [.init("db")], host: "attic")
        let work = contents.run("2026-11-19T06:00:00Z", [.init("db")], profile: ProfileName(unchecked: "work"))
        let points = contents.restorePoints()
        #expect(points.runs.flatMap { $0.parts.map(\.snapshot) } == [ids[1]])
        #expect(points.void.map(\.id) == [ids[0]])
        #expect(points.foreign.map(\.id) == [foreign])
        #expect(Set(points.others.map(\.id)) == Set(neighbour + work))
        #expect(points.incomplete.isEmpty)
        #expect(points.retentionCandidates.map(\.id) == [ids[1]])
    }

    @Test func `a later manifest may declare void what an earlier one named`() {
        var contents = RepositoryContents()
        let first = contents.run("2026-11-19T02:00:00Z", [.init("db")])
        let second = contents.run("2026-11-20T02:00:00Z", [.init("db")])
        contents.manifests[second[1]]?.void = [first[0]]
        let points = contents.restorePoints()
        #expect(points.runs.map { $0.parts.map(\.snapshot) } == [[second[0]]])
        #expect(points.void.map(\.id) == [first[0]])
    }

    @Test func `a manifest that belongs to another run names nothing`() {
        var contents = RepositoryContents()
        let first = contents.run("2026-11-19T02:00:00Z", [.init("db")])
        let second = contents.run("2026-11-20T02:00:00Z", [.init("db")])
        contents.manifests[second[1]] = contents.manifests[first[1]]
        let points = contents.restorePoints()
        #expect(points.runs.map(\.isFromTags) == [true, false])
        #expect(points.retentionHalt == .unreadManifests(1))
    }

    @Test func `manifests that have not been read are stood in for by tags`() {
        var contents = RepositoryContents()
        let ids = contents.run("2026-11-19T02:00:00Z", [.init("db", "/a,b.sql", .damaged), .init("web")])
        contents.run("2026-11-20T02:00:00Z", [.init("db")], commits: false)
        let points = contents.restorePoints(reading: false)
        #expect(points.runs.map { $0.parts.map(\.snapshot) } == [Array(ids.prefix(2))])
        #expect(points.runs[0].isFromTags)
        #expect(points.runs[0].parts.map(\.part.rawValue) == ["/a,b.sql", "/"])
        #expect(points.runs[0].parts[0].bytes == 900)
        #expect(points.incomplete.count == 1)
        #expect(points.retentionHalt == .unreadManifests(1))
        #expect(contents.restorePoints().retentionHalt == nil)
    }

    @Test func `copies in a follower are found by the ids that they had`() throws {
        var contents = RepositoryContents()
        contents.run("2026-11-19T02:00:00Z", [.init("db"), .init("web")])
        let copy = contents.copied()
        let points = copy.restorePoints()
        #expect(points.incomplete.isEmpty)
        #expect(points.runs[0].parts.map(\.snapshot) == copy.snapshots.prefix(2).map(\.id))
        #expect(try #require(points.all.first).entries.count == 2)
    }

    @Test func `a part that was removed and has no older one is missed by name`() throws {
        var contents = RepositoryContents()
        let first = contents.run("2026-11-18T02:00:00Z", [.init("db"), .init("web")])
        let second = contents.run("2026-11-19T02:00:00Z", [.init("db"), .init("web")])
        contents.snapshots.removeAll { [first[1], second[1]].contains($0.id) }
        let newest = try #require(contents.restorePoints().all.first)
        #expect(newest.entries.map(\.part.source.rawValue) == ["db"])
        #expect(newest.removed.map(\.source.rawValue) == ["web"])
        let plan = try RestorePlan(
            newest, RestoreOptions(directory: "/x"), sources: ["db", "web", "new"].map { SourceName(unchecked: $0) })
        #expect(plan.warnings.contains { $0.contains("web is not in it") && $0.contains("removed since") })
        #expect(plan.warnings.contains { $0.contains("new is not in it") })
        #expect(plan.warnings.count == 2)
    }

    @Test func `a part captured after the time that was asked for is not said to have been removed`() throws {
        var contents = RepositoryContents()
        contents.run("2026-11-18T02:00:00Z", [.init("db")])
        contents.run("2026-11-19T02:00:00Z", [.init("db"), .init("web", after: 600)])
        let time = Candidates.date("2026-11-19T02:05:00Z")
        let point = try #require(contents.restorePoints().point(before: time, time: time))
        #expect(point.removed.isEmpty)
        #expect(point.lost.isEmpty)
    }

    @Test func `a source that a run did not capture comes from the newest that did, with its age`() throws {
        var contents = RepositoryContents()
        contents.run("2026-11-18T02:00:00Z", [.init("db"), .init("web")])
        contents.run("2026-11-19T02:00:00Z", [.init("web")], gaps: ["db"])
        contents.run("2026-11-20T02:00:00Z", [.init("db")])
        let points = contents.restorePoints()
        #expect(
            points.all.map { layout($0, points) } == [
                ["db/ 2", "web/ 1"], ["db/ 0", "web/ 1"], ["db/ 0", "web/ 0"],
            ])
        let newest = try #require(points.all.first)
        #expect(newest.isMixed)
        #expect(newest.entries.map(\.age) == [.zero, .seconds(86_400)])
        #expect(points.all[1].gaps.map(\.source.rawValue) == ["db"])
        #expect(points.all == points.runs.compactMap { points.point(of: $0.id) })
    }

    @Test func `a database that is gone from a whole capture is gone, one that failed is not`() {
        var contents = RepositoryContents()
        contents.run("2026-11-18T02:00:00Z", [.init("pg", "/a.sql"), .init("pg", "/b.sql")])
        contents.run("2026-11-19T02:00:00Z", [.init("pg", "/a.sql")], gaps: ["pg"])
        contents.run("2026-11-20T02:00:00Z", [.init("pg", "/a.sql")])
        let points = contents.restorePoints()
        #expect(
            points.all.map { layout($0, points) } == [
                ["pg/a.sql 2"], ["pg/a.sql 1", "pg/b.sql 0"], ["pg/a.sql 0", "pg/b.sql 0"],
            ])
    }

    @Test func `a part that was removed from the repository comes from an older run`() {
        var contents = RepositoryContents()
        contents.run("2026-11-18T02:00:00Z", [.init("pg", "/a.sql"), .init("pg", "/b.sql")])
        let ids = contents.run("2026-11-19T02:00:00Z", [.init("pg", "/a.sql"), .init("pg", "/b.sql")])
        contents.remove(ids[1])
        let points = contents.restorePoints()
        #expect(points.all.map { layout($0, points) }[0] == ["pg/a.sql 1", "pg/b.sql 0"])
    }

    @Test func `a damaged part gives way to the newest good one and says so`() throws {
        var contents = RepositoryContents()
        contents.run("2026-11-17T02:00:00Z", [.init("db", "/", .damaged)])
        contents.run("2026-11-18T02:00:00Z", [.init("db")])
        contents.run("2026-11-19T02:00:00Z", [.init("db", "/", .damaged)])
        contents.run("2026-11-20T02:00:00Z", [.init("db", "/", .damaged)])
        let points = contents.restorePoints()
        #expect(points.all.map { layout($0, points) } == [["db/ 1"], ["db/ 1"], ["db/ 1"], ["db/ 0"]])
        #expect(try #require(points.all[0].entries[0].notice).contains("\(points.runs[0].id) is damaged"))
        #expect(points.all[2].entries[0].notice == nil)
        #expect(points.all[3].entries[0].notice == "damaged, and there is no older good one")
    }

    @Test func `a partial part stays, and says what it lacks`() {
        var contents = RepositoryContents()
        contents.run("2026-11-18T02:00:00Z", [.init("web")])
        contents.run("2026-11-19T02:00:00Z", [.init("web", "/", .partial)])
        let points = contents.restorePoints()
        #expect(layout(points.all[0], points) == ["web/ 1"])
        #expect(points.all[0].entries[0].notice == "partial: 2 could not be read")
    }

    @Test func `a class is the run's own, the state is of all classes`() {
        var contents = RepositoryContents()
        contents.run("2026-11-18T02:00:00Z", [.init("db"), .init("web")])
        contents.run("2026-11-19T02:00:00Z", [.init("db")], retentionClass: "before-deploy")
        let points = contents.restorePoints()
        #expect(points.all.map(\.retentionClass) == ["before-deploy", SnapshotStamp.regularClass])
        #expect(layout(points.all[0], points) == ["db/ 1", "web/ 0"])
        #expect(Set(points.retentionCandidates.map(\.group.retentionClass)).count == 2)
    }

    @Test func `candidates carry what retention goes by`() throws {
        var contents = RepositoryContents()
        contents.run("2026-11-18T02:00:00Z", [.init("db", "/db.sql", .partial)])
        let candidate = try #require(contents.restorePoints().retentionCandidates.first)
        #expect(candidate.group.description == "db /db.sql")
        #expect(candidate.condition == .partial)
        #expect(candidate.time == Candidates.date("2026-11-18T02:01:00Z"))
        #expect(candidate.utcOffset == 3600)
        #expect(candidate.bytes == 1000)
        #expect(candidate.files == 10)
    }

    @Test func `a manifest goes with the last part of its run`() {
        var contents = RepositoryContents()
        let failed = contents.run("2026-11-16T02:00:00Z", [], gaps: ["db"])
        let first = contents.run("2026-11-17T02:00:00Z", [.init("db"), .init("web")])
        contents.run("2026-11-18T02:00:00Z", [.init("db")])
        contents.run("2026-11-19T02:00:00Z", [], gaps: ["db"])
        let points = contents.restorePoints()
        #expect(points.manifestsLeftEmpty(afterRemoving: []) == [failed[0]])
        #expect(points.manifestsLeftEmpty(afterRemoving: [first[0]]) == [failed[0]])
        #expect(Set(points.manifestsLeftEmpty(afterRemoving: first.prefix(2))) == [failed[0], first[2]])
        #expect(points.manifestsLeftEmpty(afterRemoving: contents.snapshots.map(\.id)).isEmpty)
    }

    @Test func `a manifest stays while something it declares void is still there`() {
        var contents = RepositoryContents()
        let first = contents.run("2026-11-17T02:00:00Z", [.init("db"), .init("web")], void: [1])
        contents.run("2026-11-18T02:00:00Z", [.init("db")])
        let points = contents.restorePoints()
        #expect(points.manifestsLeftEmpty(afterRemoving: [first[0]]).isEmpty)
        #expect(points.manifestsLeftEmpty(afterRemoving: [first[0], first[1]]) == [first[2]])
    }

    @Test func `a time gives a point of the time that it has, and a part's snapshot names that part`() throws {
        var contents = RepositoryContents()
        contents.run("2026-11-18T02:00:00Z", [.init("db"), .init("web")])
        let points = contents.restorePoints()
        let now = Candidates.date("2026-11-20T00:00:00Z")
        let newest = try points.resolve("latest", now: now, timeZone: .gmt)
        #expect(newest.named == nil)
        let asked = try points.resolve("2026-11-19 06:00", now: now, timeZone: .gmt)
        #expect(asked.time == newest.time && asked.run == newest.run)
        let web = try #require(newest.entries.first { $0.part.source.rawValue == "web" })
        let named = try points.resolve(web.part.snapshot.rawValue, now: now, timeZone: .gmt)
        #expect(named.named == web.part && named.entries.count == 2)
    }
}
