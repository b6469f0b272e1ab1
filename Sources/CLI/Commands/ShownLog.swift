import BackupModel
import Foundation
import RunHistory

/// `holdfast show RUN --log`
struct ShownLog {
    private let run: RunRecord
    private let log: RunLogs.Log

    init(_ run: RunRecord, _ live: Live) throws {
        guard let log = try RunLogs(folder: live.stateFolder).log(of: run.id, of: run.profile) else {
            throw Failure(
                "run \(run.id) has no log",
                hint:
                    "logs are kept of the newest \(RunLogs.usualCount) runs of a profile, for \(Words.days(RunLogs.age)); "
                    + "`holdfast show \(run.id)` shows its record", kind: .notFound)
        }
        self.run = run
        self.log = log
    }

    func show(_ console: Console) {
        if console.isJSON { return console.print(document) }
        for entry in log.entries {
            let time = Format.time(entry.time)
            // Of our own making, and yet from a file.
            for line in Console.harmless(entry.message).split(separator: "\n") {
                console.print("\(time) \(word(entry.level, console)) \(line)")
            }
        }
        if log.unreadable > 0 {
            console.print("\(Words.count(log.unreadable, "line")) of this log cannot be read")
        }
        if !isComplete {
            console.print("the log ends here: the run goes on, was killed, or had more to say than a log holds")
        }
    }

    private var isComplete: Bool { log.entries.contains { $0.event == "ended" } }

    private func word(_ level: LogLevel, _ console: Console) -> String {
        let padded = level.word.padding(toLength: 7, withPad: " ", startingAt: 0)
        return switch level {
        case .error: console.styled(padded, "31")
        case .warning: console.styled(padded, "33")
        case .notice, .info, .debug: padded
        }
    }

    private var document: JSONValue {
        .object([
            ("run", .string(run.id.rawValue)), ("complete", JSONValue(isComplete)),
            ("unreadable", JSONValue(log.unreadable)),
            (
                "log",
                .array(
                    log.entries.map { entry in
                        .object([
                            ("time", JSONValue(entry.time)), ("level", .string(entry.level.word)),
                            ("event", .string(entry.event)), ("message", .string(entry.message)),
                            ("subject", JSONValue(entry.subject)), ("outcome", JSONValue(entry.outcome?.rawValue)),
                            ("seconds", JSONValue(entry.duration)), ("bytes", JSONValue(entry.bytes)),
                        ])
                    })
            ),
        ])
    }
}
