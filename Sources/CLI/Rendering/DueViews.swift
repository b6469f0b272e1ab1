import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// What is due, in words and in JSON.
enum DueViews {
    /// - Returns: false after it has said why not.
    static func isDue(_ work: ScheduledWork, _ engine: Engine, _ console: Console) throws -> Bool {
        guard let slot = try DueReview(engine).slot(work), !slot.verdict.isDue else { return true }
        tell(work, words(slot, engine.timeZone), slot, console)
        return false
    }

    static func tellNotDue(_ due: DueReview.Backup, _ zone: TimeZone, _ console: Console) {
        guard due.hasWork else {
            let sources = due.sources.map { "\($0.name) \(words($0, zone))" }
            return tell(.backup, "no source is: " + sources.joined(separator: "; "), due.slot, console)
        }
        tell(.backup, due.slot.map { words($0, zone) } ?? "", due.slot, console)
    }

    private static func tell(_ work: ScheduledWork, _ why: String, _ slot: DueReview.Slot?, _ console: Console) {
        guard console.isJSON else { return console.say("\(work.rawValue) is not due: \(why)") }
        console.print(
            JSONValue.object([
                ("event", .string("notDue")), ("operation", .string(work.rawValue)), ("why", .string(why)),
                ("slot", JSONValue(slot?.verdict.slot)), ("next", JSONValue(slot?.next)),
            ]).text())
    }

    static func words(_ slot: DueReview.Slot, _ zone: TimeZone) -> String {
        func shown(_ date: Date) -> String { LocalTime(date, zone).text }
        let now =
            switch slot.verdict {
            case .due(let slot, 1): "the slot of \(shown(slot)) is due"
            case .due(let slot, let attempt): "the slot of \(shown(slot)) is due, attempt \(attempt)"
            case .served(let slot, let run): "the slot of \(shown(slot)) was served by run \(run)"
            case .underWay(let slot, let run): "run \(run) is at work for the slot of \(shown(slot))"
            case .waiting(let slot, let until, let attempts):
                "the slot of \(shown(slot)) failed \(attempts == 1 ? "once" : "\(attempts) times"), and is tried again from "
                    + shown(until) + " on"
            case .givenUp(let slot, let attempts):
                "the slot of \(shown(slot)) failed \(attempts) times, and is not tried again by itself"
            case .noneYet: "there is nothing yet to do it with"
            }
        return now + "; " + (slot.next.map { "the next is at \(shown($0))" } ?? "there is no next one")
    }

    static func words(_ source: DueReview.Source, _ zone: TimeZone) -> String {
        guard !source.isDue else { return "due (\(source.cadence.words))" }
        return "captured by run \(source.captured?.rawValue ?? "unknown") (\(source.cadence.words))"
            + (source.next.map { ", due again from \(LocalTime($0, zone).text) on" } ?? "")
    }

    static func notDue(_ source: NotDue) -> JSONValue {
        .object([
            ("source", .string(source.source.rawValue)), ("captured", JSONValue(source.captured?.rawValue)),
            ("next", JSONValue(source.next)),
        ])
    }

    static func state(_ verdict: SlotVerdict) -> String {
        switch verdict {
        case .due: "due"
        case .served: "served"
        case .underWay: "underWay"
        case .waiting: "waiting"
        case .givenUp: "givenUp"
        case .noneYet: "noneYet"
        }
    }
}

/// What `why` says of the time table.
struct ScheduleReasons {
    let lines: [String]
    let document: JSONValue

    init(_ live: Live) async throws {
        let profile = live.profile
        // What `backup auto` has set up for a profile that says nothing.
        var usual: Schedule?
        if profile.schedules.backup == nil, try await live.hasTimers() {
            usual = try Schedule(ProfileSchedules.usualBackup)
        }
        let review = DueReview(try live.engine(), usual: usual)
        let zone = TimeZone.current
        var lines: [String] = []
        var works: [JSONValue] = []
        for work in ScheduledWork.allCases {
            guard let slot = try review.slot(work) else { continue }
            let (last, missed) = try review.missed(work)
            let changes = DueViews.clockChanges(slot.schedule, zone)
            lines.append("\(work.rawValue) (\(slot.schedule.words)): \(DueViews.words(slot, zone))")
            if let last { lines.append("  last served by run \(last.id) of \(LocalTime(last.started, zone).text)") }
            if !missed.isEmpty {
                lines.append(
                    "  missed since: \(missed.count == 1 ? "the slot" : "\(missed.count) slots, the last") of "
                        + "\(missed.last.map { LocalTime($0, zone).text } ?? ""); what was missed is caught up once")
            }
            lines += changes.map { "  \($0)" }
            works.append(
                .object([
                    ("operation", .string(work.rawValue)), ("schedule", JSONValue(slot.schedule.texts)),
                    ("state", .string(DueViews.state(slot.verdict))), ("slot", JSONValue(slot.verdict.slot)),
                    ("next", JSONValue(slot.next)), ("lastServed", JSONValue(last?.id.rawValue)),
                    ("missed", JSONValue(missed.count)), ("clockChanges", JSONValue(changes)),
                ]))
        }
        let due = try review.backup()
        for source in due.sources { lines.append("\(source.name): \(DueViews.words(source, zone))") }
        if let offsite = profile.schedules.offsite {
            lines.append(
                "offsite (\(offsite.words)): the next scheduled backup \(due.feedsOffsite ? "feeds" : "does not feed") the "
                    + "followers that are fed on request")
        }
        if works.isEmpty {
            lines.append(
                "nothing is scheduled in the profile; `holdfast backup auto` sets up a backup every day at 02:00")
        }
        self.lines = lines
        document = .object([
            ("timeZone", .string(zone.identifier)), ("work", .array(works)),
            (
                "sources",
                .array(
                    due.sources.map { source in
                        .object([
                            ("source", .string(source.name.rawValue)), ("cadence", JSONValue(source.cadence.texts)),
                            ("due", JSONValue(source.isDue)), ("captured", JSONValue(source.captured?.rawValue)),
                            ("next", JSONValue(source.next)),
                        ])
                    })
            ),
            ("feedsOffsite", JSONValue(due.feedsOffsite)),
        ])
    }
}

extension DueViews {
    /// The next time that each way of setting the clock touches a schedule.
    static func clockChanges(_ schedule: Schedule, _ zone: TimeZone) -> [String] {
        var told: Set<String> = []
        return schedule.clockChanges(from: Date(), in: zone).compactMap { change in
            let key =
                switch change.effect {
                case .skipped: "skipped"
                case .doubled: "doubled"
                }
            return told.insert(key).inserted ? change.words(in: zone) : nil
        }
    }
}

/// A schedule on the command line, as profiles write it.
struct ScheduleArgument: ExpressibleByArgument {
    var schedule: Schedule
    init?(argument: String) {
        do throws(ScheduleSyntaxError) { schedule = try Schedule(argument) } catch { return nil }
    }
}
