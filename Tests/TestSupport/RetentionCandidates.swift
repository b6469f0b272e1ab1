package import BackupModel
package import Foundation

/// A group of candidates with ids in the order given: `000…0`, `000…1` …
package enum Candidates {
    package static let group = RetentionGroup(
        host: "vault", profile: ProfileName(unchecked: "home"), source: SourceName(unchecked: "db"),
        part: PartPath(rawValue: "/db.sql"), retentionClass: SnapshotStamp.regularClass)

    package static func id(_ number: Int) -> SnapshotID {
        let digits = String(number, radix: 16)
        return SnapshotID(rawValue: String(repeating: "0", count: 8 - digits.count) + digits)
    }

    /// - Parameter times: RFC 3339, in any order; each offset is taken from the text.
    package static func at(_ times: [String], group: RetentionGroup = group) -> [RetentionCandidate] {
        times.enumerated().map { index, text in
            guard let (date, offset) = Timestamp.parseWithOffset(text) else { preconditionFailure("no time: \(text)") }
            return RetentionCandidate(id: id(index), group: group, time: date, utcOffset: offset)
        }
    }

    /// One a day at 02:00 UTC, newest first, the newest on 2026-11-20.
    package static func daily(_ count: Int, group: RetentionGroup = group) -> [RetentionCandidate] {
        let newest = date("2026-11-20T02:00:00Z")
        return (0..<count).map { day in
            RetentionCandidate(id: id(day), group: group, time: newest.addingTimeInterval(-86_400 * Double(day)))
        }
    }

    package static func date(_ text: String) -> Date {
        guard let date = Timestamp.parse(text) else { preconditionFailure("no time: \(text)") }
        return date
    }
}

extension RetentionPlan {
    /// The numbers of the kept ones, in the order of the plan.
    package var kept: [Int] {
        groups.flatMap(\.decisions).filter(\.keep).compactMap { Int($0.id.rawValue, radix: 16) }
    }

    package func reasons(of number: Int) -> [String] {
        groups.flatMap(\.decisions).first { $0.id == Candidates.id(number) }?.reasons ?? []
    }
}

/// Lists and policies out of a seed: ties, bursts, gaps, equal times, and offsets that change with daylight saving.
package struct RetentionGenerator {
    private let seed: UInt64
    private var random: SeededGenerator

    package init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
    }

    /// For whatever a test wants to vary beside.
    package var conditions: SeededGenerator { SeededGenerator(seed: ~seed) }

    /// - Parameter wandering: whether some are taken in another zone than the rest.
    package mutating func candidates(count: ClosedRange<Int> = 0...40, wandering: Bool = true) -> [RetentionCandidate] {
        let zones = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Kiritimati"]
        let zone = TimeZone(identifier: zones.randomElement(using: &random) ?? "UTC") ?? .gmt
        let steps: [Double] = [600, 3600, 7200, 43_200, 86_400, 86_400 * 3, 86_400 * 7, 86_400 * 31, 86_400 * 200]
        let size = Int.random(in: count, using: &random)
        let step = steps.randomElement(using: &random) ?? 3600
        // Around the ends of daylight saving in New York and Berlin, and around New Year with its odd weeks.
        let anchors = ["2022-11-06T05:30:00Z", "2024-10-27T01:00:00Z", "2021-01-01T00:00:00Z", "2024-02-29T23:59:59Z"]
        var time = Candidates.date(anchors.randomElement(using: &random) ?? anchors[0])
            .addingTimeInterval(step * Double(size) / 2)
        var result: [RetentionCandidate] = []
        for number in 0..<size {
            let isAway = wandering && Int.random(in: 0..<8, using: &random) == 0
            result.append(
                RetentionCandidate(
                    id: Candidates.id(number), group: Candidates.group, time: time,
                    utcOffset: isAway ? 3600 * Int.random(in: -11...13, using: &random) : zone.secondsFromGMT(for: time)
                ))
            switch Int.random(in: 0..<10, using: &random) {
            case 0: break
            case 1: time -= Double(Int.random(in: 1...1800, using: &random))
            case 2: time -= step * Double(Int.random(in: 2...5, using: &random))
            default: time -= step
            }
        }
        return result.shuffled(using: &random)
    }

    package mutating func policy(quarterly: Bool = true) -> RetentionPolicy {
        func count(_ most: Int, _ random: inout SeededGenerator) -> Int? {
            Int.random(in: 0..<5, using: &random) < 2 ? Int.random(in: 0...most, using: &random) : nil
        }
        var policy = RetentionPolicy(minimum: 0, maximumRemoval: 1)
        policy.last = count(6, &random)
        policy.hourly = count(12, &random)
        policy.daily = count(10, &random)
        policy.weekly = count(6, &random)
        policy.monthly = count(12, &random)
        if quarterly { policy.quarterly = count(6, &random) }
        policy.yearly = count(4, &random)
        if Int.random(in: 0..<4, using: &random) == 0 {
            policy.within = CalendarSpan(
                years: Int.random(in: 0...1, using: &random), months: Int.random(in: 0...14, using: &random),
                days: Int.random(in: 0...40, using: &random), hours: Int.random(in: 0...30, using: &random))
        }
        return policy
    }
}
