import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Retention")
struct RetentionTests {
    static let now = Candidates.date("2026-11-20T12:00:00Z")

    private func plan(
        _ candidates: [RetentionCandidate], _ policy: RetentionPolicy, now: Date = now,
        safety: RetentionSafety = RetentionSafety()
    ) -> RetentionPlan {
        var policy = policy
        policy.maximumRemoval = 1
        return Retention.plan(candidates: candidates, policy: policy, now: now, safety: safety)
    }

    @Test(
        arguments: [
            (RetentionPolicy(last: 3), [0, 1, 2]),
            (RetentionPolicy(daily: 3), [0, 1, 2]),
            // 2026-11-20 is a Friday; weeks begin on Monday.
            (RetentionPolicy(weekly: 3), [0, 5, 12]),
            (RetentionPolicy(monthly: 3), [0, 20, 51]),
            (RetentionPolicy(quarterly: 2), [0, 51]),
            (RetentionPolicy(yearly: 1), [0]),
            (RetentionPolicy(within: CalendarSpan(days: 2)), [0, 1]),
            (RetentionPolicy(within: CalendarSpan(days: 2, hours: 1)), [0, 1, 2]),
            (RetentionPolicy(last: 1, daily: 2, weekly: 2), [0, 1, 5]),
        ] as [(RetentionPolicy, [Int])])
    func `each rule keeps the newest of each of its periods`(_ policy: RetentionPolicy, _ kept: [Int]) {
        #expect(plan(Candidates.daily(100), policy).kept == kept)
    }

    @Test func `a rule with counts left keeps the oldest as well and says so`() {
        let plan = plan(Candidates.daily(10), RetentionPolicy(yearly: 3))
        #expect(plan.kept == [0, 9])
        #expect(plan.reasons(of: 9) == ["yearly 2 of 3 (the oldest)"])
    }

    @Test func `a rule whose counts are used up does not keep the oldest`() {
        #expect(plan(Candidates.daily(10), RetentionPolicy(yearly: 1)).kept == [0])
    }

    @Test func `every decision has its reasons, one per rule that keeps it`() {
        let plan = plan(Candidates.daily(4), RetentionPolicy(last: 2, daily: 3))
        #expect(plan.reasons(of: 0) == ["last 1 of 2", "daily 1 of 3"])
        #expect(plan.reasons(of: 1) == ["last 2 of 2", "daily 2 of 3"])
        #expect(plan.reasons(of: 2) == ["daily 3 of 3"])
        #expect(plan.reasons(of: 3) == ["no rule keeps it"])
        #expect(plan.removals == [Candidates.id(3)])
    }

    @Test(arguments: [
        RetentionPolicy(), RetentionPolicy(daily: 0, minimum: 0), RetentionPolicy(within: CalendarSpan()),
    ])
    func `a policy without a rule keeps everything`(_ policy: RetentionPolicy) {
        #expect(plan(Candidates.daily(30), policy).removals.isEmpty)
    }

    @Test func `a count below zero is without end`() {
        #expect(plan(Candidates.daily(30), RetentionPolicy(daily: -1)).kept.count == 30)
    }

    @Test func `no candidates, no groups`() {
        #expect(plan([], RetentionPolicy(last: 1)).groups.isEmpty)
    }

    @Test func `the hour that daylight saving repeats is one hour on the clock`() {
        let list = Candidates.at([
            "2026-11-01T01:30:00-05:00", "2026-11-01T01:30:00-04:00", "2026-11-01T00:30:00-04:00",
            "2026-10-31T23:30:00-04:00",
        ])
        #expect(plan(list, RetentionPolicy(hourly: 2)).kept == [0, 2])
    }

    @Test func `a day is a day where the snapshot was taken`() {
        let list = Candidates.at(["2026-11-20T00:30:00+09:00", "2026-11-19T23:30:00+09:00"])
        #expect(plan(list, RetentionPolicy(daily: 2)).reasons(of: 1) == ["daily 2 of 2"])
        #expect(plan(list.map { with($0) { $0.utcOffset = 0 } }, RetentionPolicy(daily: 1)).kept == [0])
    }

