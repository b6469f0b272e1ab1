import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import HostSystem
import ProfileLoader
import Scheduling

/// `holdfast backup auto`
struct BackupAuto: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "auto", abstract: "Let the host take backups by itself, at the times of the profile.",
        usage:
            "holdfast backup auto [--offsite] [--disable | --diff | --print] [--with systemd|cron|launchd] [<options>]",
        discussion: """
            Sets up timers of systemd, or of cron where systemd does not run, for what the
            profile has under `schedule:`; where it says nothing, a backup every day at
            02:00. As root for the whole machine, otherwise for yourself. Called again, it
            brings up to date what is there, and touches nothing that it has not made.
            Also: every hour a look whether something is overdue, and at each start of the
            machine `holdfast recover`.

            Example: holdfast backup auto --diff
            """)

    @Flag(help: "Every one of these backups also feeds the followers that are fed on request.")
    var offsite = false

    @Flag(help: "Take away what was set up for the profile.")
    var disable = false

    @Flag(help: "Show what would change, and exit 1 if anything would; change nothing.")
    var diff = false

    @Flag(name: .customLong("print"), help: "Print the whole of it; change nothing.")
    var printing = false

    @Option(name: .customLong("with"), help: ArgumentHelp("Whose timers: systemd, cron or launchd.", valueName: "name"))
    var timer: TimerKind?

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if [disable, diff, printing].filter(\.self).count > 1 {
            throw ValidationError("--disable, --diff and --print are three different things; give one of them")
        }
        if disable, offsite { throw ValidationError("--disable takes everything away; leave out --offsite") }
    }

    func perform(_ console: Console) async throws -> ExitStatus {
        let loaded = try Profiles(global).loaded()
        let live = try Live(global, console)
        let name = live.profile.name
        if disable { return try await takeAway(live, name, console) }
        if offsite { _ = try live.offsite() }
        let survey = TimetableSurvey(live)
        let timetable = try survey.timetable(offsite: offsite)
        let timer = try live.timer(timer)
        let wanted = try timer.wanted(timetable)
        let warnings = survey.warnings(timetable, loaded.effective.root, timer)
        if printing {
            show(wanted, live, timer, warnings, console)
            return .success
        }
        let changes = ScheduleChange.between(try await timer.installed(name), wanted)
        let differs = changes.contains { $0.kind != .unchanged }
        if diff {
            let troubles = differs ? [] : await timer.troubles(wanted)
            if console.isJSON {
                console.print(document(changes, live, timer, warnings + troubles))
            } else {
                for line in changes.flatMap(\.lines) { console.print(Console.harmless(line)) }
                for trouble in troubles { console.warn(trouble) }
                if !differs, troubles.isEmpty { console.say("everything is as the profile says") }
            }
            return differs || !troubles.isEmpty ? .failed : .success
        }
        try live.requireRunning(timer)
        try await timer.apply(changes, of: name)
        for other in live.timers() where other.kind != timer.kind { try await clear(other, name, console) }
        if console.isJSON {
            console.print(document(changes, live, timer, warnings))
        } else {
            for change in changes where change.kind != .unchanged {
                console.say("\(change.kind.rawValue) \(Console.harmless(change.path))")
            }
            if !differs { console.say("nothing had to change") }
            for line in summary(live, timer) { console.print(Console.harmless(line)) }
            for warning in warnings { console.warn(warning) }
            for key in live.profile.ignoredKeys where key.hasPrefix("schedule") {
                console.say("note: this version does not act on `\(key)`")
            }
        }
        return .success
    }

    private func takeAway(_ live: Live, _ name: ProfileName, _ console: Console) async throws -> ExitStatus {
        var removed: [ScheduleChange] = []
        let timers = timer == nil ? live.timers() : [try live.timer(timer)]
        for timer in timers {
            let changes = ScheduleChange.between(try await timer.installed(name), [])
            guard !changes.isEmpty else { continue }
            try await timer.apply(changes, of: name)
            removed += changes
        }
        if console.isJSON {
            console.print(
                .object([
                    ("profile", .string(name.rawValue)), ("files", .array(removed.map(BackupAuto.document))),
                ]))
        } else {
            for change in removed { console.say("removed \(Console.harmless(change.path))") }
            console.print(
                removed.isEmpty
                    ? "nothing was set up for profile \(name)" : "profile \(name) is not backed up by itself any more")
        }
        return .success
    }

    /// Two kinds of timers for one profile would be one too many.
    private func clear(_ other: any HostTimer, _ name: ProfileName, _ console: Console) async throws {
        let changes = ScheduleChange.between(try await other.installed(name), [])
        guard !changes.isEmpty else { return }
        try await other.apply(changes, of: name)
        for change in changes { console.say("removed \(Console.harmless(change.path))") }
    }

    // MARK: Words

    private func summary(_ live: Live, _ timer: any HostTimer) -> [String] {
        let zone = TimeZone.current
        var lines = ["profile \(live.profile.name), by \(timer.kind.rawValue), times of \(zone.identifier):"]
        for (work, schedule) in BackupAuto.schedules(live.profile) {
            let next = schedule.next(after: Date(), in: zone).map { ", next at \(LocalTime($0, zone).text)" } ?? ""
            lines.append("  \(work.rawValue): \(schedule.words)\(next)")
            lines += DueViews.clockChanges(schedule, zone).map { "    \($0)" }
        }
        do {
            let usual = try Schedule(ProfileSchedules.usualBackup)
            if try DueReview(live.engine(), usual: usual).backup().isDue {
                lines.append("  a backup is due now; the next look, within the hour, takes it")
            }
        } catch {
            // What stands in the way of backups is told by them.
        }
        if offsite {
            lines.append("  offsite: with every backup")
        } else if let schedule = live.profile.schedules.offsite {
            lines.append("  offsite: \(schedule.words), with the next backup from then on")
        }
        return lines
    }

    private static func schedules(_ profile: Profile) -> [(ScheduledWork, Schedule)] {
        ScheduledWork.allCases.compactMap { work in
            if let schedule = profile.schedules[work] { return (work, schedule) }
            guard work == .backup else { return nil }
            do throws(ScheduleSyntaxError) { return (work, try Schedule(ProfileSchedules.usualBackup)) } catch {
                return nil
            }
        }
    }

    private func show(
        _ files: [ScheduleFile], _ live: Live, _ timer: any HostTimer, _ warnings: [String], _ console: Console
    ) {
        if console.isJSON {
            let changes = files.map { ScheduleChange(path: $0.path, before: nil, after: $0.text) }
            return console.print(document(changes, live, timer, warnings))
        }
        for file in files { console.print("### \(Console.harmless(file.path))\n\(Console.harmless(file.text))") }
        for warning in warnings { console.warn(warning) }
    }

    private func document(
        _ changes: [ScheduleChange], _ live: Live, _ timer: any HostTimer, _ warnings: [String]
    ) -> JSONValue {
        .object([
            ("profile", .string(live.profile.name.rawValue)), ("with", .string(timer.kind.rawValue)),
            ("timeZone", .string(TimeZone.current.identifier)), ("offsite", JSONValue(offsite)),
            ("files", .array(changes.map(BackupAuto.document))),
            (
                "schedules",
                .array(
                    BackupAuto.schedules(live.profile).map { work, schedule in
                        .object([
                            ("operation", .string(work.rawValue)), ("schedule", JSONValue(schedule.texts)),
                            ("next", JSONValue(schedule.next(after: Date(), in: .current))),
                            ("clockChanges", JSONValue(DueViews.clockChanges(schedule, .current))),
                        ])
                    })
            ),
            ("warnings", JSONValue(warnings)),
        ])
    }

    private static func document(_ change: ScheduleChange) -> JSONValue {
        .object([
            ("path", .string(change.path)), ("state", .string(change.kind.rawValue)), ("text", JSONValue(change.after)),
        ])
    }
}

