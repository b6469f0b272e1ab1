import Foundation

/// Calendar events as systemd writes them, to the minute: `[weekday] [date] [time] [time zone]`.
/// - Source: systemd.time(7), "Calendar Events", systemd 252.
enum OnCalendarText {
    static func rules(_ tokens: [String]) throws(ScheduleSyntaxError) -> [CalendarRule] {
        var rest = tokens[...]
        var base = CalendarRule()
        if rest.count > 1, let last = rest.last, last.first?.isLetter == true, !last.contains(":") {
            guard let zone = zone(last) else {
                throw ScheduleSyntaxError("`\(last)` is no time zone, such as `Europe/Berlin`")
            }
            base.zone = zone
            rest.removeLast()
        }
        if let first = rest.first, first.first?.isLetter == true {
            let word = first.split(whereSeparator: { ",.-".contains($0) }).first.map(String.init) ?? first
            guard ScheduleWords.weekday(word) != nil else { throw ScheduleText.unknown(first) }
            base.weekdays = try ScheduleText.weekdays(first)
            rest.removeFirst()
        }
        var hasDate = false
        if let first = rest.first, !first.contains(":"), first.contains("-") || first.contains("~") {
            try date(first, &base)
            hasDate = true
            rest.removeFirst()
        }
        guard let time = rest.first else {
            guard hasDate || base.weekdays.count < 7 else { throw ScheduleText.unknown(tokens.joined(separator: " ")) }
            (base.hours, base.minutes) = (NumberSet([0]), NumberSet([0]))
            return [base]
        }
        rest.removeFirst()
        guard time.contains(":"), rest.isEmpty else {
            throw ScheduleText.unknown(rest.first ?? time)
        }
        if let times = try ScheduleText.times(time) { return ScheduleText.rules(at: times, base) }
        let parts = time.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count) else { throw ScheduleSyntaxError("`\(time)` is no time, such as `04:00`") }
        if parts.count == 3, ScheduleWords.number(parts[2]) != 0 {
            throw ScheduleSyntaxError("`\(time)`: schedules go to the minute, not to the second")
        }
        base.hours = NumberSet(try ScheduleWords.choices(parts[0], "hour", 0...23, dashes: [".."]))
        base.minutes = NumberSet(try ScheduleWords.choices(parts[1], "minute", 0...59, dashes: [".."]))
        return [base]
    }

    /// `2026-*-01`, `*-12-24`, `02~01` (the last day of February)
    private static func date(_ text: String, _ rule: inout CalendarRule) throws(ScheduleSyntaxError) {
        let halves = text.split(separator: "~", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var parts = halves[0].split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        var day: String?
        if halves.count == 1 { day = parts.popLast() }
        guard (1...2).contains(parts.count) else {
            throw ScheduleSyntaxError("`\(text)` is no date, such as `*-*-01`, `2026-12-24` or `*-02~01`")
        }
        if parts.count == 2, parts[0] != "*" {
            rule.years = Set(try ScheduleWords.choices(parts[0], "year", 1970...2199, dashes: [".."]))
        }
        rule.months = NumberSet(
            try ScheduleWords.choices(parts[parts.count - 1], "month", 1...12, dashes: [".."]))
        if let day {
            rule.days = .ofMonth(NumberSet(try ScheduleWords.choices(day, "day of a month", 1...31, dashes: [".."])))
        } else {
            rule.days = .fromEnd(NumberSet(try daysFromEnd(halves[1])))
        }
    }

    /// A step goes on towards the end of the month: `~07/1` is its last seven days.
    private static func daysFromEnd(_ text: String) throws(ScheduleSyntaxError) -> [Int] {
        var found: [Int] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = item.split(separator: "/", maxSplits: 1)
            if halves.count == 2, let first = ScheduleWords.number(halves[0]),
                let step = ScheduleWords.number(halves[1]),
                (1...31).contains(first), step > 0
            {
                found += stride(from: first, through: 1, by: -step)
            } else {
                found += try ScheduleWords.choices(String(item), "day from the end of a month", 1...31, dashes: [".."])
            }
        }
        return found
    }

    private static func zone(_ name: String) -> TimeZone? {
        guard name.utf8.allSatisfy({ $0 > 32 && $0 < 127 }), name == "UTC" || name.contains("/") else { return nil }
        return TimeZone(identifier: name)
    }
}
