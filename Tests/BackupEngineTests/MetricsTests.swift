import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite struct Metrics {
    private let now = Candidates.date("2026-11-21T12:00:00Z")

    private func name(_ text: String) -> RepositoryName { RepositoryName(unchecked: text) }

    private func run(
        _ operation: RunRecord.Operation, _ started: String, _ outcome: Outcome,
        _ change: (inout RunRecord) -> Void = { _ in }
    ) -> RunRecord {
        let start = Candidates.date(started)
        var run = RunRecord(
            id: RunID(startedAt: start, entropy: 1), profile: Bench.profile, operation: operation, started: start,
            process: ProcessIdentity(pid: 1, startTime: 1, bootID: "b"), user: "root", profileDigest: "d1")
        run.outcome = outcome
        run.finished = start.addingTimeInterval(90)
        run.duration = .milliseconds(90_500)
        run.toolStarts = 4
        change(&run)
        return run
    }

    private func step(_ step: RunStep, _ subject: String?, seconds: Int64, added: Int64? = nil) -> StepRecord {
        var record = StepRecord(step: step, subject: subject, started: now)
        record.duration = .seconds(seconds)
        record.outcome = .succeeded
        record.addedBytes = added.map { ByteCount($0) }
        return record
    }

    private func part(_ source: String, _ condition: PartCondition = .clean, unreadable: Int = 0) -> ManifestPart {
        ManifestPart(
            source: SourceName(unchecked: source), sourceKind: "files", part: PartPath(rawValue: "/"),
            snapshot: SnapshotID(rawValue: source), capturedAt: now, condition: condition, bytes: 3000, files: 7,
            facts: Facts(), unreadableCount: unreadable)
    }

    private func profile(_ followers: [MemoryFollower] = [MemoryFollower("nas")]) throws -> Profile {
        var profile = try Bench(followers: followers).engine([ScriptedSource("db"), ScriptedSource("uploads")]).profile
        profile.objectives.backup = .seconds(26 * 3600)
        profile.objectives.verify = .seconds(8 * 86_400)
        return profile
    }

    private func facts(_ runs: [RunRecord], _ change: (inout ProfileMetrics.Facts) -> Void = { _ in }) throws
        -> ProfileMetrics.Facts
    {
        var facts = ProfileMetrics.Facts(profile: try profile(), runs: runs, now: now, version: "9.9")
        change(&facts)
        return facts
    }

    private func value(_ document: MetricsDocument, _ family: MetricFamily, _ labels: [String: String] = [:]) -> Double?
    {
        let found = document[family].filter { sample in
            labels.allSatisfy { label in sample.labels.contains { $0.name == label.key && $0.value == label.value } }
        }
        return found.count == 1 ? found[0].value : nil
    }

    @Test func `the text is the one that is documented`() throws {
        let runs = [
            run(.verify, "2026-11-21T04:00:00Z", .succeeded),
            run(.backup, "2026-11-21T02:00:00Z", .partial) { run in
                run.parts = [part("db"), part("uploads", .partial, unreadable: 2)]
                run.steps = [
                    step(.capture, "db", seconds: 5, added: 100), step(.capture, "uploads", seconds: 7, added: 11),
                    step(.feed, "nas", seconds: 30), step(.retention, nil, seconds: 2),
                ]
                run.feeds = [
                    FeedRecord(follower: name("nas"), outcome: .degraded, failure: Failure("away"), bytes: 55)
                ]
            },
            run(.backup, "2026-11-20T02:00:00Z", .succeeded) { run in
                run.parts = [part("db"), part("uploads")]
                run.feeds = [FeedRecord(follower: name("nas"), outcome: .succeeded)]
            },
        ]
        let text = ProfileMetrics(try facts(runs) { $0.size = (files: 12, bytes: 4096) }).document.text
        let lines = text.split(separator: "\n").map(String.init)
        #expect(lines.filter { !$0.hasPrefix("# HELP") }.joined(separator: "\n") == MetricsGolden.text)
        #expect(text.hasSuffix("# EOF\n") && !text.contains("\n\n"))
    }

    @Test func `labels and help are escaped, and no figure needs an exponent`() {
        #expect(MetricsDocument.escaped("a\\b\"c\nd", quotes: true) == "a\\\\b\\\"c\\nd")
        #expect(MetricsDocument.escaped("say \"x\"\\\n") == "say \"x\"\\\\\\n")
        var document = MetricsDocument()
        document.add(.build, 1, ("profile", "a\"b"), ("version", ""))
        document.add(.lastRun, .nan, ("profile", "x"))
        #expect(document.text.contains("holdfast_build_info{profile=\"a\\\"b\"} 1\n"))
        #expect(document[.lastRun].isEmpty)
        #expect(
            [0, 1_794_000_000.1234, 123_456_789_012_345, 0.5].map(MetricsDocument.figure) == [
                "0", "1794000000.123", "123456789012345", "0.5",
            ])
    }

    @Test func `every name ends in its unit, has no reserved ending, and is told of once for all profiles`() throws {
        for family in MetricFamily.allCases {
            #expect(family.name.wholeMatch(of: /holdfast_[a-z_]+/) != nil && !family.help.isEmpty)
            #expect(!["_total", "_count", "_sum", "_bucket", "_created"].contains { family.name.hasSuffix($0) })
        }
        var both = ProfileMetrics(try facts([])).document
        both.merge(ProfileMetrics(try facts([]) { $0.profile.name = ProfileName(unchecked: "other") }).document)
        let types = both.text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
        #expect(Set(types).count == types.count)
        #expect(both[.build].count == 2)
    }

    @Test func `without a good backup there is none, and it is due`() throws {
        let failed = run(.backup, "2026-11-21T02:00:00Z", .failed) {
            $0.gaps = [ManifestGap(source: SourceName(unchecked: "db"), cause: "away")]
            $0.parts = [part("uploads")]
        }
        let document = ProfileMetrics(try facts([failed])).document
        let backup = ["operation": "backup"]
        #expect(document[.lastSuccess].isEmpty)
        #expect(value(document, .lastRun, backup) == failed.started.timeIntervalSince1970)
        #expect(value(document, .outcome, ["operation": "backup", "outcome": "failed"]) == 1)
        #expect(value(document, .outcome, ["operation": "backup", "outcome": "succeeded"]) == 0)
        #expect(value(document, .overdue, backup) == 1 && value(document, .due, backup) != nil)
        #expect(value(document, .sourceCondition, ["source": "db", "condition": "missing"]) == 1)
        #expect(value(document, .sourceCondition, ["source": "uploads", "condition": "clean"]) == 1)
    }

    @Test func `what was never done and need not be has no series`() throws {
        let document = ProfileMetrics(try facts([])).document
        let operations = Set(document[.overdue].flatMap(\.labels).filter { $0.name == "operation" }.map(\.value))
        #expect(operations == ["backup", "verify"])
        #expect(document[.lastRun].isEmpty && document[.damaged].isEmpty)
    }

    @Test func `skipped runs leave the last success, and tell since when they are skipped`() throws {
        let runs = [
            run(.backup, "2026-11-21T03:00:00Z", .skipped), run(.backup, "2026-11-21T02:00:00Z", .skipped),
            run(.backup, "2026-11-20T02:00:00Z", .succeeded) { $0.parts = [part("db"), part("uploads")] },
        ]
        let document = ProfileMetrics(try facts(runs)).document
        #expect(value(document, .skippedSince) == runs[1].started.timeIntervalSince1970)
        #expect(value(document, .lastSuccess, ["operation": "backup"]) == runs[2].started.timeIntervalSince1970)
        #expect(value(document, .due, ["operation": "backup"]) == runs[2].started.timeIntervalSince1970 + 26 * 3600)
        #expect(value(document, .skipsObjective) == 604_800.0)
    }

    @Test func `damage is told until a test that is deep enough finds none`() throws {
        let damaged = run(.verify, "2026-11-20T04:00:00Z", .failed) {
            $0.reason = "all data"
            $0.failures = [Failure("bad", kind: .damaged)]
        }
        let shallow = run(.verify, "2026-11-21T04:00:00Z", .succeeded) { $0.reason = "structure" }
        let deep = run(.verify, "2026-11-21T05:00:00Z", .succeeded) { $0.reason = "scrub" }
        #expect(value(ProfileMetrics(try facts([shallow, damaged])).document, .damaged) == 1)
        #expect(value(ProfileMetrics(try facts([deep, shallow, damaged])).document, .damaged) == 0)
    }

    @Test func `restores are told of where there was one`() throws {
        let restore = run(.restore, "2026-11-21T05:00:00Z", .succeeded) {
            $0.steps = [step(.restore, "db", seconds: 1)]
        }
        let failed = run(.restore, "2026-11-21T06:00:00Z", .failed) { $0.repository = name("nas") }
        let document = ProfileMetrics(try facts([failed, restore])).document
        #expect(value(document, .lastSuccess, ["operation": "restore"]) == restore.started.timeIntervalSince1970)
        #expect(value(document, .outcome, ["operation": "restore", "repository": "nas", "outcome": "failed"]) == 1)
    }

    @Test func `a real run is told of with its restore points, and what a follower lacks`() async throws {
        let follower = MemoryFollower("nas")
        let bench = try Bench(followers: [follower])
        await bench.backup()
        follower.fail(with: .unreachable(location: "nas", detail: "away"))
        let second = await bench.backup()
        let document = MetricsReview(bench.engine(), version: "1").document(after: second)
        #expect(value(document, .historyReadable) == 1)
        #expect(value(document, .restorePoints, ["repository": "local"]) == 2)
        #expect(value(document, .restorePoints, ["repository": "nas"]) == 1)
        #expect(value(document, .behind, ["repository": "nas", "feed": "always"]) == 1)
        #expect(value(document, .outcome, ["operation": "offsite", "outcome": "succeeded"]) == 0)
        #expect(value(document, .outcome, ["operation": "backup", "outcome": "degraded"]) == 1)
        #expect(value(document, .lastSuccess, ["operation": "backup"]) == second.started.timeIntervalSince1970)
    }

    @Test func `a history that cannot be read leaves the run at hand, and says so`() async throws {
        let bench = try Bench()
        let run = await bench.backup()
        bench.store.fail(with: .full(path: "/state", reason: "no space"))
        let document = MetricsReview(bench.engine(), version: "1").document(after: run)
        #expect(value(document, .historyReadable) == 0)
        #expect(value(document, .outcome, ["operation": "backup", "outcome": "succeeded"]) == 1)
    }
}
