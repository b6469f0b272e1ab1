import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Scheduling

@Suite struct CronTests {
    private let name = ProfileName(unchecked: "app")

    @Test func `lines of a crontab are as agreed`() throws {
        let timetable = try Bench.timetable {
            $0.backup = try Schedule(["02:30", "Mon..Fri 12:00"], unsaid: .beginning)
            $0.verify = try Schedule("monthly last 04:00")
        }
        try Bench.expectGolden(try CronLines(timetable: timetable, user: nil).text(), "crontab.txt")
        try Bench.expectGolden(try CronFolder().wanted(timetable).map(\.text).joined(), "cron.d.txt")
    }

    @Test(arguments: [
        ("daily 02:00", "0 2 * * *"), ("Sun 04:00", "0 4 * * 0"), ("Mon..Fri,Sun 12:05", "5 12 * * 0-5"),
        ("*:0/15", "0,15,30,45 * * * *"), ("monthly last 01:00", "0 1 28-31 * *"),
        ("Mon *-*-1..7 03:00", "0 3 1-7 * *"),
        ("03:00 Asia/Tokyo", "*/15 * * * *"), ("quarterly 15 05:30", "30 5 15 1,4,7,10 *"),
        ("2027-01-01 00:00", "0 0 1 1 *"),
    ])
    func `a rule becomes fields that tick at least at its slots`(text: String, fields: String) throws {
        let rule = try #require(try Schedule(text).rules.first)
        #expect(CronLines.time(rule) == fields)
    }

    @Test func `cron itself takes the lines, whatever is in paths`() async throws {
        let folder = try ScratchFolder("cron")
        let lines = try CronLines(timetable: Bench.awkward(), user: nil).text()
        let result = try await Bench.run("crontab", "-n", try folder.write(lines, to: "tab", mode: 0o644))
        #expect(result.code == 0, "\(result.said)")
        let bad = try await Bench.run("crontab", "-n", try folder.write("61 * * * * true\n", to: "bad", mode: 0o644))
        #expect(bad.code != 0, "crontab -n finds fault with nothing")
    }

