package import Foundation

/// What setting the clock does to a schedule.
package struct ClockChange: Sendable, Equatable {
    package enum Effect: Sendable, Equatable {
        /// That time does not exist then; it is done at this instant.
        case skipped(doneAt: Date)
        /// That time comes twice then; it is done at this instant, the first.
        case doubled(doneAt: Date)
    }

    /// `2027-03-14`
    package var day: String
    /// `02:30`
    package var time: String
    package var effect: Effect

    package var instant: Date {
        switch effect {
        case .skipped(let instant), .doubled(let instant): instant
        }
    }

    /// `02:30 does not exist on 2027-03-14 (America/New_York); it is done at 03:00 then, once`
    package func words(in zone: TimeZone) -> String {
        switch effect {
        case .skipped(let instant):
            "\(time) does not exist on \(day) (\(zone.identifier), the clock is set forward); done at "
                + "\(LocalTime(instant, zone).time) then, once"
        case .doubled:
            "\(time) comes twice on \(day) (\(zone.identifier), the clock is set back); done the first time, once"
        }
    }
}

extension Schedule {
    /// Slots in the time to come that are not where the text says, or not only there.
    package func clockChanges(from now: Date, days: Int = 400, in zone: TimeZone) -> [ClockChange] {
        var found: [ClockChange] = []
        for rule in rules where !rule.isHourly {
            let clock = LocalClock(zone: rule.zone ?? zone)
            let today = clock.day(at: now)
            for ahead in 0..<days {
                let day = today.advanced(by: ahead)
                guard rule.includes(day), clock.isSet(around: day) else { continue }
                for minute in rule.minutesOfDay {
                    let effect: ClockChange.Effect
                    switch clock.showing(day, minute: minute, isSet: true) {
                    case .once: continue
                    case .twice(let first, _): effect = .doubled(doneAt: first)
                    case .never(let instant): effect = .skipped(doneAt: instant)
                    }
                    guard effect.instant > now else { continue }
                    found.append(
                        ClockChange(
                            day: LocalTime.day(day.year, day.month, day.day),
                            time: LocalTime.time(minute / 60, minute % 60), effect: effect))
                }
            }
        }
        return found.sorted { ($0.instant, $0.time) < ($1.instant, $1.time) }
    }
}

extension ClockChange.Effect {
    fileprivate var instant: Date {
        switch self {
        case .skipped(let instant), .doubled(let instant): instant
        }
    }
}

/// An instant as a zone's clock shows it.
package struct LocalTime: Sendable, Equatable {
    /// `2026-11-21`
    package let day: String
    /// `02:30`
    package let time: String
    package let hour: Int
    package let minute: Int

    package init(_ instant: Date, _ zone: TimeZone) {
        let shown = UTCTime(instant.addingTimeInterval(Double(zone.secondsFromGMT(for: instant))))
        day = LocalTime.day(shown.year, shown.month, shown.day)
        time = LocalTime.time(shown.hour, shown.minute)
        (hour, minute) = (shown.hour, shown.minute)
    }

    package var text: String { "\(day) \(time)" }

    static func day(_ year: Int, _ month: Int, _ day: Int) -> String {
        "\(year)-\(two(month))-\(two(day))"
    }
    static func time(_ hour: Int, _ minute: Int) -> String { "\(two(hour)):\(two(minute))" }
    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
