import Foundation
import TestSupport
import Testing

@testable import BackupModel

@Suite struct SlotDecisionTests {
    private let slot = Timestamp.parse("2026-11-21T02:00:00Z") ?? .distantPast
    private let id = RunID(unchecked: "r1")

    private func verdict(after minutes: Double, _ runs: [SlotRun] = [], since: Date? = nil) throws -> SlotVerdict {
        SlotDecision.verdict(
            try Schedule("daily 02:00"), now: slot + minutes * 60, in: .gmt, since: since, runs: runs)
    }

    private func run(_ minutes: Double, _ ending: SlotRun.Ending, lasting: Double = 1, _ name: String = "r1") -> SlotRun
    {
        SlotRun(
            id: RunID(unchecked: name), started: slot + minutes * 60, finished: slot + (minutes + lasting) * 60,
            ending: ending)
    }

    @Test func `a slot that nothing has served is due, also hours later`() throws {
        #expect(try verdict(after: 0) == .due(slot: slot, attempt: 1))
        #expect(try verdict(after: 1000) == .due(slot: slot, attempt: 1))
    }

    @Test func `after days without any run only the newest slot is due`() throws {
        #expect(try verdict(after: 3 * 1440 + 5) == .due(slot: slot + 3 * 86_400, attempt: 1))
    }

    @Test func `a run since the slot serves it, one from before does not`() throws {
        #expect(try verdict(after: 30, [run(5, .served)]) == .served(slot: slot, by: id))
        #expect(try verdict(after: 30, [run(-5, .served, lasting: 20)]) == .due(slot: slot, attempt: 1))
    }

    @Test func `a run that is at work is not joined by another`() throws {
        #expect(try verdict(after: 30, [run(0, .underWay)]) == .underWay(slot: slot, by: id))
    }

    @Test func `a failure is tried again after a while, three times in all`() throws {
        #expect(
            try verdict(after: 10, [run(0, .failed(again: false))])
                == .waiting(slot: slot, until: slot + 31 * 60, attempts: 1))
        #expect(try verdict(after: 31, [run(0, .failed(again: false))]) == .due(slot: slot, attempt: 2))
        let failures = [0, 31, 92, 213].map { run($0, .failed(again: false), "f\(Int($0))") }
        #expect(try verdict(after: 92, Array(failures.prefix(2))) == .due(slot: slot, attempt: 3))
        #expect(try verdict(after: 213, Array(failures.prefix(3))) == .due(slot: slot, attempt: 4))
        #expect(try verdict(after: 1000, failures) == .givenUp(slot: slot, attempts: 4))
        #expect(try verdict(after: 1441, failures) == .due(slot: slot + 86_400, attempt: 1))
    }

    @Test func `a run that a restart of the machine broke off is tried again at once`() throws {
        #expect(try verdict(after: 3, [run(0, .failed(again: true))]) == .due(slot: slot, attempt: 2))
    }

    @Test func `a run from the future serves nothing`() throws {
        #expect(try verdict(after: 30, [run(60 * 24 * 300, .served)]) == .due(slot: slot, attempt: 1))
    }

    @Test func `slots before the beginning never were`() throws {
        #expect(try verdict(after: 30, since: slot + 60) == .noneYet)
        #expect(try verdict(after: 30, since: slot - 60) == .due(slot: slot, attempt: 1))
    }

    /// A simulated year: ticks at the slots and in between, some twice, some lost, days without any; runs that fail.
    @Test(arguments: 0..<6 as Range<UInt64>)
    func `every slot is served exactly once through a year`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (schedule, zone) = RandomSchedules.draw(&random)
        let start = try #require(Timestamp.parse("2026-01-01T00:00:00Z"))
        let end = start + 365 * 86_400
        let slots = schedule.slots(after: start, through: end, in: zone, limit: 20_000)
        var ticks: [Date] = []
        for slot in slots where Int.random(in: 0..<10, using: &random) > 0 {
            ticks.append(slot + Double.random(in: 0..<150, using: &random))
            if Bool.random(using: &random) { ticks.append(slot + Double.random(in: 0..<600, using: &random)) }
        }
        var other = start
        while other < end {
            other += Double.random(in: 3000..<30_000, using: &random)
            // Off for some days, now and then.
            if Int.random(in: 0..<200, using: &random) == 0 {
                other += Double.random(in: 1..<9, using: &random) * 86_400
            }
            ticks.append(other)
        }
        var runs: [SlotRun] = []
        var attempts: [Date: Int] = [:]
        var served: [Date: Int] = [:]
        for tick in ticks.sorted() where tick < end {
            let verdict = SlotDecision.verdict(schedule, now: tick, in: zone, runs: runs.suffix(8))
            guard case .due(let slot, let attempt) = verdict else { continue }
            attempts[slot, default: 0] += 1
            #expect(attempts[slot] == attempt)
            let isGood = Int.random(in: 0..<6, using: &random) > 0
            if isGood { served[slot, default: 0] += 1 }
            runs.append(
                SlotRun(
                    id: RunID(unchecked: "r\(runs.count)"), started: tick, finished: tick + 20,
                    ending: isGood ? .served : .failed(again: false)))
        }
        #expect(served.values.allSatisfy { $0 == 1 }, "\(schedule.words) in \(zone.identifier)")
        let sorted = ticks.sorted()
        var place = 0
        for (slot, next) in zip(slots, slots.dropFirst()) {
            while place < sorted.count, sorted[place] < slot { place += 1 }
            // Otherwise nobody looked before the next one.
            guard served[slot] == nil, place < sorted.count, sorted[place] < next else { continue }
            #expect(attempts[slot] != nil, "\(schedule.words) in \(zone.identifier): \(slot)")
        }
        // None but slots are served.
        #expect(Set(attempts.keys).subtracting(slots).allSatisfy { $0 <= start })
    }
}
