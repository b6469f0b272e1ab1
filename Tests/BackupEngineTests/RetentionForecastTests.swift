import BackupEngine
import BackupModel
import Foundation
import TestSupport
import Testing

@Suite struct RetentionForecastTests {
    private let now = Candidates.date("2026-11-20T12:00:00Z")

    private func lifetime(
        _ ids: [Int], _ candidates: [RetentionCandidate], _ policy: RetentionPolicy, grows: Bool = true
    ) -> RetentionForecast.Lifetime {
        RetentionForecast.lifetime(
            of: Set(ids.map(Candidates.id)), among: candidates, policy: policy, now: now, grows: { _ in grows })
    }

    private func days(_ lifetime: RetentionForecast.Lifetime) -> Int? {
        guard case .until(let date, _) = lifetime else { return nil }
        return Int((date.timeIntervalSince(Candidates.date("2026-11-20T02:00:00Z")) / 86_400).rounded())
    }

    @Test func `a daily backup under daily 14 goes when fourteen newer ones are there`() {
        let lifetime = lifetime([0, 1, 2], Candidates.daily(3), RetentionPolicy(daily: 14))
        #expect(lifetime == .until(Candidates.date("2026-12-04T02:00:00Z"), rule: "daily 14"))
    }

    @Test func `the rhythm of late decides how long the last so many stay`() {
        let newest = Candidates.date("2026-11-20T11:00:00Z")
        let hourly = (0..<6).map {
            RetentionCandidate(
                id: Candidates.id($0), group: Candidates.group, time: newest.addingTimeInterval(-3600 * Double($0)))
        }
        #expect(
            lifetime([0], hourly, RetentionPolicy(last: 24))
                == .until(newest.addingTimeInterval(24 * 3600), rule: "last 24"))
    }

    @Test func `the rule that keeps the last of them longest is named`() {
        let lifetime = lifetime(Array(0..<40), Candidates.daily(40), RetentionPolicy(daily: 7, monthly: 6, yearly: 2))
        guard case .until(let date, let rule) = lifetime else { return #expect(Bool(false), "\(lifetime)") }
        #expect(rule.contains("monthly 6") || rule.contains("yearly 2"))
        #expect(date > now.addingTimeInterval(100 * 86_400))
    }

    @Test func `seven years of yearly ones are seen to their end`() {
        let found = days(lifetime([0], Candidates.daily(1), RetentionPolicy(daily: 2, yearly: 7)))
        #expect(found.map { $0 > 5 * 365 && $0 < 7 * 365 } == true, "\(String(describing: found))")
    }

    @Test func `nothing goes without rules, nor where nothing newer comes`() {
        guard case .unlimited = lifetime([0], Candidates.daily(3), RetentionPolicy()) else {
            return #expect(Bool(false))
        }
        guard case .unlimited(let why) = lifetime([0], Candidates.daily(3), RetentionPolicy(daily: 2), grows: false)
        else {
            return #expect(Bool(false))
        }
        #expect(why.contains("nothing newer"))
    }
}
