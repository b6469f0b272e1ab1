import BackupModel
import Foundation

/// All runs of a day or a week in one message.
extension Notifying {
    /// What nobody reads in full anyway.
    private static let mostRuns = 5000

    /// Digests that are due. What they sum up is noted at once: one that cannot be delivered is kept like every message.
    func digests(_ report: inout Report) -> [Errand] {
        var errands: [Errand] = []
        for notifier in notifiers {
            guard let rule = notifier.spec.digest else { continue }
            do {
                if let message = try digest(rule, notifier.spec) {
                    errands.append(Errand(notifier: notifier, message: message))
                }
            } catch {
                report.failures.append(
                    Failure(
                        "the digest for \(notifier.spec.name) could not be made: \(error.description)",
                        hint: error.hint, kind: error.kind))
            }
        }
        return errands
    }

    private func digest(_ rule: DigestRule, _ spec: NotifierSpec) throws(StoreError) -> NotificationMessage? {
        let due = rule.latest(at: clock.now, in: timeZone)
        guard let last = try store.standing(of: spec.name, profile: profile).digestedUntil else {
            // The first one sums up what comes from now on.
            let now = clock.now
            try store.changeStanding(of: spec.name, profile: profile) { $0.digestedUntil = now }
            return nil
        }
        guard last < due else { return nil }
        let runs = try store.runs(
            RunQuery(
                profile: spec.digestsAllProfiles ? nil : profile, since: last, limit: Notifying.mostRuns)
        ).filter { $0.started < due && $0.outcome != nil && $0.reason != PruneRun.dryRunReason }
        try store.changeStanding(of: spec.name, profile: profile) { $0.digestedUntil = due }
        return NotificationMessage(
            profile: profile, host: host, run: nil, operation: nil, event: .digest, outcome: nil, at: due,
            failingSince: nil, lines: DigestText.lines(runs, from: last, to: due, redact: redact),
            next: runs.contains { $0.outcome != .succeeded } || runs.isEmpty ? "holdfast history" : nil)
    }
}

/// The lines of a digest.
enum DigestText {
    static func lines(
        _ runs: [RunRecord], from start: Date, to end: Date, redact: (String) -> String
    ) -> [String] {
        let span = "from \(minute(start)) to \(minute(end))"
        guard !runs.isEmpty else { return ["nothing ran \(span)"] }
        var lines = [Words.count(runs.count, "run") + " \(span)"]
        let groups = Dictionary(grouping: runs) { "\($0.profile) \($0.operation.rawValue)" }
        for (name, runs) in groups.sorted(by: { $0.key < $1.key }) {
            let outcomes = Dictionary(grouping: runs) { $0.outcome ?? .failed }
            let counts = outcomes.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                "\($0.value.count) \($0.key.rawValue)"
            }
            lines.append("\(name): " + counts.joined(separator: ", "))
            let bad = runs.filter { $0.outcome != .succeeded && $0.outcome != .skipped }.max { $0.started < $1.started }
            if let bad, let outcome = bad.outcome {
                let why = bad.failures.first.map { ": " + redact($0.description) } ?? ""
                lines.append("  last \(outcome.rawValue) \(minute(bad.started)), run \(bad.id)\(why)")
            }
        }
        return lines
    }

    /// `2026-11-21 02:30 UTC`
    private static func minute(_ date: Date) -> String {
        UTCTime(date).extended.prefix(16).replacing("T", with: " ") + " UTC"
    }
}
