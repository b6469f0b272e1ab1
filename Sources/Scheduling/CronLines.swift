import BackupModel

/// A timetable as lines of a crontab.
/// - Source: crontab(5), Debian's cron 3.0pl1.
struct CronLines {
    let timetable: Timetable
    /// Whom the jobs run as, in a crontab of the system.
    let user: String?

    /// What cron takes of a line.
    private static let longest = 990

    func text() throws(ScheduleError) -> String {
        guard timetable.demands.credentials.isEmpty else {
            throw .impossible(
                "cron hands no `credential:` to what it starts: \(timetable.demands.credentials.keys.sorted().joined(separator: ", "))",
                hint: "use systemd's timers, or `file:` in the profile")
        }
        var lines: [String] = []
        for job in timetable.jobs {
            lines.append("# \(job.title)")
            var words: [String] = []
            let variables = timetable.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            // Not an assignment of the shell's: the crontab may have chosen another shell.
            for word in ["/usr/bin/env"] + variables + [timetable.program] + job.arguments {
                words.append(try Quoting.cronWord(word))
            }
            let command = words.joined(separator: " ")
            guard command.utf8.count <= CronLines.longest else {
                throw .impossible(
                    "the line that cron would start for \(job.name) is longer than the \(CronLines.longest) bytes that cron takes",
                    hint: "set PATH to fewer folders when you call this, or use systemd's timers")
            }
            for time in times(job) {
                lines.append(([time] + (user.map { [$0] } ?? []) + [command]).joined(separator: " "))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func times(_ job: ScheduledJob) -> [String] {
        switch job.ticks {
        case .boot: ["@reboot"]
        case .calendar:
            job.allTicks.reduce(into: [String]()) { times, rule in
                let time = CronLines.time(rule)
                if !times.contains(time) { times.append(time) }
            }
        }
    }

    /// What cron cannot say exactly becomes more ticks than are needed: what is not due ends at once.
    static func time(_ rule: CalendarRule) -> String {
        // cron knows one zone, the machine's.
        guard rule.zone == nil else { return "*/15 * * * *" }
        let minutes = rule.minutes.text(all: 0...59, between: "-") { "\($0)" }
        let hours = rule.hours.text(all: 0...23, between: "-") { "\($0)" }
        let months = rule.months.text(all: 1...12, between: "-") { "\($0)" }
        let week =
            rule.weekdays.count == 7
            ? "*" : NumberSet(rule.weekdays.numbers.map { $0 % 7 }).text(all: 0...6, between: "-") { "\($0)" }
        var days: String
        switch rule.days {
        case .ofMonth(let set): days = set.text(all: 1...31, between: "-") { "\($0)" }
        case .fromEnd(let set): days = (set.numbers.last ?? 31) <= 1 ? "28-31" : "*"
        }
        // With both restricted cron would take either.
        if days != "*", week != "*" { return "\(minutes) \(hours) \(days) \(months) *" }
        return "\(minutes) \(hours) \(days) \(months) \(week)"
    }
}
