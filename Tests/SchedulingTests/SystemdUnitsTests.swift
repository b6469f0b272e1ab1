import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Scheduling

@Suite struct SystemdUnitsTests {
    private func files(
        _ timetable: Timetable, _ scope: SystemdTimers.Scope = .system, folder: String = "/etc/systemd/system"
    )
        throws -> [ScheduleFile]
    {
        try SystemdTimers(scope: scope, folder: folder, runner: RecordingRunner()).wanted(timetable)
    }

    private func joined(_ files: [ScheduleFile]) -> String {
        files.map { "### \($0.path)\n\($0.text)" }.joined(separator: "\n")
    }

    @Test func `units of a profile that says nothing are as agreed`() throws {
        try Bench.expectGolden(joined(try files(Bench.timetable(offsite: true))), "system-default.txt")
    }

    @Test func `units of a user are as agreed`() throws {
        let timetable = try Bench.timetable("hapi", path: "/home/op/.config/holdfast/profiles/hapi.yaml") {
            $0.backup = try Schedule("06:00, 18:00")
            $0.verify = try Schedule("weekly Sun 02:30")
        }
        try Bench.expectGolden(
            joined(try files(timetable, .user, folder: "/home/op/.config/systemd/user")), "user-hapi.txt")
    }

    @Test func `a drill that the profile schedules has a job of its own, and no other profile has one`() throws {
        let timetable = try Bench.timetable("app", path: "/etc/holdfast/profiles/app.yaml") {
            $0.drill = try Schedule("monthly 15 03:00")
        }
        let job = try #require(timetable.jobs.first { $0.name == "drill" })
        #expect(job.arguments.first == "drill" && job.arguments.contains("--scheduled"))
        // One that is not proven is to be seen in the list of failed units too.
        #expect(job.goodExits == [75])
        #expect(try !Bench.timetable().jobs.contains { $0.name == "drill" })
    }

    @Test func `systemd itself finds nothing wrong with the units, whatever is in paths`() async throws {
        for (name, scope) in [("system", SystemdTimers.Scope.system), ("user", .user)] {
            let folder = try ScratchFolder("units-\(name)")
            var timetable = try Bench.awkward()
            timetable.demands.credentials = ["token": .init(path: nil, isEncrypted: false)]
            let units = try files(timetable, scope, folder: folder.path)
            for unit in units { try folder.write(unit.text, to: (unit.path as NSString).lastPathComponent) }
            let services = units.map(\.path)
            var words = ["systemd-analyze", "verify", "--man=no"] + (scope == .user ? ["--user"] : [])
            words += services
            let runtime = try ScratchFolder("runtime")
            let result = try await Bench.run(list: words, environment: ["XDG_RUNTIME_DIR": runtime.path])
            #expect(result.code == 0, "\(result.said)")
            // What is wrong with other units of the machine is none of ours.
            #expect(!result.said.contains("holdfast-"), "\(result.said)")
        }
    }

    @Test func `what systemd starts are the very words that were meant`() async throws {
        let timetable = try Bench.awkward()
        let backup = try #require(try files(timetable).first { $0.path.hasSuffix("-backup.service") })
        let line = try #require(backup.text.split(separator: "\n").first { $0.hasPrefix("ExecStart=") })
        #expect(
            line
                == #"ExecStart="/usr/bin/env" "backup" "--profile" "/srv/my profiles/100%% \"it's\" $$HOME \\ é.yaml" "--scheduled" "--lock-wait" "1h" "--quiet""#
        )
        #expect(backup.text.contains(#"Environment="HOLDFAST_STATE_DIR=/srv/st ate/50%%n $x \"q\" 'p' \\""#))
    }

    @Test func `a service is shut in as far as a backup bears it`() async throws {
        let folder = try ScratchFolder("security")
        let backup = try #require(try files(Bench.timetable()).first { $0.path.hasSuffix("-backup.service") })
        let path = try folder.write(backup.text, to: "holdfast-app-backup.service")
        let result = try await Bench.run("systemd-analyze", "security", "--offline=true", "--no-pager", path)
        let exposure = try #require(result.said.firstMatch(of: /exposure level for .*: ([0-9.]+)/), "\(result.said)")
        #expect(Double(exposure.1).map { $0 <= 7.2 } == true, "\(exposure.1)")
        // What it must not have, or sources in homes and in /tmp are empty, and tools in containers cannot be reached.
        for key in ["ProtectHome", "PrivateTmp", "PrivateUsers", "ProtectControlGroups", "RestrictNamespaces", "User="]
        {
            #expect(!backup.text.contains(key), "\(key)")
        }
    }

    @Test func `credentials are handed to every service, encrypted ones as such`() throws {
        var timetable = try Bench.timetable()
        timetable.demands.credentials = [
            "key": .init(path: "/etc/credstore/key", isEncrypted: false),
            "seal": .init(path: "/etc/credstore.encrypted/seal", isEncrypted: true),
            "lost": .init(path: nil, isEncrypted: false),
        ]
        for file in try files(timetable) where file.path.hasSuffix(".service") {
            #expect(file.text.contains("\nLoadCredential=key:/etc/credstore/key\nLoadCredential=lost\n"))
            #expect(file.text.contains("\nLoadCredentialEncrypted=seal:/etc/credstore.encrypted/seal\n"))
        }
    }

    @Test func `folders of the system that it writes to stay open`() throws {
        var timetable = try Bench.timetable()
        timetable.demands.writes = ["/etc/holdfast", "/var/lib/holdfast", "/usr/local/backups"]
        let backup = try #require(try files(timetable).first { $0.path.hasSuffix("-backup.service") })
        #expect(backup.text.contains("\nReadWritePaths=-/etc/holdfast\nReadWritePaths=-/usr/local/backups\n"))
        #expect(!backup.text.contains("/var/lib/holdfast"))
    }

    @Test func `a line break in a path is refused`() throws {
        let timetable = try Bench.timetable(path: "/srv/a\nExecStart=/bin/evil")
        #expect(throws: ScheduleError.self) { try files(timetable) }
    }
}
