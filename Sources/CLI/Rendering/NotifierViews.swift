import BackupEngine
import BackupModel
import Foundation
import Notifiers

/// Notifiers for people and as JSON.
enum NotifierViews {
    static func lines(_ entry: NotifierReview.Entry, _ live: Live) -> [String] {
        let spec = resolved(entry.spec, live)
        var line = entry.spec.name.rawValue
        if entry.spec.kind != line { line += " (\(entry.spec.kind))" }
        let events = words(spec.events)
        line += ": " + (events.isEmpty ? "nothing by itself" : events.joined(separator: ", "))
        if let operations = spec.operations {
            line += "; of " + operations.map(\.rawValue).sorted().joined(separator: ", ")
        }
        if let digest = spec.digest { line += "; a digest every \(digest.words)" }
        if spec.quietHours != nil { line += "; quiet \(spec.entry["quiet-hours"]?.text ?? "")" }
        if spec.manual { line += "; also of runs at a terminal" }
        let last = entry.standing.lastDelivered.map { ["  last delivered \(Format.time($0))"] } ?? []
        return [line] + last + standing(entry, named: false).map { "  " + $0 }
    }

    /// What `status` says: nothing of one with which all is well.
    static func standing(_ entry: NotifierReview.Entry, named: Bool = true) -> [String] {
        let name = named ? "notifier \(entry.spec.name) " : ""
        var lines: [String] = []
        if let (since, why) = entry.trouble {
            let count = entry.waiting.count - entry.held.count
            let waits = count == 0 ? "" : "; \(Words.count(count, "message")) still to be told"
            lines.append("\(name)has told nobody since \(Format.time(since))\(waits): \(why.description)")
            if let hint = why.hint { lines.append("  \(hint)") }
            if entry.standing.dropped > 0 {
                lines.append("  \(Words.count(entry.standing.dropped, "message")) grew too old and will never be told")
            }
        }
        if let next = entry.held.map(\.nextAttempt).min() {
            lines.append(
                "\(name)holds \(Words.count(entry.held.count, "message")) until \(Format.time(next)) (quiet hours)")
        }
        return lines
    }

    static func document(_ entry: NotifierReview.Entry, _ live: Live) -> JSONValue {
        let spec = resolved(entry.spec, live)
        return .object([
            ("name", .string(spec.name.rawValue)), ("kind", .string(spec.kind)),
            ("events", JSONValue(words(spec.events))),
            ("operations", spec.operations.map { JSONValue($0.map(\.rawValue).sorted()) } ?? .null),
            ("manual", JSONValue(spec.manual)), ("remindSeconds", JSONValue(spec.remind.map { Int($0.inSeconds) })),
            ("quietHours", JSONValue(spec.entry["quiet-hours"]?.text)),
            ("digest", JSONValue(spec.entry["digest"]?.text)),
            ("lastDelivered", JSONValue(entry.standing.lastDelivered)),
            ("failingSince", JSONValue(entry.trouble?.since)),
            ("failure", entry.trouble.map { RunViews.failure($0.why) } ?? .null),
            ("dropped", JSONValue(entry.standing.dropped)),
            (
                "waiting",
                .array(
                    entry.waiting.map { waiting in
                        .object([
                            ("subject", .string(waiting.message.subject)),
                            ("event", .string(waiting.message.event.rawValue)), ("since", JSONValue(waiting.since)),
                            ("nextAttempt", JSONValue(waiting.nextAttempt)), ("expires", JSONValue(waiting.expires)),
                            ("attempts", JSONValue(waiting.attempts)),
                        ])
                    })
            ),
        ])
    }

    static func trial(_ trial: Notifying.Trial) -> JSONValue {
        .object([
            ("notifier", .string(trial.notifier.rawValue)), ("kind", .string(trial.kind)),
            ("delivered", JSONValue(trial.failure == nil)), ("failure", trial.failure.map(RunViews.failure) ?? .null),
        ])
    }

    /// With what its kind means by leaving something out.
    private static func resolved(_ spec: NotifierSpec, _ live: Live) -> NotifierSpec {
        do { return try NotifierRegistry.make(spec, live.services).resolvedSpec } catch { return spec }
    }

    private static func words(_ events: Set<NotificationEvent>?) -> [String] {
        NotificationEvent.allCases.filter { events?.contains($0) ?? false }.map(\.rawValue)
    }
}