extension TimerKind: ExpressibleByArgument {}

/// What `doctor` says of the timers.
struct ScheduleExamination {
    private let live: Live
    init(_ live: Live) { self.live = live }

    func run() async -> [Finding] {
        let profile = live.profile
        do {
            for timer in live.timers() {
                let installed = try await timer.installed(profile.name)
                guard !installed.isEmpty else { continue }
                // With or without --offsite: both are meant.
                let isOffsite = installed.contains { $0.text.contains("--offsite") }
                let timetable = try TimetableSurvey(live).timetable(offsite: isOffsite)
                let changed = ScheduleChange.between(installed, try timer.wanted(timetable)).filter { $0.isOfNote }
                let troubles = await timer.troubles(installed)
                guard changed.isEmpty, troubles.isEmpty else {
                    return [
                        Finding(
                            state: .warning, subject: "schedule",
                            detail: (troubles + changed.map { "\($0.path) is not what the profile asks for now" })
                                .joined(separator: "; "),
                            hint: "holdfast backup auto --diff shows it, holdfast backup auto brings it up to date")
                    ]
                }
                return [Finding(state: .good, subject: "schedule", detail: "set up with \(timer.kind.rawValue)")]
            }
        } catch let error as any OperatorError {
            return [
                Finding(state: .warning, subject: "schedule", detail: error.description, hint: error.hint)
            ]
        } catch {
            return [Finding(state: .warning, subject: "schedule", detail: "\(error)")]
        }
        guard !profile.schedules.isEmpty else { return [] }
        return [
            Finding(
                state: .warning, subject: "schedule",
                detail: "the profile has `schedule:`, and no timer is set up for it",
                hint: "holdfast backup auto")
        ]
    }
}
