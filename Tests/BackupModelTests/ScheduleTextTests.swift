import BackupModel
import Foundation
import Testing

@Suite struct ScheduleTextTests {
    private func events(_ text: String, _ unsaid: UnsaidTime = .beginning) throws -> [String] {
        try ScheduleText(unsaid: unsaid).rules(text).map(\.onCalendar)
    }

    @Test(arguments: [
        ("daily 02:00", ["*-*-* 02:00:00"]),
        ("DAILY 2:00", ["*-*-* 02:00:00"]),
        ("06:00,18:00", ["*-*-* 06,18:00:00"]),
        ("06:00, 18:00", ["*-*-* 06,18:00:00"]),
        ("06:00 , 18:30", ["*-*-* 06:00:00", "*-*-* 18:30:00"]),
        ("daily 06:00,18:00", ["*-*-* 06,18:00:00"]),
        ("hourly", ["*-*-* *:00:00"]),
        ("daily", ["*-*-* 00:00:00"]),
        ("weekly", ["Mon *-*-* 00:00:00"]),
        ("weekly Sun 04:00", ["Sun *-*-* 04:00:00"]),
        ("weekly sunday", ["Sun *-*-* 00:00:00"]),
        ("weekly Sat,Sun 04:00", ["Sat,Sun *-*-* 04:00:00"]),
        ("weekly 04:00", ["Mon *-*-* 04:00:00"]),
        ("monthly", ["*-*-01 00:00:00"]),
        ("monthly 15 03:30", ["*-*-15 03:30:00"]),
        ("monthly last 03:30", ["*-*~01 03:30:00"]),
        ("quarterly", ["*-01,04,07,10-01 00:00:00"]),
        ("yearly", ["*-01-01 00:00:00"]),
        ("yearly 03-31 04:00", ["*-03-31 04:00:00"]),
    ])
    func `the small form is read`(text: String, expected: [String]) throws {
        #expect(try events(text) == expected)
    }

    @Test(arguments: [
        ("0 3 * * *", ["*-*-* 03:00:00"]),
        (
            "*/15 0-4,20 1 jan-mar mon",
            ["*-01..03-01 00..04,20:00,15,30,45:00", "Mon *-01..03-* 00..04,20:00,15,30,45:00"]
        ),
        ("0 3 * * 0", ["Sun *-*-* 03:00:00"]),
        ("0 3 * * 7", ["Sun *-*-* 03:00:00"]),
        ("0 3 * * sun-tue", ["Mon,Tue,Sun *-*-* 03:00:00"]),
        ("0 3 */2 * 1", ["Mon *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 03:00:00"]),
        ("@daily", ["*-*-* 00:00:00"]),
        ("@weekly", ["Sun *-*-* 00:00:00"]),
    ])
    func `five fields are read as cron reads them`(text: String, expected: [String]) throws {
        #expect(try events(text) == expected)
    }

    @Test(arguments: [
        ("dayly 02:00", "is no schedule", "daily"), ("", "is empty", nil), ("daily 25:00", "no time of a day", nil),
        ("daily at 2", "too much", nil), ("daily Mon 02:00", "is no time", nil),
        ("weekly Sunn 02:00", "no day of the week", "Sun"),
        ("hourly 02:00", "takes no time", nil), ("monthly 32", "1 to 31", nil),
        ("yearly 31-03", "no day of a year", nil),
        ("yearly 02-30", "never comes", nil), ("0 3 30 2 *", "never comes", nil), ("61 3 * * *", "0 to 59", nil),
        ("0 3 * *", "is no schedule", nil), ("0 3 * * * *", "is no schedule", nil), ("@reboot", "is no time", nil),
        ("@dayly", "none of cron's words", "@daily"), ("*-*-* 02:00:30", "not to the second", nil),
        ("*-*-* 5..3:00", "ends before it begins", nil), ("Sat..Mon 02:00", "ends before it begins", nil),
        ("12:00 Mars/Olympus", "no time zone", nil), ("0 3 * * */0", "step", nil), ("*-13-01 00:00", "1 to 12", nil),
        ("02:00\n03:00", "line break", nil), ("2020-01-01 02:00", "never comes", nil),
    ])
    func `what is no schedule is refused with the reason`(text: String, reason: String, near: String?) {
        do throws(ScheduleSyntaxError) {
            let rules = try ScheduleText(unsaid: .beginning).rules(text)
            Issue.record("\(text) was read as \(rules.map(\.onCalendar))")
        } catch {
            #expect(error.message.contains(reason), "\(text): \(error.message)")
            #expect(error.suggestion == near, "\(text)")
        }
    }

    @Test func `a time that is not said is the same for one host and profile, and spread over many`() throws {
        var times: Set<String> = []
        var days: Set<String> = []
        for number in 0..<200 {
            let seed = ProfileSchedules.seed(
                host: "host\(number)", profile: ProfileName(unchecked: "app"), of: "backup")
            let daily = try events("daily", .spread(seed: seed))
            #expect(try events("daily", .spread(seed: seed)) == daily)
            times.formUnion(daily)
            days.formUnion(try events("weekly", .spread(seed: seed)).map { String($0.prefix(3)) })
            let minute = SpreadTime(seed: seed).minuteOfDay
            #expect((4 * 60..<6 * 60).contains(minute))
        }
        #expect(times.count > 80 && days.count == 7, "\(times.count) times, \(days.count) days")
        #expect(try events("daily 02:00", .spread(seed: "x")) == ["*-*-* 02:00:00"])
    }

    @Test func `several texts make one schedule`() throws {
        let schedule = try Schedule(["Mon..Fri 12:00", "daily 02:00"], unsaid: .beginning)
        let saturday = try #require(Timestamp.parse("2026-11-21T01:00:00Z"))
        let slots = schedule.slots(after: saturday, through: saturday + 3 * 86_400, in: .gmt)
        #expect(
            slots.map { LocalTime($0, .gmt).text } == [
                "2026-11-21 02:00", "2026-11-22 02:00", "2026-11-23 02:00", "2026-11-23 12:00",
            ])
    }
}
