import BackupModel
import Foundation
import Testing

@Suite struct `Lines of logs` {
    private let time = Date(timeIntervalSince1970: 1_795_228_200.123)
    private let profile = ProfileName(unchecked: "app")

    @Test func `in JSON they come back as they were`() throws {
        let entry = LogEntry(
            time: time, level: .warning, profile: profile, run: RunID(unchecked: "20261121T023000Z-7f3a9c"),
            event: "ended", message: "backup partial\n→ look", subject: "db", outcome: .partial,
            duration: .milliseconds(1500), bytes: 42)
        let line = try entry.json()
        #expect(line.hasSuffix("}\n") && line.count { $0 == "\n" } == 1)
        #expect(
            line.hasPrefix(
                #"{"bytes":42,"event":"ended","level":"warning","message":"backup partial\n→ look","outcome":"partial","#
            ))
        let again = try #require(LogEntry(json: line.utf8))
        #expect(try again.json() == line && again.level == .warning && again.duration == .milliseconds(1500))
        #expect(LogEntry(json: line.utf8.dropLast(9)) == nil)
    }

    @Test func `for people every line of a message begins alike`() {
        let entry = LogEntry(time: time, level: .error, profile: profile, event: "failure", message: "away\n→ mount it")
        #expect(
            entry.plain == Timestamp.format(time) + " error app -: away\n" + Timestamp.format(time)
                + " error app -: → mount it\n")
    }

    @Test func `long messages are cut`() {
        let entry = LogEntry(
            time: time, level: .debug, profile: profile, event: "toolSaid",
            message: String(repeating: "ä", count: 100_000))
        #expect(entry.message.count < 4100 && entry.message.hasSuffix("… (cut)"))
    }

    @Test func `levels are syslog's, and an error matters most`() {
        #expect(LogLevel.allCases.map(\.word) == ["error", "warning", "notice", "info", "debug"])
        #expect(LogLevel.error > .warning && LogLevel.debug < .info && LogLevel(word: "loud") == nil)
    }
}
