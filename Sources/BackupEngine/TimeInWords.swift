import BackupModel
import Foundation

/// A time as an operator types it, with the whole of the day, minute or second that the text names: a backup of 03:00:12
/// is found by `2026-11-20 03:00` and by `2026-11-20`.
struct TimeInWords: Equatable {
    var start: Date
    /// The first instant that is later.
    var end: Date

    private init(start: Date, length: TimeInterval) {
        self.start = start
        end = start.addingTimeInterval(length)
    }

    /// `nil` unless `text` is `today`, `yesterday`, `2h ago` (s, min, h, d, w), a date, a date with a time, or RFC 3339.
    ///
    /// - Parameter timeZone: for days, and for times without an offset.
    init?(_ text: String, now: Date, timeZone: TimeZone) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        let words = text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        if words == "today" || words == "yesterday" {
            let day = calendar.startOfDay(for: now)
            let start = words == "today" ? day : calendar.date(byAdding: .day, value: -1, to: day)
            guard let start else { return nil }
            self.init(dayFrom: start, calendar)
        } else if let ago = Self.ago(words) {
            // What was captured at that very instant belongs to it.
            self.init(start: now.addingTimeInterval(-ago), length: 0.001)
        } else if let instant = Timestamp.parse(text) {
            self.init(start: instant, length: text.contains(".") ? 0.001 : 1)
        } else {
            self.init(digits: words, calendar)
        }
    }

    private init(dayFrom start: Date, _ calendar: Calendar) {
        let next = calendar.date(byAdding: .day, value: 1, to: start) ?? start.addingTimeInterval(86_400)
        self.init(start: start, length: next.timeIntervalSince(start))
    }

    private static func ago(_ words: String) -> TimeInterval? {
        guard let match = words.wholeMatch(of: /([0-9]{1,6}) ?([a-z]+) ago/), let count = Double(match.1) else {
            return nil
        }
        let unit: TimeInterval? =
            switch match.2 {
            case "s", "second", "seconds": 1
            case "min", "minute", "minutes": 60
            case "h", "hour", "hours": 3600
            case "d", "day", "days": 86_400
            case "w", "week", "weeks": 604_800
            default: nil
            }
        return unit.map { $0 * count }
    }

    /// `2026-11-20`, `2026-11-20 03:00`, `2026-11-20 03:00:12`, also with a `T` between.
    private init?(digits words: String, _ calendar: Calendar) {
        let pattern = /([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[ t]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?/
        guard let match = words.wholeMatch(of: pattern), let year = Int(match.1), let month = Int(match.2),
            let day = Int(match.3)
        else { return nil }
        let hour = match.4.flatMap { Int($0) }
        let minute = match.5.flatMap { Int($0) }
        let second = match.6.flatMap { Int($0) }
        guard (hour ?? 0) < 24, (minute ?? 0) < 60, (second ?? 0) < 60 else { return nil }
        let fields = DateComponents(
            year: year, month: month, day: day, hour: hour ?? 0, minute: minute ?? 0, second: second ?? 0)
        // A 31st of February would silently become another day.
        guard let start = calendar.date(from: fields), calendar.component(.month, from: start) == month else {
            return nil
        }
        if hour == nil {
            self.init(dayFrom: start, calendar)
        } else {
            self.init(start: start, length: second == nil ? 60 : 1)
        }
    }
}