    @Test func `what cron hands to the shell are the very words that were meant`() async throws {
        let folder = try ScratchFolder("words")
        var timetable = try Bench.awkward()
        timetable.program = try folder.write(
            "#!/bin/sh\nprintf '%s\\n' \"$HOLDFAST_STATE_DIR\" \"$@\"\n", to: "my % program", mode: 0o755)
        let lines = try CronLines(timetable: timetable, user: nil).text().split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("30 2 ") })
        // As cron does: everything after the fields, up to a `%` that is not escaped.
        let command = line.split(separator: " ", maxSplits: 5)[5]
        #expect(command.replacing("\\%", with: "").contains("%") == false)
        let result = try await Bench.run("/bin/sh", "-c", String(command.replacing("\\%", with: "%")))
        #expect(
            result.said.split(separator: "\n").map(String.init) == [
                timetable.environment["HOLDFAST_STATE_DIR"] ?? "", "backup", "--profile",
                "/srv/my profiles/100% \"it's\" $HOME \\ é.yaml", "--scheduled", "--lock-wait", "1h", "--quiet",
            ])
    }

    @Test func `credentials and lines too long for cron are refused`() throws {
        var timetable = try Bench.timetable()
        timetable.environment["PATH"] = String(repeating: "/a/very/long/folder:", count: 60)
        #expect(throws: ScheduleError.self) { try CronLines(timetable: timetable, user: nil).text() }
        timetable = try Bench.timetable()
        timetable.demands.credentials = ["token": .init(path: nil, isEncrypted: false)]
        #expect(throws: ScheduleError.self) { try CronLines(timetable: timetable, user: nil).text() }
    }

    // MARK: /etc/cron.d

    @Test func `one file below cron.d comes and goes`() async throws {
        let folder = try ScratchFolder("cron.d")
        try folder.write("0 1 * * * root mine\n", to: "backup")
        let cron = CronFolder(folder: folder.path)
        let wanted = try cron.wanted(try Bench.timetable())
        try await cron.apply(ScheduleChange.between([], wanted), of: name)
        var facts = stat()
        #expect(stat(folder["holdfast-app"], &facts) == 0 && facts.st_mode & 0o7777 == 0o644)
        #expect(try await cron.installed(name) == wanted)
        try await cron.apply(ScheduleChange.between(wanted, []), of: name)
        #expect(FilesOnDisk.names(in: folder.path) == ["backup"])
    }

    @Test func `names below cron.d have no dot, and differ where profiles do`() throws {
        let cron = CronFolder()
        let paths = try ["a.b", "a_b"].map { try cron.wanted(try Bench.timetable($0))[0].path }
        #expect(
            paths.allSatisfy { !($0 as NSString).lastPathComponent.contains(".") } && Set(paths).count == 2, "\(paths)")
    }

    @Test func `a file of somebody else's below cron.d stays`() async throws {
        let folder = try ScratchFolder("foreign")
        try folder.write("0 1 * * * root mine\n", to: "holdfast-app")
        let cron = CronFolder(folder: folder.path)
        #expect(try await cron.installed(name).isEmpty)
        let changes = ScheduleChange.between([], try cron.wanted(try Bench.timetable()))
        await #expect(throws: ScheduleError.self) { try await cron.apply(changes, of: name) }
    }

    // MARK: The crontab of a user

    private final class Table: Sendable {
        let text: Mutex<String?>
        init(_ text: String?) { self.text = Mutex(text) }
        var runner: RecordingRunner {
            RecordingRunner { command in
                switch command.arguments {
                case ["-l"]:
                    return self.text.withLock { text in
                        text.map { RecordingRunner.ended(command, output: $0) }
                            ?? RecordingRunner.ended(command, 1, errors: "no crontab for op\n")
                    }
                case ["-r"]: self.text.withLock { $0 = nil }
                default:
                    if case .bytes(let bytes) = command.input {
                        self.text.withLock { $0 = String(decoding: bytes, as: UTF8.self) }
                    }
                }
                return RecordingRunner.ended(command)
            }
        }
    }

    private func install(_ table: Table, _ timetable: Timetable? = nil) async throws {
        let cron = UserCrontab(user: "op", runner: table.runner)
        let wanted = try timetable.map { try cron.wanted($0) } ?? []
        try await cron.apply(ScheduleChange.between(try await cron.installed(name), wanted), of: name)
    }

    @Test(arguments: ["", "0 1 * * * mine\n", "MAILTO=me\n\n# note\n0 1 * * * mine # no newline at the end", "\n\n"])
    func `a block of ours comes and goes, and every other line stays`(before: String) async throws {
        let table = Table(before.isEmpty ? nil : before)
        try await install(table, try Bench.timetable())
        let with = try #require(table.text.withLock { $0 })
        #expect(with.hasPrefix(before) && with.contains("# >>> holdfast-profile: app. ") && with.contains("@reboot"))
        try await install(table, try Bench.timetable { $0.backup = try Schedule("daily 05:00") })
        let changed = try #require(table.text.withLock { $0 })
        #expect(changed.hasPrefix(before) && changed.contains("\n0 5 * * * ") && !changed.contains("\n0 2 * * * "))
        try await install(table)
        let after = table.text.withLock { $0 } ?? ""
        #expect(after == (before.isEmpty || before.hasSuffix("\n") ? before : before + "\n"))
    }

    @Test func `blocks of two profiles do not meet`() async throws {
        let table = Table(nil)
        try await install(table, try Bench.timetable())
        let other = UserCrontab(user: "op", runner: table.runner)
        let two = ProfileName(unchecked: "app.two")
        #expect(try await other.installed(two).isEmpty)
        try await other.apply(ScheduleChange.between([], try other.wanted(try Bench.timetable("app.two"))), of: two)
        try await install(table)
        let left = table.text.withLock { $0 } ?? ""
        #expect(left.contains("holdfast-profile: app.two") && !left.contains("holdfast-profile: app. "))
    }

    @Test func `half a block stops everything`() async throws {
        let table = Table("# <<< holdfast-profile: app\n0 1 * * * mine\n")
        await #expect(throws: ScheduleError.brokenBlock(place: "the crontab of op")) {
            try await install(table, try Bench.timetable())
        }
    }

    @Test func `a crontab that cannot be read is not overwritten`() async throws {
        let runner = RecordingRunner { RecordingRunner.ended($0, 1, errors: "must be privileged to use -u\n") }
        let cron = UserCrontab(user: "op", runner: runner)
        let change = ScheduleChange.between([], try cron.wanted(try Bench.timetable()))
        await #expect(throws: ScheduleError.self) { try await cron.apply(change, of: name) }
        #expect(runner.commands.allSatisfy { $0.arguments == ["-l"] })
    }

    @Test func `a crontab that is no text is not overwritten`() async throws {
        let runner = RecordingRunner { command in
            var result = RecordingRunner.ended(command)
            result.output = CapturedOutput(head: Array("0 1 * * * caf".utf8) + [0xe9, 0x0a])
            return result
        }
        let cron = UserCrontab(user: "op", runner: runner)
        await #expect(throws: ScheduleError.self) { _ = try await cron.installed(name) }
    }

    // MARK: launchd

    @Test func `launchd's lists are written out and well formed`() async throws {
        let folder = try ScratchFolder("launchd")
        let files = try Launchd(folder: "/Users/op/Library/LaunchAgents").wanted(Bench.awkward())
        for file in files {
            let path = try folder.write(file.text, to: (file.path as NSString).lastPathComponent)
            let list =
                try PropertyListSerialization.propertyList(from: Data(file.text.utf8), format: nil) as? [String: Any]
            #expect((list?["ProgramArguments"] as? [String])?.first == "/usr/bin/env", "\(path)")
        }
        try Bench.expectGolden(try #require(files.first).text, "launchd-backup.plist")
        await #expect(throws: ScheduleError.self) {
            try await Launchd(folder: folder.path).apply([], of: name)
        }
    }
}
