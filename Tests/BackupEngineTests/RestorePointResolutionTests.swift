import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("What an operator's words stand for")
struct RestorePointResolutionTests {
    static let berlin = TimeZone(identifier: "Europe/Berlin") ?? .gmt
    static let now = Candidates.date("2026-11-20T12:00:00Z")
    let contents: RepositoryContents
    let points: RestorePoints

    init() {
        var contents = RepositoryContents()
        contents.run("2026-11-17T02:00:00Z", [.init("db"), .init("web", after: 600)])
        contents.run("2026-11-18T02:00:00Z", [.init("db")])
        contents.run("2026-11-19T02:00:00Z", [.init("db")])
        contents.run("2026-11-20T02:00:00Z", [.init("db", "/", .damaged)])
        self.contents = contents
        points = contents.restorePoints()
    }

    private func resolve(_ text: String, in other: RestorePoints? = nil) throws -> RestorePoint {
        try (other ?? points).resolve(text, now: Self.now, timeZone: Self.berlin)
    }

    private func problem(_ text: String, in other: RestorePoints? = nil) -> RestorePointError? {
        #expect(throws: RestorePointError.self) { try resolve(text, in: other) }
    }

    /// The day in November of the run that a point is of.
    private func day(_ point: RestorePoint) -> Substring { point.run.rawValue.dropFirst(6).prefix(2) }

    @Test(
        arguments: [
            ("latest", "20"), ("LATEST", "20"),
            ("20261118T020000Z-000003", "18"), ("20261118", "18"), ("20261118t02", "18"),
            ("2026-11-18", "18"), ("2026-11-18 03:01", "18"), ("2026-11-18 03:00", "17"),
            ("2026-11-18T03:01:00", "18"), ("2026-11-18 03:00:59", "17"),
            ("2026-11-18T02:01:00Z", "18"), ("2026-11-18T02:00:59Z", "17"), ("2026-11-18T03:01:00+01:00", "18"),
            ("yesterday", "19"), ("today", "20"), ("1d ago", "19"), ("36h ago", "18"), ("3 days ago", "17"),
        ] as [(String, Substring)])
    func `a text finds its run`(_ text: String, _ expected: Substring) throws {
        #expect(day(try resolve(text)) == expected)
    }

    @Test func `a time in the midst of a run takes only what had been captured by then`() throws {
        let point = try resolve("2026-11-17T02:05:00Z")
        #expect(point.entries.map(\.part.source.rawValue) == ["db"])
        #expect(point.entries[0].age == .seconds(241))
        #expect(try resolve("2026-11-17T02:10:00Z").entries.count == 2)
    }

