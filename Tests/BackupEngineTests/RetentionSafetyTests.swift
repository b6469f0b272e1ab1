import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("What makes retention leave a group alone")
struct RetentionSafetyTests {
    static let now = Candidates.date("2026-11-20T12:00:00Z")
    /// Removes two of ten daily snapshots, which is no danger.
    static let gentle = RetentionPolicy(last: 8)

    private func plan(
        _ candidates: [RetentionCandidate], _ policy: RetentionPolicy = gentle, now: Date = now,
        safety: RetentionSafety = RetentionSafety()
    ) -> RetentionPlan {
        Retention.plan(candidates: candidates, policy: policy, now: now, safety: safety)
    }

    private func sized(_ bytes: [Int64], files: [Int64]? = nil) -> [RetentionCandidate] {
        Candidates.daily(bytes.count).enumerated().map { index, candidate in
            with(candidate) {
                $0.bytes = ByteCount(bytes[index])
                $0.files = files?[index]
            }
        }
    }

    @Test func `nothing wrong, nothing said`() {
        let plan = plan(Candidates.daily(10))
        #expect(plan.groups[0].leftAlone == nil)
        #expect(plan.removals == [Candidates.id(8), Candidates.id(9)])
    }

    @Test(arguments: [PartCondition.partial, .damaged])
    func `the newest is not good`(_ condition: PartCondition) throws {
        var list = Candidates.daily(10)
        list[0].condition = condition
        let plan = plan(list)
        #expect(plan.removals.isEmpty)
        #expect(plan.groups[0].leftAlone == "its newest snapshot, 00000000, is \(condition.rawValue)")
        #expect(plan.reasons(of: 9) == ["the group is left alone"])
    }

    @Test func `a snapshot lies more than five minutes in the future`() throws {
        var list = Candidates.daily(10)
        list[0].time = Self.now + 301
        let refused = plan(list)
        #expect(refused.removals.isEmpty)
        #expect(try #require(refused.groups[0].leftAlone).contains("snapshot 00000000 lies in the future"))
        list[0].time = Self.now + 299
        #expect(plan(list).removals.count == 2)
    }

    @Test func `one group with a snapshot in the future does not stop another`() {
        var other = Candidates.group
        other.host = "attic"
        var list = Candidates.daily(10, group: other)
        list[0].time = Self.now + 86_400
        let plan = plan(list + Candidates.daily(10))
        #expect(plan.groups.map { $0.leftAlone != nil } == [true, false])
        #expect(plan.groups.map { $0.removals.count } == [0, 2])
    }

    @Test func `more than half would go, from five removals up`() throws {
        let refused = plan(Candidates.daily(9), RetentionPolicy(last: 4))
        #expect(refused.removals.isEmpty)
        #expect(
            try #require(refused.groups[0].leftAlone).contains("5 of 9 snapshots would go, which is more than 50 %"))
        #expect(try #require(refused.groups[0].leftAlone).contains("--allow-removal 5"))
        #expect(plan(Candidates.daily(10), RetentionPolicy(last: 5)).removals.count == 5)
        #expect(plan(Candidates.daily(5), RetentionPolicy(last: 1)).removals.count == 4)
    }

    @Test func `the operator may allow so many removals, and no more`() {
        let list = Candidates.daily(20)
        let policy = RetentionPolicy(last: 2)
        #expect(plan(list, policy, safety: RetentionSafety(allowedRemovals: 17)).removals.isEmpty)
        #expect(plan(list, policy, safety: RetentionSafety(allowedRemovals: 18)).removals.count == 18)
    }

