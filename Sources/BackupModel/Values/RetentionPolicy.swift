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
    /// Policies of classes of their own, by ``RetentionClass/name(for:)``; see ``policy(of:)``.
    package var classes: [String: RetentionPolicy] = [:]

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

    /// Whether there is anything that it would ever have removed.
    package var hasRules: Bool { hasOwnRules || classes.values.contains(where: \.hasOwnRules) }

    private var hasOwnRules: Bool {
        last != nil || hourly != nil || daily != nil || weekly != nil || monthly != nil || quarterly != nil
            || yearly != nil || within != nil
    }

    /// What is kept of a class: by its own policy, where it has one; else as of everything.
    ///
    /// What is taken before deploys comes in bursts, so that it has a policy even where the profile names none for it: unless
    /// the profile keeps everything anyway.
    package func policy(of retentionClass: String) -> RetentionPolicy {
        if let own = classes[retentionClass] { return own }
        var policy = self
        policy.classes = [:]
        guard hasOwnRules, retentionClass == RetentionClass.preDeploy else { return policy }
        return RetentionPolicy(
            last: 10, within: CalendarSpan(days: 14), minimum: minimum, maximumRemoval: maximumRemoval)
    }

    /// `last 3, daily 7, weekly 4; pre-deploy: last 10`
    package var words: String {
        var words: [String] = []
        for (name, count) in [
            ("last", last), ("hourly", hourly), ("daily", daily), ("weekly", weekly), ("monthly", monthly),
            ("quarterly", quarterly), ("yearly", yearly),
        ] {
            if let count { words.append("\(name) \(count)") }
        }
        if let within { words.append("within \(within)") }
        let own = words.isEmpty ? "everything" : words.joined(separator: ", ")
        return ([own] + classes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.words)" })
            .joined(separator: "; ")
    }
}

/// Why a restore point was taken, as far as retention cares: classes are weighed apart.
package enum RetentionClass {
    /// Before a deploy.
    package static let preDeploy = "pre-deploy"

    /// An operator's reason as the name of its class: small letters, digits and `-`, at most 40.
    package static func name(for reason: String) -> String {
        let word = reason.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        return String(word.prefix(40))
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
