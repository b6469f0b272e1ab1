package import BackupModel
package import Foundation

/// What the host's timers are to start for one profile.
package struct Timetable: Sendable, Equatable {
    package var profile: ProfileName
    /// Absolute: what is started.
    package var program: String
    /// What chooses folders and programs, as whoever set it up sees it.
    package var environment: [String: String]
    package var jobs: [ScheduledJob]
    package var demands: UnitDemands

    package init(
        profile: ProfileName, program: String, environment: [String: String], jobs: [ScheduledJob],
        demands: UnitDemands = UnitDemands()
    ) {
        self.profile = profile
        self.program = program
        self.environment = environment
        self.jobs = jobs
        self.demands = demands
    }

    /// Carried over from whoever sets it up: they decide where things lie. `TZ` is not: slots are of the host's own zone.
    package static let carriedVariables = [
        "PATH", "HOLDFAST_STATE_DIR", "HOLDFAST_CACHE_DIR", "HOLDFAST_CONFIG_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
    ]
}

/// One line of a timetable.
package struct ScheduledJob: Sendable, Equatable {
    package enum Ticks: Sendable, Equatable {
        /// - Parameters:
        ///   - slots: when it is to be done.
        ///   - extra: when to look as well: what is not due ends at once.
        case calendar(slots: [CalendarRule], extra: [CalendarRule])
        case boot
    }

    /// Without a `-`, so that the names of units cannot be mistaken for one another.
    package var name: String
    package var title: String
    package var arguments: [String]
    package var ticks: Ticks
    /// Beside 0: ends that are no failure of the timer's.
    package var goodExits: [Int32]

    package init(name: String, title: String, arguments: [String], ticks: Ticks, goodExits: [Int32]) {
        self.name = name
        self.title = title
        self.arguments = arguments
        self.ticks = ticks
        self.goodExits = goodExits
    }

    /// All times at which it is started.
    package var allTicks: [CalendarRule] {
        switch ticks {
        case .calendar(let slots, let extra): slots + extra.filter { !slots.contains($0) }
        case .boot: []
        }
    }
}

/// What a profile asks of the unit that its runs live in, beside the usual.
package struct UnitDemands: Sendable, Equatable {
    /// `credential:` secrets by their names: where each is, `nil` where it was not found.
    package var credentials: [String: Credential] = [:]
    /// Folders that it writes to.
    package var writes: [String] = []
    package init() {}

    package struct Credential: Sendable, Equatable {
        package var path: String?
        package var isEncrypted: Bool
        package init(path: String?, isEncrypted: Bool) {
            self.path = path
            self.isEncrypted = isEncrypted
        }
    }
}

/// What is to be set up, as asked for.
package struct TimetableRequest: Sendable {
    package var profilePath: String
    package var configFolder: String?
    package var offsite = false
    package var program: String
    package var environment: [String: String]
    package var zone: TimeZone
    package var now: Date

    package init(
        profilePath: String, configFolder: String? = nil, offsite: Bool = false, program: String,
        environment: [String: String], zone: TimeZone, now: Date
    ) {
        self.profilePath = profilePath
        self.configFolder = configFolder
        self.offsite = offsite
        self.program = program
        self.environment = environment
        self.zone = zone
        self.now = now
    }
}

extension Timetable {
    package init(_ profile: Profile, _ request: TimetableRequest, _ demands: UnitDemands) throws(ScheduleSyntaxError) {
        let place =
            ["--profile", request.profilePath] + (request.configFolder.map { ["--config-dir", $0] } ?? [])
        let minute = SpreadTime(
            seed: ProfileSchedules.seed(host: profile.host, profile: profile.name, of: "ticks")
        ).minuteOfHour
        func ticks(_ schedule: Schedule, later: Int) -> ScheduledJob.Ticks {
            .calendar(
                slots: schedule.rules,
                extra: schedule.gapTicks(from: request.now, in: request.zone) + [
                    Timetable.hourly((minute + later) % 60)
                ])
        }
        let wait = profile.settings.lockWait == .zero ? ["--lock-wait", "1h"] : []
        var jobs: [ScheduledJob] = []
        for (work, later) in [(ScheduledWork.backup, 0), (.verify, 20), (.prune, 40), (.drill, 50)] {
            var usual: [String] = []
            var schedule = profile.schedules[work]
            if work == .backup, schedule == nil {
                schedule = try Schedule(ProfileSchedules.usualBackup)
                usual = ["--default-schedule", ProfileSchedules.usualBackup]
            }
            guard let schedule else { continue }
            let command =
                switch work {
                case .backup: ["backup"]
                case .verify, .prune: ["backup", work.rawValue]
                case .drill: ["drill"]
                }
            let offsite = work == .backup && request.offsite ? ["--offsite"] : []
            jobs.append(
                ScheduledJob(
                    name: work.rawValue, title: "\(work.rawValue) of profile \(profile.name), \(schedule.words)",
                    arguments: command + place + ["--scheduled"] + usual + offsite + wait + ["--quiet"],
                    ticks: ticks(schedule, later: later), goodExits: [ExitStatus.tryLater.rawValue]))
        }
        jobs.append(
            ScheduledJob(
                name: "status", title: "whether profile \(profile.name) is overdue",
                arguments: ["status"] + place + ["--scheduled", "--quiet"],
                ticks: .calendar(slots: [Timetable.hourly((minute + 10) % 60)], extra: []),
                // Being overdue is told of in other ways.
                goodExits: [ExitStatus.overdue.rawValue]))
        jobs.append(
            ScheduledJob(
                name: "recover", title: "what a run of profile \(profile.name) left when the machine went down",
                // Of every profile, and without their repositories: a disk may come up later.
                arguments: ["recover", "--all"] + (request.configFolder.map { ["--config-dir", $0] } ?? []) + [
                    "--quiet"
                ],
                ticks: .boot,
                // No repository yet, or a run that is at work already.
                goodExits: [ExitStatus.noRepository.rawValue, ExitStatus.tryLater.rawValue]))
        self.init(
            profile: profile.name, program: request.program, environment: request.environment, jobs: jobs,
            demands: demands)
    }

    private static func hourly(_ minute: Int) -> CalendarRule {
        CalendarRule(hours: NumberSet(0...23), minutes: NumberSet([minute]))
    }
}

extension Schedule {
    /// When to look so that a slot that the clock is set forward over is done at that very instant: systemd leaves such a
    /// time out. In the months in which it happens within the years to come.
    package func gapTicks(from now: Date, in zone: TimeZone) -> [CalendarRule] {
        var ticks: [CalendarRule] = []
        for rule in rules {
            let wall = rule.zone ?? zone
            for change in Schedule(texts: [], rules: [rule]).clockChanges(from: now, days: 1100, in: zone) {
                guard case .skipped(let instant) = change.effect else { continue }
                let shown = LocalTime(instant, wall)
                var tick = CalendarRule(hours: NumberSet([shown.hour]), minutes: NumberSet([shown.minute]))
                tick.zone = rule.zone
                tick.months = NumberSet([Int(shown.day.dropFirst(5).prefix(2)) ?? 1])
                if !ticks.contains(tick) { ticks.append(tick) }
            }
        }
        return ticks
    }
}
