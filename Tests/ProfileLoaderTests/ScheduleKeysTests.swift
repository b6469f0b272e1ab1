import BackupModel
import Foundation
import TestSupport
import Testing

@testable import ProfileLoader

@Suite struct ScheduleKeysTests {
    private let fixture: LoaderFixture
    init() throws { fixture = try LoaderFixture() }

    @Test func `every key of schedule is understood`() throws {
        let profile = try fixture.load(
            plainProfile + """

                schedule:
                  backup: ["06:00, 18:00", "Sat 12:00"]
                  offsite: weekly
                  verify: weekly Sun 04:00
                  prune: 0 5 1 * *
                  drill: monthly
                """
        ).profile
        #expect(profile.schedules.backup?.rules.map(\.onCalendar) == ["*-*-* 06,18:00:00", "Sat *-*-* 12:00:00"])
        #expect(profile.schedules.offsite?.rules.map(\.onCalendar) == ["Mon *-*-* 00:00:00"])
        #expect(profile.schedules.verify?.words == "weekly Sun 04:00")
        #expect(profile.schedules.prune?.rules.map(\.onCalendar) == ["*-*-01 05:00:00"])
        #expect(profile.ignoredKeys == [] && profile.schedules.drill != nil)
    }

    @Test func `a cadence begins with its week or month`() throws {
        let profile = try fixture.load(
            plainProfile.replacingOccurrences(of: "  files:\n", with: "  files:\n    cadence: weekly\n")
        ).profile
        #expect(profile.sources[0].cadence?.rules.map(\.onCalendar) == ["Mon *-*-* 00:00:00"])
        #expect(profile.ignoredKeys.isEmpty)
    }

    @Test func `a time that is not said belongs to this host and profile`() throws {
        func time(_ more: String) throws -> String? {
            try fixture.load(plainProfile + "\nschedule: { backup: daily }\n" + more).profile.schedules.backup?.rules[0]
                .onCalendar
        }
        let first = try time("host: web1")
        #expect(try first == time("host: web1"))
        #expect(try Set((0..<20).map { try time("host: web\($0)") }).count > 10)
    }

    @Test func `every wrong schedule is named with its line`() throws {
        let messages = try fixture.messages(
            """
            profile: app
            schedule:
              backup: [daily 02:00, dayly 03:00]
              verify: weekly Sunn
              prune: []
              bakup: daily
            sources:
              files: { files: { paths: [/srv/app] }, cadence: "0 3 30 2 *" }
            repositories:
              local: { restic: /srv/repo, password: env:RESTIC_PASSWORD }
            """)
        #expect(messages.count == 5, "\(messages)")
        #expect(
            messages.contains {
                $0.hasPrefix("app.yaml:3:25: schedule.backup: `dayly` is no schedule")
                    && $0.hasSuffix("(did you mean `daily`?)")
            })
        #expect(messages.contains { $0.hasPrefix("app.yaml:4:11: schedule.verify: `Sunn` is no day of the week") })
        #expect(messages.contains { $0.hasPrefix("app.yaml:5:10: schedule.prune: is an empty list") })
        #expect(messages.contains { $0.hasPrefix("app.yaml:6:3: schedule.bakup: ") && $0.contains("backup") })
        #expect(messages.contains { $0.hasPrefix("app.yaml:8:51: sources.files.cadence: `0 3 30 2 *` never comes") })
    }

    private func notes(_ schedule: String, zone: String = "America/New_York") throws -> [String] {
        let text = plainProfile + "\nschedule: \(schedule)\n"
        let root = try #require(fixture.loader.examine(try fixture.folder.write(text, to: "app.yaml")).root)
        let now = try #require(Timestamp.parse("2026-11-21T12:00:00Z"))
        return ScheduleCheck(root, now: now, zone: try #require(TimeZone(identifier: zone))).notes.map(\.message)
    }

    @Test func `what setting the clock will do is noted before`() throws {
        #expect(
            try notes("{ backup: \"01:30,02:30\" }") == [
                "02:30 does not exist on 2027-03-14 (America/New_York, the clock is set forward); done at 03:00 then, once",
                "01:30 comes twice on 2027-11-07 (America/New_York, the clock is set back); done the first time, once",
            ])
        #expect(try notes("{ backup: \"01:30,02:30\" }", zone: "UTC").isEmpty)
        // A time of our own choice is nowhere near.
        #expect(try notes("{ backup: daily, verify: weekly }").isEmpty)
    }

    @Test func `an offsite time at which no backup begins is noted`() throws {
        #expect(
            try notes("{ backup: daily 02:00, offsite: daily 03:00 }", zone: "UTC") == [
                "no backup begins at 2026-11-22 03:00: the one at 2026-11-23 02:00 feeds the followers instead"
            ])
        #expect(try notes("{ backup: daily 02:00, offsite: Sun 02:00 }", zone: "UTC").isEmpty)
        #expect(try notes("{ backup: daily 02:00, offsite: weekly }", zone: "UTC").isEmpty)
    }
}
