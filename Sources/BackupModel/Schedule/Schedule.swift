package import Foundation

/// When something is to be done: its slots are the instants of all its rules, each once.
package struct Schedule: Sendable, Equatable {
    /// As the profile says it.
    package var texts: [String]
    package var rules: [CalendarRule]

    package init(texts: [String], rules: [CalendarRule]) {
        self.texts = texts
        self.rules = rules
    }

    /// - Throws: ``ScheduleSyntaxError``.
    package init(_ texts: [String], unsaid: UnsaidTime) throws(ScheduleSyntaxError) {
        var rules: [CalendarRule] = []
        for text in texts { rules += try ScheduleText(unsaid: unsaid).rules(text) }
        self.init(texts: texts, rules: rules)
    }

    package init(_ text: String, unsaid: UnsaidTime = .beginning) throws(ScheduleSyntaxError) {
        try self.init([text], unsaid: unsaid)
    }

    package var words: String { texts.joined(separator: ", ") }

    package func newest(atOrBefore limit: Date, in zone: TimeZone) -> Date? {
        rules.compactMap { $0.newest(atOrBefore: limit, zone: zone) }.max()
    }

    package func next(after limit: Date, in zone: TimeZone) -> Date? {
        rules.compactMap { $0.next(after: limit, zone: zone) }.min()
    }

    /// The slots after `start` up to and with `end`, at most `limit`.
    package func slots(after start: Date, through end: Date, in zone: TimeZone, limit: Int = 1000) -> [Date] {
        var found: [Date] = []
        var last = start
        while found.count < limit, let next = next(after: last, in: zone), next <= end {
            found.append(next)
            last = next
        }
        return found
    }
}

/// What a schedule means that names a day or a period and no time.
package enum UnsaidTime: Sendable, Equatable {
    /// The beginning of the day, week, month …
    case beginning
    /// A time that is always the same for the same seed, and another for most others.
    case spread(seed: String)
}

/// A time of one's own for each host and profile, so that a fleet does not come to one server at the same minute.
package struct SpreadTime: Sendable, Equatable {
    /// From 04:00 to 05:59: quiet, and nowhere in Europe or America is the clock set then.
    package let minuteOfDay: Int
    package let minuteOfHour: Int
    /// 1 is Monday.
    package let weekday: Int
    /// 1 to 28, which every month has.
    package let day: Int
    package let month: Int

    package init(seed: String) {
        // FNV-1a, then a finish that lets every bit of it matter to every other.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in seed.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        func draw(_ bound: Int, _ salt: UInt64) -> Int {
            var mixed = hash &+ salt &* 0x9e37_79b9_7f4a_7c15
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
        }
        minuteOfDay = 4 * 60 + draw(120, 1)
        minuteOfHour = draw(60, 2)
        weekday = 1 + draw(7, 3)
        day = 1 + draw(28, 4)
        month = 1 + draw(12, 5)
    }
}
