/// What to keep. Counts are numbers of periods that have a snapshot, newest first, as in restic; `nil` is no rule.
/// A policy without any rule keeps everything.
package struct RetentionPolicy: Codable, Sendable, Equatable {
    package var last: Int?
    package var hourly: Int?
    package var daily: Int?
    package var weekly: Int?
    package var monthly: Int?
    package var quarterly: Int?
    package var yearly: Int?
    /// Everything newer than this much before the newest snapshot.
    package var within: CalendarSpan?
    /// Never fewer than this many good ones in a group, whatever the rules say.
    package var minimum: Int
    /// The share of a group, from 0 to 1, that one pass may remove; counts from five removals up.
    package var maximumRemoval: Double

    package init(
        last: Int? = nil, hourly: Int? = nil, daily: Int? = nil, weekly: Int? = nil, monthly: Int? = nil,
        quarterly: Int? = nil, yearly: Int? = nil, within: CalendarSpan? = nil, minimum: Int = 1,
        maximumRemoval: Double = 0.5
    ) {
        self.last = last
        self.hourly = hourly
        self.daily = daily
        self.weekly = weekly
        self.monthly = monthly
        self.quarterly = quarterly
        self.yearly = yearly
        self.within = within
        self.minimum = minimum
        self.maximumRemoval = maximumRemoval
    }

    package var hasRules: Bool {
        last != nil || hourly != nil || daily != nil || weekly != nil || monthly != nil || quarterly != nil
            || yearly != nil || within != nil
    }

    /// `last 3, daily 7, weekly 4`
    package var words: String {
        var words: [String] = []
        for (name, count) in [
            ("last", last), ("hourly", hourly), ("daily", daily), ("weekly", weekly), ("monthly", monthly),
            ("quarterly", quarterly), ("yearly", yearly),
        ] {
            if let count { words.append("\(name) \(count)") }
        }
        if let within { words.append("within \(within)") }
        return words.isEmpty ? "everything" : words.joined(separator: ", ")
    }
}

/// A span on the calendar, as restic writes it: `1y5m7d2h`.
package struct CalendarSpan: Codable, Sendable, Equatable, CustomStringConvertible {
    package var years: Int
    package var months: Int
    package var days: Int
    package var hours: Int

    package init(years: Int = 0, months: Int = 0, days: Int = 0, hours: Int = 0) {
        self.years = years
        self.months = months
        self.days = days
        self.hours = hours
    }

    /// `nil` unless `text` is digits each followed by one of `y`, `m`, `d`, `h`, at least one pair.
    package init?(_ text: String) {
        self.init()
        var number: Int?
        guard !text.isEmpty else { return nil }
        for character in text {
            if let digit = character.wholeNumberValue, character.isASCII {
                let (product, overflow) = (number ?? 0).multipliedReportingOverflow(by: 10)
                guard !overflow, product < 1_000_000 else { return nil }
                number = product + digit
            } else {
                guard let value = number else { return nil }
                switch character {
                case "y": years += value
                case "m": months += value
                case "d": days += value
                case "h": hours += value
                default: return nil
                }
                number = nil
            }
        }
        guard number == nil else { return nil }
    }

    package var description: String {
        var text = ""
        for (value, unit) in [(years, "y"), (months, "m"), (days, "d"), (hours, "h")] where value != 0 {
            text += "\(value)\(unit)"
        }
        return text.isEmpty ? "0h" : text
    }
}
