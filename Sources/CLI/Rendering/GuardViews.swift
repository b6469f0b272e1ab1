import BackupEngine
import BackupModel
import Foundation
import Programs

/// What a guard says, all of it on standard error.
enum GuardViews {
    static func show(_ point: GuardedPoint, _ console: Console) {
        let age = Date().timeIntervalSince(point.time)
        console.say(
            "restore point \(point.run)"
                + (point.isReused ? ", \(Age.words(.seconds(max(0, age)))) old" : "") + ": "
                + "\(point.sources.map(\.rawValue).joined(separator: ", ")), \(point.bytes)")
        for doubt in point.doubts { console.warn(doubt) }
        for part in point.leftOut { console.warn("a rollback would leave out \(part)") }
    }

    /// What a restore would put back.
    static func showPlan(_ point: GuardedPoint, _ console: Console) {
        var table = Table([("PART", .left), ("SIZE", .right), ("CAPTURED", .left)])
        for part in point.parts {
            table.add([part.title, part.bytes.description, Format.time(part.capturedAt)])
        }
        console.print("restore point \(point.run) would be put back in place:\n" + Console.harmless(table.text))
    }

    static func tell(_ end: CommandEnd, of program: String, _ console: Console) {
        guard !console.isJSON else { return }
        let how = end.signal.map { "was ended by signal \($0)" } ?? "failed with exit code \(end.exitCode)"
        console.warn("\(program) \(how)")
    }

    static func tell(_ rollback: Rollback, _ point: GuardedPoint, by way: String, _ console: Console) {
        switch rollback {
        case .notNeeded: console.say("it succeeded; restore point \(point.run) stays, should it be wanted later")
        case .offered:
            guard !console.isJSON else { return }
            console.print("nothing was restored; the way back is: \(Console.harmlessName(way))")
        case .done(let record):
            guard !point.leftOut.isEmpty else {
                return console.say(
                    "restored: everything of restore point \(point.run) is back in place (run \(record.id))")
            }
            console.warn(
                "restored (run \(record.id)), BUT NOT ALL OF IT. These are as the command left them:\n  "
                    + Console.harmless(point.leftOut.joined(separator: "\n  ")))
        case .failed(let failure, _):
            guard !console.isJSON else { return }
            console.report(
                Failure(
                    "THE RESTORE FAILED, and what the command left is still there: \(failure.description)",
                    hint: (failure.hint.map { "\($0); then: " } ?? "the restore point is not lost: ") + way))
        }
    }

    static func document(
        _ point: GuardedPoint, _ commit: WorkTreeCommit?, _ end: CommandEnd, of program: String, _ duration: Duration,
        _ rollback: Rollback, by way: String, profile: ProfileName
    ) -> JSONValue {
        .object([
            ("event", .string("guard")), ("profile", .string(profile.rawValue)),
            (
                "point",
                .object([
                    ("run", .string(point.run.rawValue)), ("time", JSONValue(point.time)),
                    ("reused", JSONValue(point.isReused)), ("sources", JSONValue(point.sources.map(\.rawValue))),
                    ("bytes", JSONValue(point.bytes)), ("doubts", JSONValue(point.doubts)),
                    ("leftOut", JSONValue(point.leftOut)),
                ])
            ),
            (
                "commit",
                commit.map { .object([("id", .string($0.id)), ("dirty", JSONValue($0.isDirty))]) } ?? .null
            ),
            (
                "command",
                .object([
                    ("program", .string(program)), ("exitCode", .integer(Int64(end.exitCode))),
                    ("signal", JSONValue(end.signal.map(Int.init))), ("seconds", JSONValue(duration)),
                ])
            ),
            ("rollback", document(rollback)), ("restore", .string(way)),
        ])
    }

    private static func document(_ rollback: Rollback) -> JSONValue {
        let (state, record, failure): (String, RunRecord?, Failure?) =
            switch rollback {
            case .notNeeded: ("not needed", nil, nil)
            case .offered: ("offered", nil, nil)
            case .done(let record): ("done", record, nil)
            case .failed(let failure, let record): ("failed", record, failure)
            }
        return .object([
            ("state", .string(state)), ("run", JSONValue(record?.id.rawValue)),
            ("outcome", JSONValue(record?.outcome?.rawValue)), ("error", failure.map(RunViews.failure) ?? .null),
        ])
    }

    /// Bare where no shell would take it for anything else.
    static func shellWord(_ word: String) -> String {
        let isPlain = word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./,:@%+=".contains($0)) }
        return isPlain && !word.isEmpty ? word : ShellWord.quoted(word)
    }
}
