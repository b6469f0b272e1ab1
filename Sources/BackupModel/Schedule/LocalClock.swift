import Foundation

/// What the clock on the wall shows, and when it shows it.
struct LocalClock {
    let zone: TimeZone

    enum Showing: Equatable {
        case once(Date)
        /// It is set back over it.
        case twice(Date, Date)
        /// It is set forward over it, at this instant.
        case never(Date)
    }

    func day(at instant: Date) -> CivilDay {
        let local = Int(instant.timeIntervalSince1970.rounded(.down)) + zone.secondsFromGMT(for: instant)
        return CivilDay(daysSinceEpoch: (Double(local) / 86_400).roundedDown)
    }

    /// Whether the clock is set on a day, or so near to it that it may matter.
    func isSet(around day: CivilDay) -> Bool {
        offset(day.number * 86_400 - 90_000) != offset(day.number * 86_400 + 180_000)
    }

    /// When a day's clock shows `minute`, counted from midnight.
    func showing(_ day: CivilDay, minute: Int, isSet: Bool) -> Showing {
        let local = day.number * 86_400 + minute * 60
        guard isSet else { return .once(date(local - offset(local))) }
        // The offsets on both sides of whatever happens to the clock around then.
        let offsets = [offset(local - 108_000), offset(local + 108_000)].sorted(by: >)
        let found = Set(offsets.map { local - $0 }.filter { $0 + offset($0) == local }).sorted()
        if found.count > 1 { return .twice(date(found[0]), date(found[1])) }
        if let only = found.first { return .once(date(only)) }
        // Between these two the clock is set forward.
        var (before, after) = (local - offsets[0], local - offsets[1])
        let old = offset(before)
        while after - before > 1 {
            let middle = before + (after - before) / 2
            if offset(middle) == old { before = middle } else { after = middle }
        }
        return .never(date(after))
    }

    private func offset(_ seconds: Int) -> Int { zone.secondsFromGMT(for: date(seconds)) }
    private func date(_ seconds: Int) -> Date { Date(timeIntervalSince1970: Double(seconds)) }
}

extension Double {
    fileprivate var roundedDown: Int { Int(rounded(.down)) }
}

extension CalendarRule {
    /// The instants of a day, ascending. A time that the clock is set forward over counts at that instant; one that it shows
    /// twice counts the first time, but for hourly rules, which mean every hour that passes.
    func instants(of day: CivilDay, _ clock: LocalClock) -> [Date] {
        guard includes(day) else { return [] }
        let isSet = clock.isSet(around: day)
        let all = minutesOfDay.flatMap { minute -> [Date] in
            switch clock.showing(day, minute: minute, isSet: isSet) {
            case .once(let instant), .never(let instant): [instant]
            case .twice(let first, let second): isHourly ? [first, second] : [first]
            }
        }
        return isSet ? Set(all).sorted() : all
    }

    func newest(atOrBefore limit: Date, zone: TimeZone) -> Date? {
        let clock = LocalClock(zone: self.zone ?? zone)
        let today = clock.day(at: limit)
        for back in -1..<CalendarRule.horizon {
            if let found = instants(of: today.advanced(by: -back), clock).last(where: { $0 <= limit }) { return found }
        }
        return nil
    }

    func next(after limit: Date, zone: TimeZone) -> Date? {
        let clock = LocalClock(zone: self.zone ?? zone)
        let today = clock.day(at: limit)
        for ahead in -2..<CalendarRule.horizon {
            if let found = instants(of: today.advanced(by: ahead), clock).first(where: { $0 > limit }) { return found }
        }
        return nil
    }
}
