import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Scheduling

@Suite struct SystemdTimersTests {
    private let folder: ScratchFolder
    private let runner = RecordingRunner()
    private let name = ProfileName(unchecked: "app")
    private var timers: SystemdTimers { SystemdTimers(scope: .system, folder: folder.path, runner: runner) }
    private var calls: [String] { runner.commands.map { $0.arguments.joined(separator: " ") } }
    private var present: [String] { FilesOnDisk.names(in: folder.path) }

    init() throws { folder = try ScratchFolder("timers") }

    private func install(_ change: (inout ProfileSchedules) throws -> Void = { _ in }) async throws -> [ScheduleChange]
    {
        let wanted = try timers.wanted(try Bench.timetable(changing: change))
        let changes = ScheduleChange.between(try await timers.installed(name), wanted)
        try await timers.apply(changes, of: name)
        return changes
    }

    @Test func `units are written, made known, and set going`() async throws {
        let changes = try await install()
        #expect(changes.allSatisfy { $0.kind == .created })
        #expect(
            present == [
                "holdfast-app-backup.service", "holdfast-app-backup.timer", "holdfast-app-recover.service",
                "holdfast-app-status.service", "holdfast-app-status.timer",
            ])
        #expect(
            calls == [
                "daemon-reload",
                "enable holdfast-app-backup.timer holdfast-app-status.timer holdfast-app-recover.service",
                "restart holdfast-app-backup.timer holdfast-app-status.timer",
            ])
    }

    @Test func `once more changes nothing`() async throws {
        _ = try await install()
        let changes = try await install()
        #expect(changes.allSatisfy { $0.kind == .unchanged })
        #expect(calls.count { $0 == "daemon-reload" } == 1)
    }

    @Test func `what the profile does not ask for any more is stopped and removed`() async throws {
        _ = try await install { $0.verify = try Schedule("weekly") }
        #expect(present.contains("holdfast-app-verify.timer"))
        _ = try await install()
        #expect(!present.contains("holdfast-app-verify.timer") && !present.contains("holdfast-app-verify.service"))
        #expect(calls.contains("disable holdfast-app-verify.timer") && calls.contains("stop holdfast-app-verify.timer"))
        // A run that is under way is not broken off.
        #expect(!calls.contains { $0.hasPrefix("stop") && $0.contains(".service") })
    }

    @Test func `everything of ours goes, and nothing else`() async throws {
        _ = try await install()
        try folder.write("[Unit]\nDescription=mine\n", to: "holdfast-app-other.service")
        try folder.write("# holdfast-profile: app-two\n", to: "holdfast-app-two-backup.service")
        try await timers.apply(ScheduleChange.between(try await timers.installed(name), []), of: name)
        #expect(present == ["holdfast-app-other.service", "holdfast-app-two-backup.service"])
        #expect(
            calls.contains("disable holdfast-app-backup.timer holdfast-app-recover.service holdfast-app-status.timer"))
    }

    @Test func `a unit that somebody else has written is not overwritten`() async throws {
        try folder.write("[Unit]\nDescription=mine\n", to: "holdfast-app-backup.service")
        await #expect(throws: ScheduleError.foreign(path: folder["holdfast-app-backup.service"])) {
            _ = try await install()
        }
        #expect(present == ["holdfast-app-backup.service"] && calls.isEmpty)
    }

    @Test func `a masked unit is left masked`() async throws {
        try FileManager.default.createSymbolicLink(
            atPath: folder["holdfast-app-backup.timer"], withDestinationPath: "/dev/null")
        await #expect(throws: ScheduleError.foreign(path: folder["holdfast-app-backup.timer"])) {
            _ = try await install()
        }
    }

    @Test func `a change by hand is seen line by line`() async throws {
        _ = try await install()
        let path = folder["holdfast-app-backup.timer"]
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try folder.write(text.replacing("Persistent=true", with: "Persistent=false"), to: "holdfast-app-backup.timer")
        let changes = ScheduleChange.between(try await timers.installed(name), try timers.wanted(try Bench.timetable()))
        let changed = try #require(changes.first { $0.kind != .unchanged })
        #expect(changed.path == path && changed.isOfNote)
        #expect(changed.lines.contains("-Persistent=false") && changed.lines.contains("+Persistent=true"))
        #expect(changed.lines.count < 12, "\(changed.lines)")
    }

    @Test func `another search path alone is not worth a warning`() async throws {
        let change = ScheduleChange(
            path: "x", before: "A=1\nEnvironment=\"PATH=/bin\"", after: "A=1\nEnvironment=\"PATH=/usr/bin\"")
        #expect(change.kind == .changed && !change.isOfNote)
    }

    @Test func `a timer that does not run is told of`() async throws {
        let runner = RecordingRunner { command in
            let isDead = command.arguments.contains("holdfast-app-backup.timer")
            return RecordingRunner.ended(command, isDead ? 3 : 0, output: isDead ? "inactive\n" : "active\n")
        }
        let timers = SystemdTimers(scope: .user, folder: folder.path, runner: runner)
        #expect(
            await timers.troubles(try timers.wanted(try Bench.timetable())) == ["holdfast-app-backup.timer is inactive"]
        )
        #expect(runner.commands.allSatisfy { $0.arguments.first == "--user" })
    }

    @Test func `what systemctl says is handed on`() async throws {
        let failing = RecordingRunner { RecordingRunner.ended($0, 1, errors: "Failed to connect to bus\n") }
        let timers = SystemdTimers(scope: .system, folder: folder.path, runner: failing)
        let changes = ScheduleChange.between([], try timers.wanted(try Bench.timetable()))
        await #expect(
            throws: ScheduleError.tool(program: "systemctl daemon-reload", detail: "Failed to connect to bus")
        ) {
            try await timers.apply(changes, of: name)
        }
    }

    @Test func `systemd takes the units into its own tree`() async throws {
        let root = try ScratchFolder("root")
        let wanted = try SystemdTimers(scope: .system, folder: "/etc/systemd/system", runner: runner).wanted(
            try Bench.timetable())
        for file in wanted { try root.write(file.text, to: String(file.path.dropFirst())) }
        let result = try await Bench.run(
            "systemctl", "--root=\(root.path)", "enable", "holdfast-app-backup.timer", "holdfast-app-recover.service")
        #expect(result.code == 0, "\(result.said)")
        #expect(FilesOnDisk.names(in: root["etc/systemd/system/timers.target.wants"]) == ["holdfast-app-backup.timer"])
        #expect(
            FilesOnDisk.names(in: root["etc/systemd/system/multi-user.target.wants"]) == [
                "holdfast-app-recover.service"
            ])
    }
}
