import BackupEngine
import BackupModel
import Foundation
import Synchronization

/// Tells several of what a run does, in their order.
struct Observers: RunObserver {
    private let all: [any RunObserver]
    init(_ all: [any RunObserver]) { self.all = all }
    func observe(_ event: RunEvent) { for observer in all { observer.observe(event) } }
}

/// Tells the operator what a run does: plain lines, and on a terminal a live one.
final class LineObserver: RunObserver {
    private let console: Console
    private let shown = Mutex(ContinuousClock.now - .seconds(1))
    private let begun = ContinuousClock.now
    /// By subject.
    private let paces = Mutex<[String: TransferPace]>([:])

    init(_ console: Console) { self.console = console }

    func observe(_ event: RunEvent) {
        switch event {
        case .began(let run):
            console.say("\(run.operation.rawValue) of profile \(run.profile) (run \(run.id))")
        case .waiting(let what): console.say("waiting: \(Console.harmless(what))")
        case .stepBegan(let step, let subject):
            console.show(live: "\(LineObserver.words(step)) \(subject ?? "")…")
        case .stepEnded(let step):
            if console.isVerbose { console.say("  \(LineObserver.line(step))") }
        case .progress(let subject, let progress):
            let isDue = shown.withLock { last in
                guard ContinuousClock.now - last > .milliseconds(200) else { return false }
                last = .now
                return true
            }
            guard isDue, console.isTerminal else { return }
            let time = ContinuousClock.now - begun
            let pace = paces.withLock { paces in
                paces[subject, default: TransferPace()].add(progress.bytes, at: time)
                return paces[subject, default: TransferPace()]
            }
            console.show(live: LineObserver.line(subject, progress, pace))
        case .partStored(let source, let report):
            let files = report.stored.files.map { ", " + Words.count($0, "file") } ?? ""
            let added = report.stored.addedBytes.map { ", \($0) new" } ?? ""
            let mark = report.condition == .clean ? "" : " [\(report.condition.rawValue)]"
            console.say(
                "  \(Console.harmless(report.path.title(in: source))): \(report.stored.bytes)\(files)\(added)"
                    + " → snapshot \(report.stored.snapshot)\(mark)")
            if report.condition.isGood { return }
            for item in report.stored.unreadable.prefix(LineObserver.mostUnreadable) {
                console.say(
                    "    could not be read: \(Console.harmlessName(item.path)): \(Console.harmless(item.reason))",
                    .warning)
            }
            let more = report.stored.unreadableCount - min(report.stored.unreadable.count, LineObserver.mostUnreadable)
            if more > 0 { console.say("    and \(more) more; `holdfast show` has them", .warning) }
        case .gap(let gap): console.say("  \(gap.source): not captured: \(Console.harmless(gap.cause))", .error)
        case .fed(let feed):
            let bytes = feed.bytes.map { ", \($0)" } ?? ""
            console.say(
                "  \(feed.follower): "
                    + (feed.delivered == 0
                        ? "has everything already" : "got \(Words.count(feed.delivered, "snapshot"))\(bytes)"))
        case .notice(let text): console.say("  note: \(Console.harmless(text))", .notice)
        // What retention leaves alone is told of as a notice.
        case .retention, .ended: break
        }
    }

    private static let mostUnreadable = 3

    static func words(_ step: RunStep) -> String {
        switch step {
        case .record: "recording"
        case .lockProfile: "locking the profile"
        case .recover: "putting right what earlier runs left"
        case .lockRepository: "locking"
        case .preflight: "looking at the sources"
        case .openRepository: "opening"
        case .capture: "capturing"
        case .manifest: "writing the manifest"
        case .feed: "feeding"
        case .retention: "applying retention"
        case .verify: "testing"
        case .restore: "restoring"
        case .settle: "putting in place"
        case .finish: "finishing"
        case .release: "giving back"
        case .hook: "running the hook"
        case .acquire: "taking"
        case .giveBack: "giving back"
        }
    }

    private static func line(_ step: StepRecord) -> String {
        let time = step.duration.map { " in \(Format.duration($0))" } ?? ""
        return "\(step.step.rawValue) \(step.subject ?? ""): \(step.outcome?.rawValue ?? "")\(time)"
    }

    private static func line(_ subject: String, _ progress: TransferProgress, _ pace: TransferPace) -> String {
        var line = "\(subject): \(progress.bytes)"
        if let total = progress.totalBytes, total > .zero {
            line += " of \(total) (\(min(100, progress.bytes.bytes * 100 / total.bytes)) %)"
            if let rate = pace.perSecond { line += ", \(rate)/s" }
            if let left = pace.left(of: total) { line += ", \(Format.duration(left)) left" }
        }
        if progress.files > 0 { line += ", " + Words.count(progress.files, "file") }
        return line
    }
}

/// Tells programs what a run does: one JSON object per line on standard output, the run's record last.
final class JSONLinesObserver: RunObserver {
    private let console: Console
    init(_ console: Console) { self.console = console }

    func observe(_ event: RunEvent) {
        switch event {
        case .began(let run):
            send("began", [("run", .string(run.id.rawValue)), ("profile", .string(run.profile.rawValue))])
        case .waiting(let what): send("waiting", [("for", .string(what))])
        case .stepBegan(let step, let subject):
            send("stepBegan", [("step", .string(step.rawValue)), ("subject", JSONValue(subject))])
        case .stepEnded(let step): send("stepEnded", [("record", RunViews.step(step))])
        case .progress(let subject, let progress): console.print(RunViews.progress(subject, progress).text())
        case .partStored(let source, let report):
            send(
                "partStored",
                [
                    ("source", .string(source.rawValue)), ("part", .string(report.path.rawValue)),
                    ("snapshot", .string(report.stored.snapshot.rawValue)), ("bytes", JSONValue(report.stored.bytes)),
                    ("condition", .string(report.condition.rawValue)),
                ])
        case .gap(let gap): send("gap", [("gap", RunViews.gap(gap))])
        case .fed(let feed): send("fed", [("feed", RunViews.feed(feed))])
        case .notice(let text): send("notice", [("message", .string(text))])
        case .retention(let plan): send("retention", [("plan", RunViews.plan(plan))])
        case .ended(let run): send("ended", [("record", RunViews.run(run))])
        }
    }

    private func send(_ name: String, _ entries: [(String, JSONValue)]) {
        console.print(JSONValue.object([("event", .string(name))] + entries).text())
    }
}
