import BackupModel
import Foundation
import RunHistory
import TestSupport
import Testing

@Suite struct `Logs of runs` {
    let folder: ScratchFolder
    private var state: String { folder["state"] }

    init() throws { folder = try ScratchFolder("runlogs") }

    private func id(_ number: Int) -> RunID { Samples.run(number).id }

    private func entry(_ text: String, _ level: LogLevel = .info) -> LogEntry {
        LogEntry(
            time: Samples.start, level: level, profile: Samples.profile, run: id(1), event: "notice", message: text)
    }

    private func begin(_ number: Int, keep: Int = 100, now: Date = Samples.start) throws -> RunLogFile {
        try RunLogs(folder: state, keep: keep).begin(id(number), of: Samples.profile, now: now)
    }

    private func path(_ number: Int) -> String { "\(state)/logs/\(Samples.profile)/\(id(number)).log" }

    @Test func `come back as they were written, closed to others`() throws {
        let file = try begin(1)
        for text in ["one", "two\nlines", "ünïcode ‹redacted› \u{1F600} \\ \""] {
            try file.append(try entry(text).json(), .info)
        }
        let log = try #require(try RunLogs(folder: state).log(of: id(1), of: Samples.profile))
        #expect(log.entries.map(\.message) == ["one", "two\nlines", "ünïcode ‹redacted› \u{1F600} \\ \""])
        #expect(log.unreadable == 0)
        var facts = stat()
        #expect(stat(path(1), &facts) == 0 && facts.st_mode & 0o777 == 0o600)
        #expect(try RunLogs(folder: state).log(of: id(2), of: Samples.profile) == nil)
    }

    @Test func `a line that was cut off by a kill or is no JSON spoils no other`() throws {
        let file = try begin(1)
        try file.append(try entry("whole").json(), .info)
        let handle = try #require(FileHandle(forWritingAtPath: path(1)))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("\u{0}\u{1b}[31m\n\n{\"time\":\"2026-1".utf8) + [0xff, 0xfe])
        let log = try #require(try RunLogs(folder: state).log(of: id(1), of: Samples.profile))
        #expect(log.entries.map(\.message) == ["whole"] && log.unreadable == 2)
    }

    @Test func `the newest of a profile stay, and none for ever`() throws {
        for number in 1...6 { _ = try begin(number, keep: 3) }
        let place = (path(1) as NSString).deletingLastPathComponent
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: place).sorted() == (4...6).map { "\(id($0)).log" })
        let other = try RunLogs(folder: state, keep: 3).begin(
            id(7), of: ProfileName(unchecked: "other"), now: Samples.start)
        withExtendedLifetime(other) {}
        #expect(FileManager.default.fileExists(atPath: path(6)))
        _ = try begin(7, keep: 3, now: Samples.start.addingTimeInterval(91 * 86_400))
        #expect(try FileManager.default.contentsOfDirectory(atPath: place) == ["\(id(7)).log"])
    }

    @Test func `a tool that never stops talking fills a bounded file, and what matters still gets in`() throws {
        let file = try begin(1)
        let long = try entry(String(repeating: "x", count: 3000), .debug).json()
        for _ in 0..<1000 { try file.append(long, .debug) }
        try file.append(try entry("the end", .error).json(), .error)
        let size = try #require(try FileManager.default.attributesOfItem(atPath: path(1))[.size] as? Int64)
        #expect(size < RunLogFile.limit.bytes + 8192)
        #expect(try RunLogs(folder: state).log(of: id(1), of: Samples.profile)?.entries.last?.message == "the end")
    }

    @Test func `a link in its place is refused`() throws {
        _ = try begin(1)
        try folder.write("precious", to: "victim")
        symlink(folder["victim"], path(2))
        #expect(throws: StoreError.self) { try begin(2) }
        #expect(try String(contentsOfFile: folder["victim"], encoding: .utf8) == "precious")
    }
}