    @Test func `the last days of December belong to the first week of the next year`() {
        // 2024-12-30 is the Monday of week 1 of 2025; 2021-01-03 the Sunday of week 53 of 2020.
        let list = Candidates.at(["2025-01-01T02:00:00Z", "2024-12-30T02:00:00Z", "2024-12-29T02:00:00Z"])
        #expect(plan(list, RetentionPolicy(weekly: 1)).kept == [0])
        #expect(plan(list, RetentionPolicy(weekly: 2)).kept == [0, 2])
        let odd = Candidates.at([
            "2021-01-04T02:00:00Z", "2021-01-03T02:00:00Z", "2020-12-28T02:00:00Z", "2020-12-27T02:00:00Z",
        ])
        #expect(plan(odd, RetentionPolicy(weekly: 2)).kept == [0, 1])
    }

    @Test(
        arguments: [
            ("2026-03-31T12:00:00Z", CalendarSpan(months: 1), "2026-03-03T12:00:00Z"),
            ("2024-02-29T12:00:00Z", CalendarSpan(years: 1), "2023-03-01T12:00:00Z"),
            ("2026-01-15T01:00:00Z", CalendarSpan(months: 13, days: 20, hours: 2), "2024-11-24T23:00:00Z"),
            ("2026-01-01T00:30:00+02:00", CalendarSpan(months: 1), "2025-12-01T00:30:00+02:00"),
        ] as [(String, CalendarSpan, String)])
    func `a span runs back over the calendar and over its edges`(_ from: String, _ span: CalendarSpan, _ to: String)
        throws
    {
        let (date, offset) = try #require(Timestamp.parseWithOffset(from))
        #expect(span.before(date, utcOffset: offset) == Candidates.date(to))
    }

    @Test func `a span counts from the newest that does not lie in the future`() {
        let list = Candidates.at([
            "2026-11-20T12:03:00Z", "2026-11-20T11:00:00Z", "2026-11-20T10:30:00Z", "2026-11-20T09:59:00Z",
        ])
        let plan = plan(list, RetentionPolicy(within: CalendarSpan(hours: 1)))
        #expect(plan.groups[0].leftAlone == nil)
        #expect(plan.kept == [0, 1, 2])
    }

    @Test func `snapshots of the very same time are decided by id, whatever their order`() {
        let list = Candidates.at(Array(repeating: "2026-11-19T02:00:00Z", count: 4))
        #expect(plan(list, RetentionPolicy(last: 2)).kept == [0, 1])
        #expect(plan(list.reversed(), RetentionPolicy(last: 2)).kept == [0, 1])
    }

    @Test func `groups are decided each by itself, in order`() {
        var other = Candidates.group
        other.retentionClass = "before-deploy"
        let plan = plan(Candidates.daily(3) + Candidates.daily(2, group: other), RetentionPolicy(last: 1))
        #expect(plan.groups.map(\.group) == [other, Candidates.group])
        #expect(plan.groups.map { $0.removals.count } == [1, 2])
    }

    @Test func `a minimum keeps good ones that no rule keeps`() {
        let plan = plan(Candidates.daily(10), RetentionPolicy(daily: 2, minimum: 4))
        #expect(plan.kept == [0, 1, 2, 3])
        #expect(plan.reasons(of: 3) == ["minimum of 4"])
    }

    @Test func `a minimum is not reached by snapshots that are not good`() {
        var list = Candidates.daily(6)
        list[1].condition = .partial
        list[2].condition = .damaged
        #expect(plan(list, RetentionPolicy(last: 1, minimum: 3)).kept == [0, 3, 4])
    }

    @Test func `what is not good never displaces a good one and stays as long as a good one would`() {
        var list = Candidates.daily(6)
        list[1].condition = .partial
        let plan = plan(list, RetentionPolicy(daily: 3))
        #expect(plan.kept == [0, 1, 2, 3])
        #expect(plan.reasons(of: 1) == ["daily 2 of 3, counted beside the good ones: partial"])
        #expect(plan.reasons(of: 3) == ["daily 3 of 3"])
    }

    @Test func `what was unreadable by tolerance counts as good`() {
        let list = Candidates.daily(4).map { with($0) { $0.condition = .tolerated } }
        let plan = plan(list, RetentionPolicy(last: 2))
        #expect(plan.kept == [0, 1])
        #expect(plan.groups[0].leftAlone == nil)
    }

    @Test func `what a follower lacks is held`() {
        let safety = RetentionSafety(held: [Candidates.id(5): "offsite lacks it"])
        let plan = plan(Candidates.daily(8), RetentionPolicy(last: 2), safety: safety)
        #expect(plan.kept == [0, 1, 5])
        #expect(plan.reasons(of: 5) == ["held: offsite lacks it"])
    }
}

/// A changed copy.
func with<Value>(_ value: Value, _ change: (inout Value) -> Void) -> Value {
    var value = value
    change(&value)
    return value
}