    @Test func `what is held does not count as a removal`() {
        let held = Dictionary(uniqueKeysWithValues: (2..<20).map { (Candidates.id($0), "offsite lacks it") })
        #expect(
            plan(Candidates.daily(20), RetentionPolicy(last: 2), safety: RetentionSafety(held: held)).groups[0]
                .leftAlone == nil)
    }

    @Test(
        arguments: [
            (49, true), (50, false), (100, false), (300, false), (301, true),
        ] as [(Int64, Bool)])
    func `the newest is far smaller or bigger than usual`(_ newest: Int64, _ isRefused: Bool) throws {
        let mebibyte: Int64 = 1 << 20
        let plan = plan(sized([newest * mebibyte] + Array(repeating: 100 * mebibyte, count: 9)))
        #expect((plan.groups[0].leftAlone != nil) == isRefused)
        #expect(plan.removals.count == (isRefused ? 0 : 2))
        if isRefused {
            #expect(try #require(plan.groups[0].leftAlone).hasSuffix("far from the usual 100.0 MiB"))
        }
    }

    @Test(arguments: [(400, true), (500, false), (3001, true)] as [(Int64, Bool)])
    func `the newest has far fewer or more files than usual`(_ newest: Int64, _ isRefused: Bool) {
        let files = [newest] + Array(repeating: Int64(1000), count: 9)
        let plan = plan(sized(Array(repeating: 5000, count: 10), files: files))
        #expect((plan.groups[0].leftAlone?.hasSuffix("files, far from the usual 1000") ?? false) == isRefused)
    }

    @Test func `small things may change as they like`() {
        let plan = plan(
            sized([1_000_000] + Array(repeating: 10, count: 9), files: [20] + Array(repeating: 1, count: 9)))
        #expect(plan.groups[0].leftAlone == nil)
    }

    @Test func `five earlier ones are needed to tell what is usual, and only good ones tell`() {
        let big: Int64 = 100 << 20
        #expect(plan(sized([0] + Array(repeating: big, count: 4))).groups[0].leftAlone == nil)
        #expect(plan(sized([0] + Array(repeating: big, count: 5))).groups[0].leftAlone != nil)
        var list = sized([0] + Array(repeating: big, count: 5))
        list[3].condition = .partial
        #expect(plan(list).groups[0].leftAlone == nil)
    }

    @Test func `a change is the new normal once most of the last ten look like it`() {
        let big: Int64 = 100 << 20
        func leftAlone(afterRunsOfNewSize count: Int) -> Bool {
            let sizes = Array(repeating: Int64(1 << 20), count: count) + Array(repeating: big, count: 12)
            return plan(sized(sizes), RetentionPolicy(last: 30)).groups[0].leftAlone != nil
        }
        #expect((1...8).map(leftAlone(afterRunsOfNewSize:)) == [true, true, true, true, true, true, false, false])
    }

    @Test(
        arguments: [
            (RetentionHalt.repositoryChanged, "repository accept-id"),
            (.implausibleClock(now: now, knownPast: now + 60, evidence: "the newest run on record"), "set the clock"),
            (.unreadManifests(1), "a manifest has not been read"),
        ] as [(RetentionHalt, String)])
    func `a halt leaves every group alone`(_ halt: RetentionHalt, _ words: String) throws {
        let plan = plan(Candidates.daily(10), safety: RetentionSafety(halts: [halt], allowedRemovals: 100))
        #expect(plan.removals.isEmpty)
        #expect(try #require(plan.groups[0].leftAlone).contains(words))
    }

    @Test func `a clock behind the newest run or behind this program is implausible`() {
        let now = Self.now
        #expect(RetentionHalt.clock(now: now, newestRun: now - 60, released: now - 3600) == nil)
        #expect(RetentionHalt.clock(now: now, newestRun: now + 299, released: nil) == nil)
        #expect(RetentionHalt.clock(now: now, newestRun: now + 301, released: nil) != nil)
        #expect(RetentionHalt.clock(now: now, newestRun: nil, released: now + 1) != nil)
        #expect(RetentionHalt.clock(now: now, newestRun: nil, released: nil) == nil)
    }

    @Test func `a danger is said even when nothing was to go`() {
        var list = Candidates.daily(3)
        list[0].condition = .damaged
        #expect(plan(list, RetentionPolicy(last: 10)).groups[0].leftAlone != nil)
    }
}
