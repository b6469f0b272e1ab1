import BackupModel

/// Writes down what a run does.
final class LogObserver: RunObserver {
    private let log: RunLog
    init(_ log: RunLog) { self.log = log }

    func observe(_ event: RunEvent) {
        switch event {
        case .began(let run): begin(run)
        case .waiting(let what): log.add(.info, "waiting", "waiting: \(what)")
        case .stepBegan(let step, let subject):
            if step == .record { log.expectRun() }
            log.add(.debug, "stepBegan", LineObserver.words(step) + (subject.map { " \($0)" } ?? ""), subject: subject)
        case .stepEnded(let step): ended(step)
        // Several times a second, and gone when the run is.
        case .progress: break
        case .partStored(let source, let report): stored(report, of: source)
        case .gap(let gap):
            log.add(.error, "gap", "\(gap.source): not captured: \(gap.cause)", subject: gap.source.rawValue)
        case .fed(let feed): fed(feed)
        case .notice(let text): log.add(.notice, "notice", text)
        case .retention(let plan):
            let removed = plan.groups.reduce(0) { $0 + $1.removals.count }
            let kept = plan.groups.reduce(0) { $0 + $1.decisions.count } - removed
            log.add(.info, "retention", "retention keeps \(Words.count(kept, "snapshot")) and removes \(removed)")
        case .ended(let run): ended(run)
        }
    }

    private func begin(_ run: RunRecord) {
        guard log.begin(run.id) else { return }
        log.add(
            .info, "began",
            "\(run.operation.rawValue) began, by \(run.user) (\(run.trigger))" + (run.reason.map { ": \($0)" } ?? ""),
            subject: run.operation.rawValue)
    }

    /// What went wrong in a step is told once more for people, as a gap, a notice or a failure of the run.
    private func ended(_ step: StepRecord) {
        let outcome = step.outcome ?? .failed
        var line = step.step.rawValue + (step.subject.map { " \($0)" } ?? "") + ": \(outcome.rawValue)"
        if let duration = step.duration { line += " in \(Format.duration(duration))" }
        if let detail = step.detail { line += ": \(detail)" }
        log.add(
            .debug, "stepEnded", line, subject: step.subject,
            outcome: outcome, duration: step.duration, bytes: step.bytes)
    }

    private func stored(_ report: PartReport, of source: SourceName) {
        let files = report.stored.files.map { ", " + Words.count($0, "file") } ?? ""
        let added = report.stored.addedBytes.map { ", \($0) new" } ?? ""
        let mark = report.condition == .clean ? "" : " [\(report.condition.rawValue)]"
        log.add(
            report.condition.isGood ? .info : .warning, "partStored",
            "\(report.path.title(in: source)): \(report.stored.bytes)\(files)\(added) → snapshot "
                + "\(report.stored.snapshot)\(mark)", subject: source.rawValue, bytes: report.stored.bytes)
    }

    private func fed(_ feed: FeedRecord) {
        var line = "\(feed.follower): \(feed.outcome.rawValue), got \(Words.count(feed.delivered, "snapshot"))"
        if let bytes = feed.bytes { line += ", \(bytes)" }
        if feed.behind > 0 { line += ", lacks \(feed.behind)" }
        if let failure = feed.failure { line += ": \(failure.description)" }
        log.add(
            LogObserver.level(feed.outcome), "fed", line, subject: feed.follower.rawValue, outcome: feed.outcome,
            bytes: feed.bytes)
    }

    /// A run whose record could not be begun is known by its end alone.
    private func ended(_ run: RunRecord) {
        begin(run)
        for failure in run.failures {
            log.add(.error, "failure", failure.description + (failure.hint.map { "\n→ \($0)" } ?? ""))
        }
        var line = "\(run.operation.rawValue) \(run.outcome?.rawValue ?? "unfinished")"
        if let duration = run.duration { line += " in \(Format.duration(duration))" }
        let bytes = run.parts.reduce(ByteCount.zero) { $0 + $1.bytes }
        if !run.parts.isEmpty { line += ": \(Words.count(run.parts.count, "part")), \(bytes)" }
        log.add(
            run.outcome.map(LogObserver.level) ?? .error, "ended", line, subject: run.operation.rawValue,
            outcome: run.outcome, duration: run.duration, bytes: run.parts.isEmpty ? nil : bytes)
    }

    private static func level(_ outcome: Outcome) -> LogLevel {
        switch outcome {
        case .succeeded: .info
        case .skipped, .degraded, .partial: .warning
        case .interrupted, .failed: .error
        }
    }
}
