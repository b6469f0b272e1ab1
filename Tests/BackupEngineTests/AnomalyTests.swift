import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Backups that are unlike those before them")
struct AnomalyTests {
    private static let source = SourceName(unchecked: "db")
    private static let path = PartPath(rawValue: "/data")

    private func part(
        bytes: Int64, files: Int64? = nil, added: Int64? = nil, condition: PartCondition = .clean
    ) -> ManifestPart {
        var part = ManifestPart(
            source: AnomalyTests.source, sourceKind: "files", part: AnomalyTests.path,
            snapshot: SnapshotID(rawValue: "aa"), capturedAt: Bench.start, condition: condition,
            bytes: ByteCount(bytes), files: files, facts: Facts())
        part.addedBytes = added.map { ByteCount($0) }
        return part
    }

    private func usual(_ part: ManifestPart, _ count: Int = 6) -> [ManifestPart] {
        Array(repeating: part, count: count)
    }

    private static let mega: Int64 = 1024 * 1024

    @Test func `a source that is suddenly empty stands out at once`() {
        let before = [part(bytes: 100, files: 3)]
        let now = CaptureAnomaly.find(in: [part(bytes: 0, files: 0)], after: before)
        #expect(now.map(\.kind) == [.empty] && now[0].detail.contains("no files, where there were 3"))
        #expect(CaptureAnomaly.find(in: [part(bytes: 0)], after: [part(bytes: 100)]).map(\.kind) == [.empty])
        #expect(CaptureAnomaly.find(in: [part(bytes: 0, files: 0)], after: [part(bytes: 0, files: 0)]) == [])
    }

    @Test(arguments: [(40, true), (60, false), (290, false), (310, true)])
    func `far fewer or more bytes than usual stand out`(percent: Int64, isOdd: Bool) {
        let before = usual(part(bytes: 10 * AnomalyTests.mega, files: 5))
        let now = part(bytes: 10 * AnomalyTests.mega * percent / 100, files: 5)
        #expect(CaptureAnomaly.find(in: [now], after: before).map(\.kind) == (isOdd ? [.size] : []))
    }

    @Test func `too few to judge by are no measure, and small changes never count`() {
        let big = part(bytes: 10 * AnomalyTests.mega, files: 5)
        #expect(CaptureAnomaly.find(in: [part(bytes: 100, files: 5)], after: usual(big, 4)) == [])
        #expect(CaptureAnomaly.find(in: [part(bytes: 1000)], after: usual(part(bytes: 10))) == [])
    }

    @Test func `files of another content under their old names stand out by what is new of them`() {
        let before = usual(part(bytes: 100 * AnomalyTests.mega, files: 50, added: 2 * AnomalyTests.mega))
        let encrypted = part(bytes: 100 * AnomalyTests.mega, files: 50, added: 99 * AnomalyTests.mega)
        let found = CaptureAnomaly.find(in: [encrypted], after: before)
        #expect(found.map(\.kind) == [.change] && found[0].detail == "99 % of it is new, where 2 % is usual")
        let busy = part(bytes: 100 * AnomalyTests.mega, files: 50, added: 40 * AnomalyTests.mega)
        #expect(CaptureAnomaly.find(in: [busy], after: before) == [])
        // A dump that is always new is no news.
        let dump = part(bytes: 100 * AnomalyTests.mega, added: 90 * AnomalyTests.mega)
        #expect(CaptureAnomaly.find(in: [dump], after: usual(dump)) == [])
    }

    @Test func `what is not good is no measure, and is judged by nobody`() {
        let odd = part(bytes: 0, files: 0, condition: .partial)
        #expect(CaptureAnomaly.find(in: [odd], after: [part(bytes: 100, files: 3)]) == [])
        #expect(CaptureAnomaly.find(in: [part(bytes: 100, files: 3)], after: usual(odd)) == [])
    }

    @Test func `it is kept and named, and nothing older goes until it is acknowledged`() async throws {
        let bench = try Bench()
        let policy = RetentionPolicy(last: 2)
        let path = AnomalyTests.path
        func source(_ bytes: Int64) -> ScriptedSource {
            ScriptedSource("db") { _, store throws(SourceError) in
                var report = try await ScriptedSource.part("/data", store)
                report.stored.bytes = ByteCount(bytes)
                report.stored.files = bytes == 0 ? 0 : 5
                return [report]
            }
        }
        for _ in 0..<3 { await bench.backup([source(100)], retention: policy) }
        #expect(bench.manifests.count == 2)
        let odd = await bench.backup([source(0)], retention: policy)
        #expect(odd.outcome == .succeeded && odd.anomalies?.map(\.part) == [path])
        #expect(odd.says("holdfast ack db"))
        // It goes on like that: what it found stays open although nothing is odd about the later ones.
        await bench.backup([source(0)], retention: policy)
        #expect(bench.manifests.count == 4)
        let review = MatterReview(bench.engine([source(0)]))
        #expect(try review.matters().map(\.subject) == ["db"])
        #expect(throws: Failure.self) { try review.acknowledge(["uploads"], by: "me", note: nil) }
        #expect(try review.acknowledge(["db"], by: "me", note: nil).map(\.kind) == [.anomaly])
        #expect(try review.matters() == [])
        await bench.backup([source(0)], retention: policy)
        #expect(bench.manifests.count == 2)
    }

    @Test func `after an acknowledgement only what followed is a measure`() async throws {
        let bench = try Bench()
        func run(_ number: Int, _ anomalies: [Anomaly] = []) -> RunRecord {
            var run = RunRecord(
                id: RunID(startedAt: Bench.start.addingTimeInterval(Double(number)), entropy: UInt32(number)),
                profile: Bench.profile, operation: .backup, started: Bench.start.addingTimeInterval(Double(number)),
                process: bench.host.currentProcess(), user: "root", profileDigest: "")
            run.anomalies = anomalies
            return run
        }
        let odd = Anomaly(source: AnomalyTests.source, part: AnomalyTests.path, kind: .size, detail: "12 files")
        let runs = [run(4, [odd]), run(3), run(2, [odd]), run(1)]
        let open = OpenAnomalies(runs: runs, acknowledgements: [])
        #expect(open.entries.map(\.run) == [runs[2].id] && open.entries[0].since == runs[2].started)
        #expect(open.frozen[AnomalyTests.source]?.contains("12 files") == true)
        let said = Acknowledgement(
            subject: Acknowledgement.subject(of: AnomalyTests.source), from: runs[2].started, at: runs[1].started,
            by: "me", note: nil)
        let later = OpenAnomalies(runs: runs, acknowledgements: [said])
        #expect(later.entries.map(\.run) == [runs[0].id])
        #expect(later.newNormal == [AnomalyTests.source: runs[2].started])
    }
}
