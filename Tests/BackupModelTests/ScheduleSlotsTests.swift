import Foundation
import TestSupport
import Testing

@testable import BackupModel

@Suite struct ScheduleSlotsTests {
    static let newYork = TimeZone(identifier: "America/New_York") ?? .gmt

    private func slots(_ text: String, from: String, days: Int, _ zone: TimeZone = Self.newYork) throws -> [String] {
        let start = try #require(Timestamp.parse(from))
        return try Schedule(text).slots(after: start, through: start + Double(days) * 86_400, in: zone)
            .map { UTCTime($0).extended }
    }

    @Test func `a time that does not exist is done at the instant that the clock is set forward`() throws {
        #expect(
            try slots("daily 02:30", from: "2026-03-07T12:00:00Z", days: 2) == [
                "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z",
            ])
    }

    @Test func `a time that comes twice is done the first time`() throws {
        #expect(
            try slots("daily 01:30", from: "2026-10-31T12:00:00Z", days: 2) == [
                "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z",
            ])
    }

    @Test func `hourly means every hour that passes, and the skipped one once`() throws {
        #expect(
            try slots("hourly", from: "2026-11-01T04:30:00Z", days: 1).prefix(4) == [
                "2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z", "2026-11-01T08:00:00Z",
            ])
        #expect(
            try slots("*:30", from: "2026-03-08T06:00:00Z", days: 1).prefix(3) == [
                "2026-03-08T06:30:00Z", "2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z",
            ])
    }

    @Test func `a day that a place has left out loses no slot`() throws {
        // Samoa went from the 29th straight to the 31st of December 2011.
        let apia = try #require(TimeZone(identifier: "Pacific/Apia"))
        #expect(
            try slots("daily 02:00", from: "2011-12-29T00:00:00Z", days: 3, apia) == [
                "2011-12-29T12:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T12:00:00Z", "2011-12-31T12:00:00Z",
            ])
    }

    @Test func `a midnight that does not exist is found`() throws {
        let cairo = try #require(TimeZone(identifier: "Africa/Cairo"))
        let schedule = try Schedule("daily 00:00")
        let now = try #require(Timestamp.parse("2026-01-01T00:00:00Z"))
        let change = try #require(schedule.clockChanges(from: now, in: cairo).first)
        #expect(change.day == "2026-04-24" && change.words(in: cairo).contains("done at 01:00"), "\(change)")
    }

    @Test func `a schedule may be of another place`() throws {
        #expect(
            try slots("12:00 Europe/Berlin", from: "2026-07-01T00:00:00Z", days: 1) == ["2026-07-01T10:00:00Z"])
    }

    @Test func `what the clock does is told before`() throws {
        let now = try #require(Timestamp.parse("2026-01-01T00:00:00Z"))
        let changes = try Schedule("01:30,02:30").clockChanges(from: now, days: 365, in: Self.newYork)
        #expect(
            changes.map { $0.words(in: Self.newYork) } == [
                "02:30 does not exist on 2026-03-08 (America/New_York, the clock is set forward); done at 03:00 then, once",
                "01:30 comes twice on 2026-11-01 (America/New_York, the clock is set back); done the first time, once",
            ])
        #expect(try Schedule("hourly").clockChanges(from: now, in: Self.newYork).isEmpty)
        #expect(try Schedule("02:30").clockChanges(from: now, in: .gmt).isEmpty)
    }

    @Test func `the newest slot and the next one agree`() throws {
        var random = SeededGenerator(seed: 7)
        let start = try #require(Timestamp.parse("2026-01-01T00:00:00Z"))
        for _ in 0..<60 {
            let (schedule, zone) = RandomSchedules.draw(&random)
            let now = start + Double(Int.random(in: 0..<365 * 86_400, using: &random))
            guard let next = schedule.next(after: now, in: zone) else { continue }
            #expect(next > now)
            #expect(schedule.newest(atOrBefore: next, in: zone) == next, "\(schedule.words) \(zone.identifier)")
            #expect(schedule.newest(atOrBefore: next - 1, in: zone).map { $0 <= now } ?? true)
        }
    }

    /// Every minute of the days around a change, seen on the wall, against what the rules say.
    @Test func `slots are what a clock on the wall shows`() throws {
        var random = SeededGenerator(seed: 11)
        for text in ["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"] {
            let change = try #require(Timestamp.parse(text))
            for _ in 0..<12 {
                let (schedule, zone) = RandomSchedules.draw(&random)
                let (from, to) = (change - 2 * 86_400, change + 2 * 86_400)
                #expect(
                    schedule.slots(after: from, through: to, in: zone, limit: 10_000)
                        == RandomSchedules.seenOnTheWall(schedule, from, to, zone),
                    "\(schedule.words) \(zone.identifier) \(text)")
            }
        }
    }
}

/// Schedules by chance, and an oracle that looks at every minute.
enum RandomSchedules {
    static let zones = [
        "America/New_York", "Europe/Berlin", "UTC", "Australia/Lord_Howe", "Pacific/Chatham", "America/Santiago",
        "Africa/Cairo", "Asia/Kolkata",
    ].compactMap(TimeZone.init(identifier:))

    static func draw(_ random: inout SeededGenerator) -> (Schedule, TimeZone) {
        func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
        func time() -> String { "\(number(0..<24)):" + (number(0..<60) + 100).description.dropFirst() }
        let day = ["Mon", "Wed", "Sat", "Sun"][number(0..<4)]
        let text =
            switch number(0..<9) {
            case 0: "hourly"
            case 1: "daily \(time())"
            case 2: "\(time()),\(time())"
            case 3: "weekly \(day) \(time())"
            case 4: "monthly \(number(1..<29)) \(time())"
            case 5: "\(number(0..<60)) \(number(0..<24)) * * \(number(0..<7))"
            case 6: "*/30 1-3 * * *"
            case 7: "\(day),Fri *-*-* 0/\(number(2..<7)):30"
            default: "*-*~\(number(1..<4)) 02:15"
            }
        let rules = (try? ScheduleText(unsaid: .beginning).rules(text)) ?? []
        precondition(!rules.isEmpty, text)
        return (Schedule(texts: [text], rules: rules), zones[number(0..<zones.count)])
    }

    static func seenOnTheWall(_ schedule: Schedule, _ from: Date, _ to: Date, _ zone: TimeZone) -> [Date] {
        var found: Set<Date> = []
        for rule in schedule.rules {
            var seen: Set<Int> = []
            // Two days before, so that what is seen a second time is known.
            var instant = from - 2 * 86_400
            var previous = local(instant - 60, zone)
            while instant <= to {
                let now = local(instant, zone)
                // What the clock jumped over, and what it shows.
                for shown in (now > previous ? Array(stride(from: previous + 60, through: now, by: 60)) : [now]) {
                    let day = CivilDay(daysSinceEpoch: Int((Double(shown) / 86_400).rounded(.down)))
                    let minute = (shown - day.number * 86_400) / 60
                    guard rule.includes(day), rule.hours.contains(minute / 60), rule.minutes.contains(minute % 60)
                    else {
                        continue
                    }
                    if seen.insert(shown).inserted || rule.isHourly { found.insert(instant) }
                }
                previous = now
                instant += 60
            }
        }
        return found.filter { $0 > from && $0 <= to }.sorted()
    }

    private static func local(_ instant: Date, _ zone: TimeZone) -> Int {
        Int(instant.timeIntervalSince1970) + zone.secondsFromGMT(for: instant)
    }
}
