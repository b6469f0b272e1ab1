package import BackupModel

/// launchd's property lists, as text only: nothing here has been tried on a Mac.
/// - Source: launchd.plist(5), macOS 14.
package struct Launchd: HostTimer {
    package let folder: String
    package var kind: TimerKind { .launchd }

    package init(folder: String) { self.folder = folder }

    /// More than launchd should be given; a rule that needs more is looked at each hour instead.
    private static let mostTimes = 400

    package func wanted(_ timetable: Timetable) throws(ScheduleError) -> [ScheduleFile] {
        guard timetable.demands.credentials.isEmpty else {
            throw .impossible("launchd hands no `credential:` to what it starts", hint: "use `file:` in the profile")
        }
        var files: [ScheduleFile] = []
        for job in timetable.jobs {
            let label = "holdfast.\(timetable.profile).\(job.name)"
            files.append(ScheduleFile(path: "\(folder)/\(label).plist", text: try list(label, job, timetable)))
        }
        return files
    }

    private func list(_ label: String, _ job: ScheduledJob, _ timetable: Timetable) throws(ScheduleError) -> String {
        var lines = [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
            "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">",
            "<!-- Untested: nobody has tried this on a Mac yet. -->",
            "<plist version=\"1.0\">", "<dict>", "  <key>Label</key><string>\(label)</string>",
            "  <key>ProgramArguments</key>", "  <array>",
        ]
        for word in [timetable.program] + job.arguments {
            lines.append("    <string>\(try Quoting.xml(word))</string>")
        }
        lines += ["  </array>", "  <key>EnvironmentVariables</key>", "  <dict>"]
        for (name, value) in timetable.environment.sorted(by: { $0.key < $1.key }) {
            lines.append("    <key>\(name)</key><string>\(try Quoting.xml(value))</string>")
        }
        lines += [
            "  </dict>", "  <key>ProcessType</key><string>Background</string>",
            "  <key>Umask</key><integer>63</integer>",
        ]
        switch job.ticks {
        case .boot: lines.append("  <key>RunAtLoad</key><true/>")
        case .calendar:
            lines += ["  <key>StartCalendarInterval</key>", "  <array>"]
            lines += job.allTicks.flatMap(Launchd.times).map { "    \($0)" }
            lines.append("  </array>")
        }
        lines += ["</dict>", "</plist>"]
        return lines.joined(separator: "\n") + "\n"
    }

    /// One dictionary for each combination; what is left out means every.
    static func times(_ rule: CalendarRule) -> [String] {
        func choices(_ set: NumberSet, _ all: Int) -> [Int?] { set.count == all ? [nil] : set.numbers.map { $0 } }
        var days: [Int?] = [nil]
        if case .ofMonth(let set) = rule.days { days = choices(set, 31) }
        let week = choices(rule.weekdays, 7).map { $0.map { $0 % 7 } }
        let months = choices(rule.months, 12)
        let hours = rule.zone == nil ? choices(rule.hours, 24) : [nil]
        let minutes = rule.minutes.numbers
        guard days.count * week.count * months.count * hours.count * minutes.count <= mostTimes else {
            return ["<dict><key>Minute</key><integer>\(minutes.first ?? 0)</integer></dict>"]
        }
        var found: [String] = []
        for month in months {
            for day in days {
                for weekday in week {
                    for hour in hours {
                        for minute in minutes {
                            let keys: [(String, Int?)] = [
                                ("Month", month), ("Day", day), ("Weekday", weekday), ("Hour", hour),
                                ("Minute", minute),
                            ]
                            let inside = keys.compactMap { name, value in
                                value.map { "<key>\(name)</key><integer>\($0)</integer>" }
                            }
                            found.append("<dict>\(inside.joined())</dict>")
                        }
                    }
                }
            }
        }
        return found
    }

    private var refusal: ScheduleError {
        .impossible(
            "launchd's files are only written out, for nobody has tried them on a Mac yet",
            hint:
                "`holdfast backup auto --with launchd --print` prints them; put each below \(folder) and load it with launchctl"
        )
    }

    package func installed(_ profile: ProfileName) async throws(ScheduleError) -> [ScheduleFile] { throw refusal }
    package func apply(_ changes: [ScheduleChange], of profile: ProfileName) async throws(ScheduleError) {
        throw refusal
    }
    package func troubles(_ files: [ScheduleFile]) async -> [String] { [] }
}
