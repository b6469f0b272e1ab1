import BackupModel
import Foundation

/// Values that the tests of the history share.
enum Samples {
    static let profile = ProfileName(unchecked: "timetiles")
    static let start = Date(timeIntervalSince1970: 1_795_228_200.123_456)

    static func run(
        _ number: Int, profile: ProfileName = Samples.profile, operation: RunRecord.Operation = .backup,
        outcome: Outcome? = nil
    ) -> RunRecord {
        let started = start.addingTimeInterval(Double(number) * 60)
        var run = RunRecord(
            id: RunID(startedAt: started, entropy: UInt32(number)), profile: profile, operation: operation,
            started: started, process: ProcessIdentity(pid: 77, startTime: .max - 5, bootID: "boot"), user: "root",
            profileDigest: "abc")
        if let outcome {
            run.outcome = outcome
            run.finished = started.addingTimeInterval(30.5)
            run.duration = .seconds(30) + .milliseconds(123)
        }
        return run
    }

    /// A run with something in every field that nests.
    static func fullRun(_ number: Int) -> RunRecord {
        var run = run(number, outcome: .partial)
        var step = StepRecord(step: .capture, subject: "db", started: run.started)
        step.duration = .milliseconds(1500)
        step.usage = ["pg_dump": ResourceUsage(wall: .seconds(2), peakMemory: 99, bytesWritten: 12)]
        step.toolOutput = ["pg_dump": "line one\nline two / \u{1F600}"]
        run.steps = [step]
        run.parts = [part("aa")]
        run.gaps = [ManifestGap(source: SourceName(unchecked: "other"), cause: "it is missing")]
        run.void = [SnapshotID(rawValue: "dead")]
        run.failures = [Failure("it failed", hint: "look", kind: .destinationFull)]
        run.tools = ["restic": "0.18.0"]
        return run
    }

    static func part(_ snapshot: String) -> ManifestPart {
        var facts = Facts()
        facts.rows = ["public.users": 12]
        facts.rowCounting = .exact
        return ManifestPart(
            source: SourceName(unchecked: "db"), sourceKind: "postgres", part: PartPath(rawValue: "/postgres/db.sql"),
            snapshot: SnapshotID(rawValue: snapshot), capturedAt: start, condition: .clean, bytes: 123, files: nil,
            facts: facts)
    }

    static func snapshot(_ number: Int) -> Snapshot {
        let digits = String(number, radix: 16)
        return Snapshot(
            id: SnapshotID(rawValue: String(repeating: "0", count: 64 - digits.count) + digits),
            time: start.addingTimeInterval(Double(number)), utcOffset: 3600, host: "web", user: "root",
            paths: ["/srv/data"], tags: ["holdfast", "profile:timetiles", "run:20261121T023000Z-7f3a9c", "kind:part"])
    }

    static func manifest(_ number: Int) -> Manifest {
        Manifest(
            run: run(number).id, profile: profile, host: "web", machine: nil, started: start,
            finished: start.addingTimeInterval(9), reason: "deploy", retentionClass: "regular", parts: [part("bb")],
            gaps: [], void: [], tools: [:], policy: "daily 7", notices: ["seen"])
    }

    static func pin(_ id: String) -> RepositoryPin {
        RepositoryPin(
            location: "/backups/\(id)",
            identity: RepositoryIdentity(id: id, formatVersion: 2, keyIDs: ["k1", "k2"], configDigest: nil),
            pinnedAt: start)
    }

    static func entry(_ id: String, order: Int, run number: Int = 1) -> JournalEntry {
        JournalEntry(
            id: id, run: run(number).id, profile: profile, order: order,
            process: ProcessIdentity(pid: 1, startTime: 2, bootID: "b"), action: .removeFolder("/scratch/\(id)"))
    }
}
