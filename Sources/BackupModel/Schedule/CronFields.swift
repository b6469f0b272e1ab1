/// The five fields of a crontab: minute, hour, day of the month, month, day of the week.
/// - Source: crontab(5), Debian's cron 3.0pl1.
enum CronFields {
    private static let macros = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]

    static func macro(_ text: String) throws(ScheduleSyntaxError) -> [CalendarRule] {
        guard let fields = macros[text.lowercased()] else {
            throw ScheduleSyntaxError(
                text.lowercased() == "@reboot"
                    ? "`@reboot` is no time; a slot that was missed is caught up after a start by itself"
                    : "`\(text)` is none of cron's words: \(macros.keys.sorted().joined(separator: ", "))",
                suggestion: Nearest.match(text.lowercased(), in: Array(macros.keys)))
        }
        return try rules(fields.split(separator: " ").map(String.init))
    }

    /// - Parameter fields: five.
    static func rules(_ fields: [String]) throws(ScheduleSyntaxError) -> [CalendarRule] {
        var rule = CalendarRule()
        rule.minutes = NumberSet(try ScheduleWords.choices(fields[0], "minute", 0...59, dashes: ["-"]))
        rule.hours = NumberSet(try ScheduleWords.choices(fields[1], "hour", 0...23, dashes: ["-"]))
        let days = NumberSet(try ScheduleWords.choices(fields[2], "day of a month", 1...31, dashes: ["-"]))
        rule.months = NumberSet(
            try ScheduleWords.choices(fields[3], "month", 1...12, dashes: ["-"]) { text in
                ScheduleWords.number(text) ?? ScheduleWords.months.firstIndex(of: text.lowercased()).map { $0 + 1 }
            })
        // 0 and 7 are Sunday; a name counts as cron counts it, so that `sun-tue` is a range.
        let week = try ScheduleWords.choices(fields[4], "day of the week", 0...7, dashes: ["-"]) { text in
            ScheduleWords.number(text) ?? ScheduleWords.weekday(text).map { $0 % 7 }
        }
        let weekdays = NumberSet(week.map { $0 == 0 ? 7 : $0 })
        // Where both are restricted, either will do.
        if !fields[2].hasPrefix("*"), !fields[4].hasPrefix("*") {
            var byWeek = rule
            byWeek.weekdays = weekdays
            rule.days = .ofMonth(days)
            return [rule, byWeek]
        }
        rule.days = .ofMonth(days)
        rule.weekdays = weekdays
        return [rule]
    }
}
