import BackupEngine
import BackupModel
import Foundation

/// What somebody has to see to, for people and for machines.
enum MatterViews {
    /// `OVERDUE for 3 hours: backup …`, and what to type.
    static func lines(_ matter: Matter, _ now: Date) -> [String] {
        let age = Age.words(.seconds(max(0, now.timeIntervalSince(matter.since))))
        return ["\(matter.kind.rawValue.uppercased()) for \(age): \(matter.text)", "  see: \(matter.next)"]
    }

    static func document(_ matter: Matter) -> JSONValue {
        .object([
            ("kind", .string(matter.kind.rawValue)), ("subject", JSONValue(matter.subject)),
            ("text", .string(matter.text)), ("since", JSONValue(matter.since)), ("next", .string(matter.next)),
        ])
    }

    static func document(_ standing: Standing, _ now: Date) -> JSONValue {
        .object([
            ("what", .string(standing.subject.title)), ("lastRun", JSONValue(standing.lastRun?.rawValue)),
            ("lastOutcome", JSONValue(standing.lastOutcome?.rawValue)),
            ("lastSuccess", JSONValue(standing.lastSuccess)),
            ("ageSeconds", JSONValue(standing.age(at: now).map { Int($0.inSeconds) })),
            ("objectiveSeconds", JSONValue(standing.objective.map { Int($0.inSeconds) })),
            ("overdueSince", JSONValue(standing.overdueSince(at: now))),
            ("skippedSince", JSONValue(standing.skippedSince)), ("trend", trend(standing.trend)),
        ])
    }

    private static func trend(_ trend: Standing.Trend?) -> JSONValue {
        guard let trend else { return .null }
        return .object([
            ("durationSeconds", JSONValue(trend.duration)), ("bytes", JSONValue(trend.bytes)),
            ("usualDurationSeconds", JSONValue(trend.usualDuration)),
            ("usualBytes", JSONValue(trend.usualBytes)),
        ])
    }
}
