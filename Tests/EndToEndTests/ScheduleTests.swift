import Foundation
import TestSupport
import Testing

/// Timers and what they start, with the built program.
@Suite struct ScheduleTests {
    @Test func `a scheduled backup is taken once, leaves out what is not due, and says why`() async throws {
        let world = try World("schedule")
        try world.writeProfile(
            """
              documents: { files: "\(world.documents)" }
              voice: { files: "\(world.documents)/deep", cadence: monthly }
            """, "schedule: { backup: [hourly, \"*:01\"], verify: daily 00:00 }")
        let early = try await world.program.run("backup", "verify", "--scheduled")
        #expect(early.code == 0 && early.errors.contains("nothing yet to do it with"), "\(early)")
        let first = try await world.program.run("backup", "--scheduled", "--json")
        #expect(first.code == 0, "\(first)")
        #expect(try first.record().text("trigger") == "scheduled")
        // Around the full hour a second slot may come.
        var second = try await world.program.run("backup", "--scheduled", "--json")
        if try second.lines().count > 1 { second = try await world.program.run("backup", "--scheduled", "--json") }
        let line = try #require(try second.lines().first)
        #expect(
            second.code == 0 && line.text("event") == "notDue" && line.text("why").contains("was served by run"),
            "\(second)")
        #expect(line.lacks("operation", "slot", "next") == [])
        let why = try await world.program.run("why")
        #expect(why.code == 0, "\(why)")
        #expect(why.output.contains("backup (hourly, *:01): the slot of "), "\(why)")
        #expect(
            why.output.contains("voice: captured by run ") && why.output.contains("(monthly), due again from "),
            "\(why)")
        let document = try await world.program.run("why", "--json").document().object("schedule")
        #expect(document.objects("work").map { $0.text("state") } == ["served", "due"])
        #expect(document.objects("sources").first?["due"] as? Bool == false)
        #expect(
            try await world.program.run("backup", "verify", "--scheduled", "--json").record().text("trigger")
                == "scheduled")
    }

    @Test func `units are printed with quoted paths, the default schedule, and what a timer would not see`()
        async throws
    {
        let world = try World("auto print")
        try world.writeDocumentsProfile()
        let printed = try await world.program.run("backup", "auto", "--print", "--with", "systemd")
        #expect(printed.code == 0, "\(printed)")
        #expect(printed.output.contains("OnCalendar=*-*-* 02:00:00"), "\(printed)")
        #expect(printed.output.contains("\"--default-schedule\" \"daily 02:00\""), "\(printed)")
        #expect(printed.output.contains("Environment=\"HOLDFAST_STATE_DIR=\(world.program.state)\""), "\(printed)")
        #expect(printed.output.contains("\"\(world.folder["config"])/test.yaml\""), "\(printed)")
        #expect(printed.errors.contains("takes RESTIC_PASSWORD from this shell"), "\(printed)")
        #expect(!printed.said.contains("correct horse"))
        let missing = try await world.program.run("backup", "auto", "--offsite", "--print")
        #expect(missing.code == 78 && missing.errors.contains("has no offsite repository"), "\(missing)")
        let both = try await world.program.run("backup", "auto", "--disable", "--diff")
        #expect(both.code == 64, "\(both)")
        if !FileManager.default.fileExists(atPath: "/run/systemd/system") {
            let absent = try await world.program.run("backup", "auto", "--with", "systemd")
            #expect(absent.code == 69 && absent.errors.contains("systemd does not run here"), "\(absent)")
        }
        let launchd = try await world.program.run("backup", "auto", "--with", "launchd")
        #expect(launchd.code == 64 && launchd.errors.contains("--print"), "\(launchd)")
        let typo = try await world.program.run("backup", "atuo")
        #expect(typo.code == 64 && typo.errors.contains("did you mean `auto`?"), "\(typo)")
    }

    /// As somebody else, whose crontab is nobody's: never the crontab of who runs the tests.
    @Test(.enabled(if: geteuid() == 0)) func `a user's crontab is set up, compared and taken back`() async throws {
        let world = try OrdinaryUser.world("auto")
        try world.writeDocumentsProfile("schedule: { backup: \"06:00, 18:00\" }")
        try OrdinaryUser.give(world)
        let before = try await crontab(world)
        try #require(before.code == 1, "the crontab of nobody is in use: \(before)")
        do {
            let diff = try await world.program.run("backup", "auto", "--diff", "--with", "cron")
            #expect(diff.code == 1 && diff.output.contains("+0 6,18 * * * /usr/bin/env "), "\(diff)")
            let set = try await world.program.run("backup", "auto", "--with", "cron")
            #expect(set.code == 0 && set.output.contains("backup: 06:00, 18:00, next at "), "\(set)")
            let installed = try await crontab(world)
            #expect(installed.output.contains("\n0 6,18 * * * /usr/bin/env "), "\(installed)")
            let same = try await world.program.run("backup", "auto", "--diff", "--with", "cron")
            #expect(same.code == 0 && same.output.isEmpty, "\(same)")
            // cron's own way of starting it.
            let line = try #require(installed.output.split(separator: "\n").first { $0.hasPrefix("0 6,18 ") })
            let command = String(line.split(separator: " ", maxSplits: 5)[5])
            #expect(command.contains("--scheduled") && command.contains("--quiet"))
            let doctor = try await world.program.run("doctor")
            #expect(doctor.output.contains("schedule: set up with cron"), "\(doctor)")
            let off = try await world.program.run("backup", "auto", "--disable", "--with", "cron", "--json")
            #expect(off.code == 0, "\(off)")
            #expect(try off.document().objects("files").map { $0.text("state") } == ["removed"])
        }
        #expect(try await crontab(world).code == 1)
        let again = try await world.program.run("backup", "auto", "--disable", "--with", "cron")
        #expect(again.code == 0 && again.output.contains("nothing was set up"), "\(again)")
    }

    private func crontab(_ world: World) async throws -> HoldfastProgram.Result {
        let program = world.program
        let running = try program.startTool(program.prefix + ["crontab", "-l"])
        return await running.result()
    }
}
