import BackupModel
import Foundation

/// What the shapes of `schedule:` and `cadence:` do not say: whether each text is a schedule, and what the clocks of this
/// host do to it.
struct ScheduleCheck {
    private(set) var problems: [ConfigProblem] = []
    private(set) var notes: [ConfigProblem] = []

    /// - Parameter root: a whole profile; its shapes have been checked.
    init(_ root: ConfigValue, now: Date = Date(), zone: TimeZone = .current) {
        var schedules: [String: Schedule] = [:]
        for entry in root["schedule"]?.entries ?? [] {
            let path = "schedule.\(entry.key)"
            let schedule = read(entry.value, at: path)
            schedules[entry.key] = schedule
            guard entry.key != "offsite" else { continue }
            noteClockChanges(schedule, entry.value.location, path, now, zone)
        }
        for entry in root["sources"]?.entries ?? [] {
            guard let value = entry.value["cadence"] else { continue }
            _ = read(value, at: "sources.\(shown(entry.key)).cadence")
        }
        if let value = root["schedule"]?["offsite"], let offsite = schedules["offsite"] {
            noteDelay(offsite, after: schedules["backup"], value.location, now, zone)
        }
    }

    private mutating func read(_ value: ConfigValue, at path: String) -> Schedule {
        var schedule = Schedule(texts: [], rules: [])
        if value.elements.isEmpty, case .list = value.content {
            problems.append(
                ConfigProblem(at: value.location, keyPath: path, message: "is an empty list; leave the key out instead")
            )
        }
        for element in value.elements {
            guard let text = element.text else { continue }
            do throws(ScheduleSyntaxError) {
                schedule.rules += try ScheduleText(unsaid: .spread(seed: "")).rules(text)
                schedule.texts.append(text)
            } catch {
                problems.append(
                    ConfigProblem(
                        at: element.location, keyPath: path, message: error.message, suggestion: error.suggestion))
            }
        }
        return schedule
    }

    /// The next time that it happens is enough.
    private mutating func noteClockChanges(
        _ schedule: Schedule, _ location: SourceLocation, _ path: String, _ now: Date, _ zone: TimeZone
    ) {
        var told: Set<String> = []
        for change in schedule.clockChanges(from: now, in: zone) {
            guard told.insert(change.kind).inserted else { continue }
            notes.append(ConfigProblem(at: location, keyPath: path, message: change.words(in: zone)))
        }
    }

    private mutating func noteDelay(
        _ offsite: Schedule, after backup: Schedule?, _ location: SourceLocation, _ now: Date, _ zone: TimeZone
    ) {
        guard let backup, let slot = offsite.next(after: now, in: zone),
            let fed = backup.next(after: slot - 1, in: zone),
            fed > slot, offsite.texts.contains(where: { $0.contains(":") })
        else { return }
        notes.append(
            ConfigProblem(
                at: location, keyPath: "schedule.offsite",
                message:
                    "no backup begins at \(LocalTime(slot, zone).text): the one at \(LocalTime(fed, zone).text) feeds "
                    + "the followers instead"))
    }
}

extension ClockChange {
    /// One note for each way that the clock is set.
    fileprivate var kind: String {
        switch effect {
        case .skipped: "skipped \(time)"
        case .doubled: "doubled \(time)"
        }
    }
}

/// Makes schedules of texts that have been checked.
struct ScheduleDecoder {
    let host: String
    let profile: ProfileName

    func schedules(_ value: ConfigValue?) -> ProfileSchedules {
        var schedules = ProfileSchedules()
        schedules.backup = schedule(value, "backup")
        schedules.verify = schedule(value, "verify")
        schedules.prune = schedule(value, "prune")
        schedules.drill = schedule(value, "drill")
        schedules.offsite = ScheduleDecoder.period(value?["offsite"])
        return schedules
    }

    private func schedule(_ value: ConfigValue?, _ key: String) -> Schedule? {
        let seed = ProfileSchedules.seed(host: host, profile: profile, of: key)
        return ScheduleDecoder.decoded(value?[key], .spread(seed: seed))
    }

    /// Goes along with backups, which have times of their own.
    static func period(_ value: ConfigValue?) -> Schedule? { decoded(value, .beginning) }

    private static func decoded(_ value: ConfigValue?, _ unsaid: UnsaidTime) -> Schedule? {
        guard let texts = value?.strings, !texts.isEmpty else { return nil }
        do throws(ScheduleSyntaxError) { return try Schedule(texts, unsaid: unsaid) } catch { return nil }
    }
}
