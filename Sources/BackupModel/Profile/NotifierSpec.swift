package import Foundation

/// One way of telling somebody, as the profile says it.
package struct NotifierSpec: Sendable {
    /// As the profile names it, or its kind, numbered from the second of a kind on.
    package var name: NotifierName
    /// `command`, `email` …
    package var kind: String
    package var entry: ConfigValue
    /// `nil`: what its kind is usually told of.
    package var events: Set<NotificationEvent>?
    /// `nil`: what its kind is usually told of.
    package var operations: Set<RunRecord.Operation>?
    /// Also told of runs that somebody watches at a terminal.
    package var manual: Bool
    /// How long something lasts before it is told again; `nil` is never.
    package var remind: Duration?
    /// When only what is urgent is told; the rest waits.
    package var quietHours: QuietHours?
    /// What does not wait; `nil`: as `NotificationUrgency` has it.
    package var urgent: Set<NotificationEvent>?
    /// When all runs are summed up in one message.
    package var digest: DigestRule?
    /// Whether the digest has the runs of all profiles of this state folder.
    package var digestsAllProfiles = false

    package static let usualReminder = Duration.seconds(86_400)

    package init(
        name: NotifierName, kind: String, entry: ConfigValue, events: Set<NotificationEvent>? = nil,
        manual: Bool = false, remind: Duration? = NotifierSpec.usualReminder
    ) {
        self.name = name
        self.kind = kind
        self.entry = entry
        self.events = events
        self.manual = manual
        self.remind = remind
    }

    package var settings: ConfigValue { entry[kind] ?? entry }
}

/// Hours of every day, such as `22:00-07:00`; they may go past midnight.
package struct QuietHours: Sendable, Equatable {
    /// Minutes after midnight.
    package var start: Int
    /// The first minute that is no longer quiet.
    package var end: Int

    /// `nil` for anything but two different times of day with a `-` between.
    package init?(_ text: String) {
        let times = text.split(separator: "-", omittingEmptySubsequences: false)
        guard times.count == 2, let start = TimeOfDay.minutes(times[0]), let end = TimeOfDay.minutes(times[1]),
            start != end
        else { return nil }
        (self.start, self.end) = (start, end)
    }

    /// When they are over.
    /// - Returns: `nil` when they are not now.
    package func end(at date: Date, in timeZone: TimeZone) -> Date? {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        let parts = calendar.dateComponents([.hour, .minute], from: date)
        let now = (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
        let isQuiet = start < end ? (start..<end).contains(now) : now >= start || now < end
        guard isQuiet else { return nil }
        return calendar.nextDate(
            after: date, matching: DateComponents(hour: end / 60, minute: end % 60, second: 0),
            matchingPolicy: .nextTime)
    }
}

/// When a digest is due: `daily 08:00`, `weekly mon 08:00`.
package struct DigestRule: Sendable, Equatable {
    /// As `Calendar` counts: Sunday is 1; `nil` for every day.
    package var weekday: Int?
    /// Minutes after midnight.
    package var time: Int

    private static let weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    /// `daily [time]`, `weekly [day] [time]`; 08:00 and Monday where they are left out.
    package init?(_ text: String) {
        var words = text.lowercased().split(separator: " ")
        guard let first = words.first, ["daily", "weekly"].contains(first) else { return nil }
        words.removeFirst()
        if first == "weekly" {
            weekday = 2
            if let day = words.first, let index = DigestRule.weekdays.firstIndex(where: { day.hasPrefix($0) }) {
                weekday = index + 1
                words.removeFirst()
            }
        }
        time = 8 * 60
        if let word = words.first {
            guard let minutes = TimeOfDay.minutes(word), words.count == 1 else { return nil }
            time = minutes
        }
    }

    package var period: Duration { .seconds(weekday == nil ? 86_400 : 7 * 86_400) }
    package var words: String { weekday == nil ? "day" : "week" }

    /// The newest moment at which one was due.
    package func latest(at date: Date, in timeZone: TimeZone) -> Date {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        var wanted = DateComponents(hour: time / 60, minute: time % 60, second: 0)
        wanted.weekday = weekday
        // A search backwards finds what lies before its start.
        return calendar.nextDate(
            after: date.addingTimeInterval(1), matching: wanted, matchingPolicy: .nextTime, direction: .backward)
            ?? date
    }
}

private enum TimeOfDay {
    /// `07:00` as minutes after midnight.
    static func minutes(_ text: some StringProtocol) -> Int? {
        let parts = text.trimmingCharacters(in: .whitespaces).split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ (1...2).contains($0.count) && $0.allSatisfy(\.isASCII) }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), (0..<24).contains(hour), (0..<60).contains(minute)
        else { return nil }
        return hour * 60 + minute
    }
}
