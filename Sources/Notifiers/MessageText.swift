import BackupModel
import Foundation

/// A message as people read it: what, since when, why, and what to type next. Plain text, without a service's markup.
enum MessageText {
    /// Everything below the subject.
    static func body(_ message: NotificationMessage) -> String {
        var lines: [String] = []
        if message.event == .test {
            lines.append("Sent by `holdfast notify test`: this way of telling works.")
        }
        lines.append("Host: \(message.host), profile: \(message.profile)")
        switch message.event {
        case .digest: break
        case .test: lines.append("Sent: \(minute(message.at))")
        case .overdue: lines += overdue(message)
        case .started, .failed, .partial, .anomaly, .recovered, .succeeded, .skipped:
            lines.append("When: \(minute(message.at))" + (message.run.map { ", run \($0)" } ?? ""))
        }
        if let since = message.failingSince {
            let word = message.event == .recovered ? "It was so since" : "Since"
            lines.append("\(word): \(minute(since))")
        }
        if !message.lines.isEmpty { lines += [""] + message.lines }
        if !message.failures.isEmpty {
            lines.append("")
            for failure in message.failures {
                lines.append("- \(failure.description)")
                if let hint = failure.hint { lines.append("  -> \(hint)") }
            }
            if message.furtherFailures > 0 { lines.append("- and \(message.furtherFailures) more") }
        }
        if let next = message.next { lines += ["", "Next: \(next)"] }
        return lines.joined(separator: "\n")
    }

    private static func overdue(_ message: NotificationMessage) -> [String] {
        message.overdue.flatMap { item in
            let last = item.lastSuccess.map { "last good \(minute($0))" } ?? "never good"
            let line = "- \(item.what): \(last), may be \(span(item.objective)) old"
            return [line] + (item.hint.map { ["  -> \($0)"] } ?? [])
        }
    }

    /// `2026-11-21 02:30 UTC`
    static func minute(_ date: Date) -> String {
        UTCTime(date).extended.prefix(16).replacing("T", with: " ") + " UTC"
    }

    static func span(_ duration: Duration) -> String {
        let minutes = Int(duration.inSeconds / 60)
        return minutes % 60 == 0 ? Words.days(duration) : Words.count(minutes, "minute")
    }

    /// At most so many characters, with a mark where something was left out.
    static func cut(_ text: String, to limit: Int) -> String {
        guard text.count > limit else { return text }
        return text.prefix(limit - 1) + "…"
    }

    /// At most so many bytes of UTF-8, cut between characters.
    static func cut(_ text: String, toBytes limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var (kept, size) = ("", "…".utf8.count)
        for character in text {
            size += character.utf8.count
            guard size <= limit else { break }
            kept.append(character)
        }
        return kept + "…"
    }
}
