import BackupModel
import Foundation
import Scheduling
import TestSupport
import Testing

/// Our reading of calendar events beside systemd's own.
@Suite struct OnCalendarTests {
    /// - Returns: `2026-11-22T06:00:00Z` for each that systemd finds.
    private func systemd(_ event: String, from base: String, _ count: Int, zone: String) async throws -> [String] {
        let result = try await Bench.run(
            "systemd-analyze", "calendar", "--base-time=\(base)", "--iterations=\(count)", event,
            environment: ["TZ": zone])
        #expect(result.code == 0, "\(event): \(result.said)")
        // In UTC it does not say the time twice.
        let marks = zone == "UTC" ? ["Next elapse: ", "Iter. #"] : ["(in UTC): "]
        return result.said.split(separator: "\n").compactMap { line in
            guard let mark = marks.first(where: { line.contains($0) }), let place = line.firstRange(of: mark) else {
                return nil
            }
            let words = line[place.upperBound...].split(separator: " ").drop { $0.hasSuffix(":") }
            return words.count >= 3 ? "\(words[words.startIndex + 1])T\(words[words.startIndex + 2])Z" : nil
        }
    }

    @Test(arguments: [
        "*-*-* 06,18:00", "Mon..Fri,Sun 12:00", "2026..2028-1/3-1 3:15", "*:0/15", "Mon-Fri 9:00", "*-02~1..3 00:00",
        "Mon *-*~07/1", "Sat,Sun 8..10:30", "*-*-1,15 4:05", "12-24 18:00", "Thu", "*-*-01..07 02:00",
        "*-6..8/2-* 0/6:10/20",
        "2027-01-01", "03:00 Asia/Tokyo",
    ])
    func `calendar events mean what systemd means by them`(event: String) async throws {
        let ours = try Schedule(event)
        let base = try #require(Timestamp.parse("2026-11-21T19:00:00Z"))
        let slots = ours.slots(after: base, through: base + 800 * 86_400, in: .gmt, limit: 8)
        let theirs = try await systemd(event, from: "2026-11-21 19:00:00 UTC", slots.count, zone: "UTC")
        #expect(slots.map { UTCTime($0).extended } == theirs)
    }

    @Test(arguments: [
        "daily 02:00", "06:00,18:00", "weekly Sun 04:10", "monthly last 01:00", "quarterly 15 05:30", "0 3 1 * 1",
    ])
    func `what we write for systemd has our slots`(text: String) async throws {
        let ours = try Schedule(text)
        let base = try #require(Timestamp.parse("2026-11-21T19:00:00Z"))
        for rule in ours.rules {
            let one = Schedule(texts: [], rules: [rule])
            let slots = one.slots(after: base, through: base + 800 * 86_400, in: .gmt, limit: 4)
            let theirs = try await systemd(rule.onCalendar, from: "2026-11-21 19:00:00 UTC", slots.count, zone: "UTC")
            #expect(slots.map { UTCTime($0).extended } == theirs, "\(rule.onCalendar)")
        }
    }

    @Test func `the night that systemd leaves out has a tick of its own`() async throws {
        let zone = "America/New_York"
        let schedule = try Schedule("02:30")
        let base = try #require(Timestamp.parse("2026-03-07T17:00:00Z"))
        let slot = try #require(schedule.next(after: base, in: Bench.newYork))
        #expect(UTCTime(slot).extended == "2026-03-08T07:00:00Z")
        let plain = try await systemd(schedule.rules[0].onCalendar, from: "2026-03-07 12:00:00", 1, zone: zone)
        #expect(plain == ["2026-03-09T06:30:00Z"], "systemd has begun to do this by itself")
        let ticks = schedule.gapTicks(from: base, in: Bench.newYork)
        #expect(ticks.map(\.onCalendar) == ["*-03-* 03:00:00"])
        #expect(
            try await systemd(ticks[0].onCalendar, from: "2026-03-07 12:00:00", 1, zone: zone) == [
                UTCTime(slot).extended
            ])
    }
}
