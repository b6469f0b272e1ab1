import BackupModel
import Foundation

/// What the keep rules of a policy say of a list of times. Knows nothing of danger, conditions or groups.
///
/// - Source: restic 0.19.1, https://restic.readthedocs.io/en/stable/060_forget.html and its answers to
///   `forget --dry-run --json`. Compared over generated lists in the end-to-end tests: one snapshot per period and rule,
///   the newest of it; periods are counted, not calendar steps, so gaps cost nothing; a rule with counts left keeps the
///   oldest snapshot of all as well (0.18 and 0.19; 0.14 does not).
struct RetentionRules {
    /// A snapshot's instant with the offset from UTC that it was taken in: calendar rules count in that.
    struct Moment: Equatable {
        var time: Date
        var utcOffset: Int
    }

    private let rules: [Rule]
    private let within: CalendarSpan?

    /// A count of zero and an empty span are no rules, as in restic.
    init(_ policy: RetentionPolicy) {
        let counts: [(Period, Int?)] = [
            (.last, policy.last), (.hourly, policy.hourly), (.daily, policy.daily), (.weekly, policy.weekly),
            (.monthly, policy.monthly), (.quarterly, policy.quarterly), (.yearly, policy.yearly),
        ]
        rules = counts.compactMap { period, count in
            guard let count, count != 0 else { return nil }
            return Rule(period: period, limit: count < 0 ? nil : count)
        }
        within = policy.within.flatMap { $0 == CalendarSpan() ? nil : $0 }
    }

    var isEmpty: Bool { rules.isEmpty && within == nil }

    /// Why each moment is kept; an empty list for one that no rule keeps.
    ///
    /// - Parameter moments: newest first.
    func reasons(for moments: [Moment], now: Date) -> [[String]] {
        var open = rules
        let horizon = horizon(of: moments, now: now)
        return moments.indices.map { index in
            var reasons: [String] = []
            for rule in open.indices {
                let isOldest = index == moments.count - 1
                if let reason = open[rule].keep(moments[index], at: index, isOldest: isOldest) {
                    reasons.append(reason)
                }
            }
            if let within, let horizon, moments[index].time > horizon {
                reasons.append("within \(within) of the newest")
            }
            return reasons
        }
    }

    /// The instant after which `within` keeps everything: counted back from the newest that does not lie in the future, on
    /// the calendar of that one's offset. `.distantPast` when all lie in the future.
    private func horizon(of moments: [Moment], now: Date) -> Date? {
        guard let within else { return nil }
        guard let newest = moments.first(where: { $0.time < now }) else { return .distantPast }
        return within.before(newest.time, utcOffset: newest.utcOffset)
    }

    private struct Rule {
        var period: Period
        /// `nil` is without end.
        var limit: Int?
        var used = 0
        var lastKey: Int?

        init(period: Period, limit: Int?) {
            self.period = period
            self.limit = limit
        }

        mutating func keep(_ moment: Moment, at index: Int, isOldest: Bool) -> String? {
            if let limit, used >= limit { return nil }
            let key = period.key(of: moment, at: index)
            let isNewPeriod = key != lastKey
            guard isNewPeriod || isOldest else { return nil }
            lastKey = key
            used += 1
            return "\(period) \(used)" + (limit.map { " of \($0)" } ?? "") + (isNewPeriod ? "" : " (the oldest)")
        }
    }

    private enum Period: String, CustomStringConvertible {
        case last, hourly, daily, weekly, monthly, quarterly, yearly

        var description: String { rawValue }

        /// Equal for neighbours in the same period.
        func key(of moment: Moment, at index: Int) -> Int {
            let local = moment.time.addingTimeInterval(Double(moment.utcOffset))
            let calendar = UTCTime(local)
            let day = UTCTime.days(year: calendar.year, month: calendar.month, day: calendar.day)
            return switch self {
            case .last: index
            case .hourly: day * 24 + calendar.hour
            case .daily: day
            // Weeks begin on Monday; 1970-01-01 was a Thursday.
            case .weekly: Int((Double(day + 3) / 7).rounded(.down))
            case .monthly: calendar.year * 12 + calendar.month
            case .quarterly: calendar.year * 4 + (calendar.month - 1) / 3
            case .yearly: calendar.year
            }
        }
    }
}

extension CalendarSpan {
    /// The instant this much before `date`: years, months and days on the calendar of `utcOffset`, then hours.
    ///
    /// A day that the month does not have runs over into the next one: a month before 31 March is 31 February, which is
    /// 3 March.
    ///
    /// - Source: Go's `time.AddDate`, https://pkg.go.dev/time#Time.AddDate (Go 1.26), which restic uses.
    func before(_ date: Date, utcOffset: Int) -> Date {
        let local = date.addingTimeInterval(Double(utcOffset))
        let calendar = UTCTime(local)
        let today = UTCTime.days(year: calendar.year, month: calendar.month, day: calendar.day)
        let month = (calendar.year - years) * 12 + calendar.month - 1 - months
        let year = month >= 0 ? month / 12 : (month - 11) / 12
        let target = UTCTime.days(year: year, month: month - year * 12 + 1, day: 1) + calendar.day - 1 - days
        return date.addingTimeInterval(Double(target - today) * 86_400 - Double(hours) * 3600)
    }
}
