package import Foundation

/// Times of the calendar, to the minute: every combination of the years, months, days, hours and minutes that it names, as
/// a clock on the wall shows them.
package struct CalendarRule: Sendable, Hashable {
    package enum Days: Sendable, Hashable {
        /// 1 is the first.
        case ofMonth(NumberSet)
        /// 1 is the last.
        case fromEnd(NumberSet)
    }

    /// `nil`: all.
    package var years: Set<Int>?
    package var months = NumberSet(1...12)
    package var days = Days.ofMonth(NumberSet(1...31))
    /// 1 is Monday, 7 is Sunday. A day must fit both ``days`` and these.
    package var weekdays = NumberSet(1...7)
    package var hours = NumberSet(0...23)
    package var minutes = NumberSet(0...59)
    /// Where the wall is; `nil`: where the host is.
    package var zone: TimeZone?

    package init() {}

    /// - Parameter minutesOfDay: at the same minute of different hours.
    package init(hours: NumberSet, minutes: NumberSet) {
        self.hours = hours
        self.minutes = minutes
    }

    /// One that names no hour means every hour that passes, whatever the wall shows.
    package var isHourly: Bool { hours.count == 24 }

    func includes(_ day: CivilDay) -> Bool {
        guard weekdays.contains(day.weekday), months.contains(day.month), years?.contains(day.year) ?? true else {
            return false
        }
        return switch days {
        case .ofMonth(let days): days.contains(day.day)
        case .fromEnd(let days): days.contains(day.fromEnd)
        }
    }

    /// Ascending.
    var minutesOfDay: [Int] { hours.numbers.flatMap { hour in minutes.numbers.map { hour * 60 + $0 } } }

    /// Whether there ever is such a day: there is no 30th of February.
    package var everComes: Bool {
        let first = CivilDay(daysSinceEpoch: UTCTime.days(year: 2024, month: 1, day: 1))
        return (0..<CalendarRule.horizon).contains { includes(first.advanced(by: $0)) }
    }

    /// In days: a 29th of February that is a Monday comes every 28 years, or 40 around 2100.
    static let horizon = 40 * 366

    /// As systemd reads it: `Mon..Fri *-*-* 06,18:00:00`.
    /// - Source: systemd.time(7), "Calendar Events", systemd 252.
    package var onCalendar: String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let week = weekdays.text(all: 1...7) { ScheduleWords.weekdays[$0 - 1] }
        let year = years.map { $0.sorted().map(String.init).joined(separator: ",") } ?? "*"
        let day =
            switch days {
            case .ofMonth(let days): "-" + days.text(all: 1...31, name: two)
            case .fromEnd(let days): "~" + days.text(all: 1...31, name: two)
            }
        return (week == "*" ? "" : week + " ") + "\(year)-\(months.text(all: 1...12, name: two))\(day) "
            + "\(hours.text(all: 0...23, name: two)):\(minutes.text(all: 0...59, name: two)):00"
            + (zone.map { " " + $0.identifier } ?? "")
    }
}

/// A day of the Gregorian calendar, wherever.
struct CivilDay: Hashable {
    let number: Int
    let year: Int
    let month: Int
    let day: Int

    init(daysSinceEpoch number: Int) {
        self.number = number
        let date = UTCTime(Date(timeIntervalSince1970: Double(number) * 86_400))
        (year, month, day) = (date.year, date.month, date.day)
    }

    func advanced(by days: Int) -> CivilDay { CivilDay(daysSinceEpoch: number + days) }

    /// 1 is Monday. The first day of 1970 was a Thursday.
    var weekday: Int { ((number % 7) + 7 + 3) % 7 + 1 }

    /// 1 on the last day of the month.
    var fromEnd: Int {
        let next = UTCTime.days(year: month == 12 ? year + 1 : year, month: month == 12 ? 1 : month + 1, day: 1)
        return next - number
    }
}
