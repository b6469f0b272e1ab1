import Foundation

/// Reads schedules: the small form (`daily 02:00`, `06:00,18:00`, `weekly Sun 04:00`, `monthly 15`), five fields as cron has
/// them, and calendar events as systemd has them.
package struct ScheduleText: Sendable {
    package var unsaid: UnsaidTime

    package init(unsaid: UnsaidTime) { self.unsaid = unsaid }

    private static let words = ["hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "annually"]
    static let forms =
        "`daily 02:00`, `06:00,18:00`, `hourly`, `weekly Sun 04:00`, `monthly 15`, `quarterly`, `yearly`, five fields of cron "
        + "(`0 3 * * *`) or a calendar event of systemd (`Mon..Fri 12:00`)"

    /// - Throws: ``ScheduleSyntaxError``, also for what never comes.
    package func rules(_ text: String) throws(ScheduleSyntaxError) -> [CalendarRule] {
        guard text.utf8.count <= 200, !text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f })
        else {
            throw ScheduleSyntaxError("is no schedule: it has a line break in it, or is too long")
        }
        var joined = text.split(separator: ",", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: ",")
        joined = joined.trimmingCharacters(in: .whitespaces)
        let tokens = joined.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let first = tokens.first else { throw ScheduleSyntaxError("is empty; write \(ScheduleText.forms)") }
        let rules: [CalendarRule]
        if ScheduleText.words.contains(first.lowercased()) {
            rules = try common(first.lowercased(), Array(tokens.dropFirst()))
        } else if first.hasPrefix("@") {
            rules = try CronFields.macro(joined)
        } else if tokens.count == 5, !tokens.contains(where: { $0.contains(":") }) {
            rules = try CronFields.rules(tokens)
        } else if tokens.count == 1, let times = try ScheduleText.times(first) {
            rules = ScheduleText.rules(at: times)
        } else {
            rules = try OnCalendarText.rules(tokens)
        }
        guard rules.allSatisfy(\.everComes) else { throw ScheduleSyntaxError("`\(text)` never comes") }
        return rules
    }

    // MARK: The small form

    private func common(_ word: String, _ rest: [String]) throws(ScheduleSyntaxError) -> [CalendarRule] {
        var rest = rest
        var times: [Int]?
        if let last = rest.last, let said = try ScheduleText.times(last) {
            times = said
            rest.removeLast()
        }
        let day = rest.first
        guard rest.count <= 1 else {
            throw ScheduleSyntaxError(
                "`\(rest[1])` is too much: after `\(word)` come a day and a time, such as `04:00`")
        }
        var base = CalendarRule()
        switch word {
        case "hourly":
            guard day == nil, times == nil else {
                throw ScheduleSyntaxError("`hourly` takes no time; write `*:15` for a quarter past every hour")
            }
            base.minutes = NumberSet([spread?.minuteOfHour ?? 0])
            return [base]
        case "daily":
            if let day { throw ScheduleSyntaxError("`\(day)` is no time; write `daily 02:00`") }
        case "weekly":
            base.weekdays = try day.map(ScheduleText.weekdays) ?? NumberSet([spread?.weekday ?? 1])
        case "monthly":
            base.days = try days(day, after: word)
        case "quarterly":
            base.months = NumberSet([1, 4, 7, 10])
            base.days = try days(day, after: word)
        default:
            let parts = try day.map(ScheduleText.monthAndDay) ?? (spread?.month ?? 1, spread?.day ?? 1)
            base.months = NumberSet([parts.0])
            base.days = .ofMonth(NumberSet([parts.1]))
        }
        return ScheduleText.rules(at: times ?? [spread?.minuteOfDay ?? 0], base)
    }

    private var spread: SpreadTime? {
        if case .spread(let seed) = unsaid { SpreadTime(seed: seed) } else { nil }
    }

    private func days(_ text: String?, after word: String) throws(ScheduleSyntaxError) -> CalendarRule.Days {
        guard let text else { return .ofMonth(NumberSet([spread?.day ?? 1])) }
        if text.lowercased() == "last" { return .fromEnd(NumberSet([1])) }
        return .ofMonth(NumberSet(try ScheduleWords.choices(text, "day of a month", 1...31, dashes: [".."])))
    }

    static func weekdays(_ text: String) throws(ScheduleSyntaxError) -> NumberSet {
        // Only three letters count for systemd; a word that is near is more likely a slip.
        var days: [Int] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = item.contains("..") ? item.split(separator: ".") : item.split(separator: "-")
            let numbers = ends.compactMap(ScheduleWords.weekday)
            guard (1...2).contains(numbers.count), numbers.count == ends.count else {
                throw ScheduleSyntaxError(
                    "`\(item)` is no day of the week",
                    suggestion: Nearest.match(String(item), in: ScheduleWords.weekdays + ScheduleWords.longWeekdays))
            }
            guard numbers[0] <= numbers[numbers.count - 1] else {
                throw ScheduleSyntaxError("`\(item)` ends before it begins; a week begins on Monday")
            }
            days += numbers[0]...numbers[numbers.count - 1]
        }
        return NumberSet(days)
    }

    private static func monthAndDay(_ text: String) throws(ScheduleSyntaxError) -> (Int, Int) {
        let parts = text.split(separator: "-").map { ScheduleWords.number($0) }
        guard parts.count == 2, let month = parts[0], let day = parts[1], (1...12).contains(month),
            (1...31).contains(day)
        else { throw ScheduleSyntaxError("`\(text)` is no day of a year; write `yearly 03-31 04:00`") }
        return (month, day)
    }

    /// `06:00` or `06:00,18:30`, in minutes of the day.
    /// - Returns: `nil` for what is none.
    static func times(_ text: String) throws(ScheduleSyntaxError) -> [Int]? {
        var minutes: [Int] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = item.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let hour = ScheduleWords.number(parts[0]),
                let minute = ScheduleWords.number(parts[1]), parts[1].utf8.count == 2
            else { return nil }
            guard hour < 24, minute < 60 else {
                throw ScheduleSyntaxError("`\(item)` is no time of a day: 00:00 to 23:59")
            }
            minutes.append(hour * 60 + minute)
        }
        return minutes
    }

    /// One rule for each minute of the hour, with all hours that share it.
    static func rules(at minutes: [Int], _ base: CalendarRule = CalendarRule()) -> [CalendarRule] {
        Dictionary(grouping: minutes) { $0 % 60 }.sorted { $0.key < $1.key }.map { minute, times in
            var rule = base
            rule.minutes = NumberSet([minute])
            rule.hours = NumberSet(times.map { $0 / 60 })
            return rule
        }
    }

    /// For a word that is none of ours.
    static func unknown(_ word: String) -> ScheduleSyntaxError {
        ScheduleSyntaxError(
            "`\(word)` is no schedule; write \(forms)", suggestion: Nearest.match(word.lowercased(), in: words))
    }
}