    @Test func `a source that was captured half by then keeps the older half`() throws {
        var contents = RepositoryContents()
        contents.run("2026-11-17T02:00:00Z", [.init("pg", "/a.sql"), .init("pg", "/b.sql")])
        contents.run("2026-11-18T02:00:00Z", [.init("pg", "/a.sql"), .init("pg", "/b.sql", after: 600)])
        let point = try resolve("2026-11-18T02:05:00Z", in: contents.restorePoints())
        #expect(
            point.entries.map { "\($0.part.part) \($0.run.rawValue.prefix(8))" } == [
                "/a.sql 20261118", "/b.sql 20261117",
            ])
    }

    @Test func `every time that the list shows finds the run that it is shown for`() throws {
        for run in points.runs {
            #expect(try resolve(UTCTime(run.time).extended).run == run.id)
        }
    }

    @Test func `a snapshot's id takes this very snapshot, even a damaged one`() throws {
        let damaged = try #require(points.runs.first?.parts.first?.snapshot)
        let byID = try resolve(String(damaged.rawValue.prefix(6)))
        #expect(byID.entries[0].part.snapshot == damaged)
        #expect(byID.entries[0].notice == "damaged, and there is no older good one")
        #expect(try resolve("latest").entries[0].part.snapshot != damaged)
        #expect(byID.entries.count == 2)
    }

    @Test func `a run from the future is not the latest, unless there is no other`() throws {
        var contents = contents
        contents.run("2036-11-20T03:00:00Z", [.init("db")])
        #expect(day(try resolve("latest", in: contents.restorePoints())) == "20")
        #expect(try resolve("latest", in: contents.restorePoints()).run.rawValue.hasPrefix("2026"))
        var only = RepositoryContents()
        only.run("2036-11-20T03:00:00Z", [.init("db")])
        #expect(try resolve("latest", in: only.restorePoints()).run.rawValue.hasPrefix("2036"))
    }

    @Test func `a manifest's id finds its run`() throws {
        #expect(day(try resolve(points.runs[2].manifestSnapshot.short)) == "18")
    }

    @Test func `an id that the snapshot had before it was copied finds it too`() throws {
        let original = contents.snapshots[3]
        #expect(day(try resolve(original.id.short, in: contents.copied().restorePoints())) == "18")
    }

    @Test func `an unknown id lists what there is and names the nearest`() throws {
        let error = try #require(problem("a00fdead"))
        guard case .unknown(_, let nearest, let available) = error else {
            Issue.record("not unknown: \(error)")
            return
        }
        #expect(nearest == nil)
        #expect(available.count == 4)
        #expect(error.description.contains("20261119T020000Z-000005  2026-11-19T02:01:00Z  db"))
        #expect(ExitStatus(for: error.kind) == .failed)
        guard case .unknown(_, let close, _) = try #require(problem("20261119T03")) else {
            Issue.record("not unknown")
            return
        }
        #expect(close == "20261119T020000Z-000005")
    }

    @Test(arguments: ["", "a", "a00", "zzzz", "2026-02-31", "2026-11-20 25:00", "5x ago", "12:00"])
    func `what means nothing is unknown`(_ text: String) throws {
        guard case .unknown = try #require(problem(text)) else {
            Issue.record("\(text) is not unknown")
            return
        }
    }

    @Test func `a beginning that several share is ambiguous and names them`() throws {
        guard case .ambiguous(_, let candidates) = try #require(problem("2026111")) else {
            Issue.record("not ambiguous")
            return
        }
        #expect(candidates.count == 3)
        #expect(candidates.contains("run 20261119T020000Z-000005"))
    }

    @Test func `digits that begin a run's id and a snapshot's are ambiguous`() throws {
        var contents = contents
        contents.foreign("2026-11-01T00:00:00Z")
        contents.snapshots[contents.snapshots.count - 1].id = SnapshotID(
            rawValue: "20261118" + String(repeating: "0", count: 56))
        guard case .ambiguous(_, let candidates) = try #require(problem("20261118", in: contents.restorePoints()))
        else {
            Issue.record("not ambiguous")
            return
        }
        #expect(candidates == ["run 20261118T020000Z-000003", "snapshot 20261118"])
    }

    @Test func `a time before the first run and one in the future are refused`() throws {
        #expect(try #require(problem("2026-11-16")).description.contains("the first is 20261117T020000Z-000000"))
        #expect(problem("2026-11-21") == .future("2026-11-21"))
    }

    @Test func `incomplete and void snapshots are refused by name`() throws {
        var contents = contents
        let left = contents.run("2026-11-20T03:00:00Z", [.init("db")], commits: false)
        let void = contents.run("2026-11-20T04:00:00Z", [.init("db"), .init("web")], void: [0])
        let points = contents.restorePoints()
        #expect(problem(left[0].short, in: points) == .incomplete(left[0]))
        #expect(problem(void[0].short, in: points) == .void(void[0]))
    }

    @Test func `what another tool left, or another host, is a point of its own`() throws {
        var contents = contents
        let foreign = contents.foreign("2026-11-01T00:00:00Z")
        let neighbour = contents.run("2026-11-01T05:00:00Z", [.init("db", "/db.sql")], host: "attic")
        let points = contents.restorePoints()
        let alone = try resolve(foreign.short, in: points)
        #expect(alone.entries.map(\.part.snapshot) == [foreign])
        #expect(alone.entries[0].part.source.rawValue == "snapshot-\(foreign.short)")
        #expect(alone.entries[0].notice == "of another program; nothing more is known of it")
        let other = try resolve(neighbour[0].short, in: points)
        #expect(other.host == "attic")
        #expect(other.entries.map(\.part.part.rawValue) == ["/db.sql"])
        #expect(try #require(other.entries[0].notice).hasPrefix("of profile home on host attic"))
    }

    @Test(arguments: ["latest", "2026-11-18"]) func `nothing backed up, nothing found`(_ text: String) {
        #expect(
            problem(text, in: RepositoryContents().restorePoints())
                == RestorePointError.none(profile: RepositoryContents.profile, host: "vault"))
    }

    @Test func `days are those of the zone`() throws {
        // Midnight in Berlin is 23:00 UTC.
        let time = try #require(TimeInWords("2026-11-20", now: Self.now, timeZone: Self.berlin))
        #expect(time.start == Candidates.date("2026-11-19T23:00:00Z"))
        #expect(time.end == Candidates.date("2026-11-20T23:00:00Z"))
        let long = try #require(TimeInWords("2026-10-25", now: Self.now, timeZone: Self.berlin))
        #expect(long.end.timeIntervalSince(long.start) == 25 * 3600)
    }
}

@Suite("One profile on two machines")
struct SharedProfileTests {
    private func warning(_ makers: [String], machine: String? = "m1") -> String? {
        var contents = RepositoryContents()
        for (day, maker) in makers.enumerated() {
            contents.run("2026-11-1\(day)T02:00:00Z", [.init("db")], machine: maker)
        }
        return SharedProfile.warning(
            snapshots: contents.snapshots, profile: RepositoryContents.profile, host: RepositoryContents.host,
            machine: machine)
    }

    @Test func `one machine is fine, and so is one that took over from another`() {
        #expect(warning(["m1", "m1"]) == nil)
        #expect(warning(["m2", "m2", "m1", "m1"]) == nil)
        #expect(warning([]) == nil)
        #expect(warning(["m2", "m1", "m2"], machine: nil) == nil)
    }

    @Test func `two that take turns are not`() throws {
        #expect(
            try #require(warning(["m1", "m2"])).contains(
                "two machines run profile home as host vault: this one and machine m2"))
        #expect(warning(["m2", "m1", "m2"]) != nil)
    }

    @Test func `a machine that never ran it is told of the one that did`() throws {
        #expect(try #require(warning(["m2"])).contains("come from machine m2"))
    }
}
