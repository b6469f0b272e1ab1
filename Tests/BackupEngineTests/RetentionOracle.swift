import BackupModel
import Foundation

/// What the rules keep, told the slow way: by Foundation's calendar and by written-out names of periods, rule by rule,
/// as runs of equal names of which the first of each is kept.
enum RetentionOracle {
    /// - Returns: the ids that are kept, all being good and nothing being wrong.
    static func kept(_ candidates: [RetentionCandidate], _ policy: RetentionPolicy, now: Date) -> Set<SnapshotID> {
        let list = candidates.sorted { $0.time == $1.time ? $0.id < $1.id : $0.time > $1.time }
        let rules: [(Int?, (RetentionCandidate) -> String)] = [
            (policy.last, { $0.id.rawValue }),
            (policy.hourly, { name($0, [.year, .month, .day, .hour]) }),
            (policy.daily, { name($0, [.year, .month, .day]) }),
            (policy.weekly, { name($0, [.yearForWeekOfYear, .weekOfYear]) }),
            (policy.monthly, { name($0, [.year, .month]) }),
            (policy.quarterly, { quarter($0) }),
            (policy.yearly, { name($0, [.year]) }),
        ]
        let within = policy.within.flatMap { $0 == CalendarSpan() ? nil : $0 }
        guard within != nil || rules.contains(where: { ($0.0 ?? 0) > 0 }) else { return Set(list.map(\.id)) }
        var kept: Set<SnapshotID> = []
        for (count, period) in rules {
            guard let count, count > 0 else { continue }
            var heads: [RetentionCandidate] = []
            for (index, candidate) in list.enumerated()
            where index == 0 || period(list[index - 1]) != period(candidate) {
                heads.append(candidate)
            }
            kept.formUnion(heads.prefix(count).map(\.id))
            if heads.count < count, let oldest = list.last { kept.insert(oldest.id) }
        }
        if let within, let newest = list.first(where: { $0.time < now }) {
            let calendar = calendar(newest)
            var parts = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute, .second, .nanosecond], from: newest.time)
            parts.year? -= within.years
            parts.month? -= within.months
            parts.day? -= within.days
            let limit = (calendar.date(from: parts) ?? newest.time) - Double(within.hours) * 3600
            kept.formUnion(list.filter { $0.time > limit }.map(\.id))
        }
        return kept
    }

    private static func calendar(_ candidate: RetentionCandidate) -> Calendar {
        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = TimeZone(secondsFromGMT: candidate.utcOffset) ?? .gmt
        return calendar
    }

    private static func name(_ candidate: RetentionCandidate, _ units: [Calendar.Component]) -> String {
        let calendar = calendar(candidate)
        return units.map { String(calendar.component($0, from: candidate.time)) }.joined(separator: "-")
    }

    private static func quarter(_ candidate: RetentionCandidate) -> String {
        let calendar = calendar(candidate)
        let names = ["", "Q1", "Q1", "Q1", "Q2", "Q2", "Q2", "Q3", "Q3", "Q3", "Q4", "Q4", "Q4"]
        return "\(calendar.component(.year, from: candidate.time)) "
            + names[calendar.component(.month, from: candidate.time)]
    }
}
