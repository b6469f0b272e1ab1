import BackupModel
import Foundation
import Testing

@Suite("Generations of a mirror")
struct MirrorGenerationsTests {
    private static let start = Date(timeIntervalSince1970: 1_795_219_200 + 3600)
    private static func day(_ number: Double) -> Date { start.addingTimeInterval(number * 86_400) }
    private static let rule = GenerationRule(length: .days(30), expiry: .days(90))

    private static func generation(
        _ name: String, _ started: Double, completed: Double? = nil, closed: Double? = nil
    ) -> MirrorGeneration {
        MirrorGeneration(
            name: name, started: day(started), completed: completed.map(day), closed: closed.map(day))
    }

    private static func state(_ all: MirrorGeneration...) -> MirrorGenerations { MirrorGenerations(rule, all) }

    @Test func `what is guaranteed is the expiry less the length`() {
        #expect(Self.rule.guarantee == .days(60))
        #expect(GenerationRule(length: .days(30)).expiry == .days(90))
    }

    @Test(arguments: [
        // Complete on its first day: from day 30 to day 90 are 60 days, of which half is gone after day 60.
        (state(generation("a", 0, completed: 0)), 29.0, false),
        (state(generation("a", 0, completed: 0)), 59.9, false),
        (state(generation("a", 0, completed: 0)), 60.1, true),
        (state(generation("a", 0, completed: 0)), 400, true),
        // A newer one that is not complete does not help.
        (state(generation("a", 0, completed: 0), generation("b", 31)), 61, true),
        (state(generation("a", 0, completed: 0, closed: 32), generation("b", 31, completed: 32)), 61, false),
        (state(generation("a", 0, completed: 0, closed: 32), generation("b", 31, completed: 32)), 92, true),
        // Nothing that could expire.
        (state(), 1000, false), (state(generation("a", 0)), 1000, false),
    ])
    func `half of what is left is gone`(_ state: MirrorGenerations, day: Double, alarms: Bool) {
        #expect((state.alarm(at: Self.day(day)) != nil) == alarms)
    }

    @Test func `the alarm names what expires, and when`() throws {
        let state = Self.state(
            Self.generation("a", 0, completed: 0, closed: 31), Self.generation("b", 30, completed: 31))
        let alarm = try #require(state.alarm(at: Self.day(95)))
        #expect(alarm.generation == "b" && alarm.expires == Self.day(120))
    }

    @Test(
        arguments: [
            (state(), 0.0, nil), (state(generation("a", 0)), 29, "a"),
            (state(generation("a", 0, completed: 0)), 30, "a"), (state(generation("a", 0, completed: 0)), 30.1, nil),
            // A first pass may take long, and not for ever.
            (state(generation("a", 0, completed: 0), generation("b", 31)), 70, "b"),
            (state(generation("a", 0, completed: 0), generation("b", 31)), 77, nil),
            (state(generation("a", 0, completed: 0, closed: 10)), 11, nil),
            // A clock that was put back starts nothing.
            (state(generation("a", 0, completed: 0)), -5, "a"),
        ] as [(MirrorGenerations, Double, String?)])
    func `a new one is due when the current one is older than a generation`(
        _ state: MirrorGenerations, day: Double, open: String?
    ) {
        #expect(state.open(at: Self.day(day))?.name == open)
    }

    @Test func `the older one is relied on until the newer one is complete`() {
        let first = Self.generation("a", 0, completed: 0)
        let state = Self.state(first, Self.generation("b", 31))
        #expect(state.relied == first)
        let changed = state.completing("b", at: Self.day(33))
        #expect(
            changed == [
                Self.generation("a", 0, completed: 0, closed: 33), Self.generation("b", 31, completed: 33),
            ])
        #expect(MirrorGenerations(Self.rule, changed).relied?.name == "b")
        #expect(MirrorGenerations(Self.rule, changed).completing("b", at: Self.day(34)).isEmpty)
    }

    @Test func `nothing may be deleted before its newest content has been there for what is guaranteed`() throws {
        let state = Self.state(
            Self.generation("a", 0, completed: 0, closed: 33), Self.generation("b", 31, closed: 33),
            Self.generation("c", 32, completed: 33))
        let dates = state.all.map(state.deletable)
        let first = try #require(dates[0])
        #expect(first >= Self.day(93) && first < Self.day(94))
        #expect(first.timeIntervalSince1970.truncatingRemainder(dividingBy: 86_400) == 0)
        // Its objects are past their age by then.
        #expect(first >= Self.day(90))
        #expect(try #require(dates[1]) < Self.day(34))
        #expect(dates[2] == nil)
    }

    @Test func `names are of the day, and never given twice`() {
        let name = MirrorGeneration.name(startedAt: Self.start, number: 1)
        #expect(name == "g-20261121")
        let state = Self.state(MirrorGeneration(name: name, started: Self.start))
        #expect(Array(state.names(at: Self.start).prefix(2)) == ["g-20261121-2", "g-20261121-3"])
        let sorted = ["g-20261121", "g-20261121-9", "g-20261121-10", "g-20261201"]
        let ordered = sorted.shuffled().sorted {
            (MirrorGeneration.order(of: $0) ?? (0, 0)) < (MirrorGeneration.order(of: $1) ?? (0, 0))
        }
        #expect(ordered == sorted)
        #expect(["g-2026", "data", "g-20261121-", "xg-20261121"].allSatisfy { MirrorGeneration.order(of: $0) == nil })
    }
}

extension Duration {
    fileprivate static func days(_ count: Int) -> Duration { .seconds(count * 86_400) }
}
