import BackupEngine
import BackupModel
import Foundation
import TestSupport
import Testing

/// Our rules beside restic's own, on one real repository: a pool of snapshots with chosen times and offsets, of which
/// many lists are drawn, each under a host name of its own, so that one `forget --dry-run` answers for all of them.
@Suite("Retention beside restic's own", .enabled(if: !RealTools.restics.isEmpty))
struct RetentionAgainstRestic {
    static let lists = 20
    static let policies = 15

    @Test(.timeLimit(.minutes(5)))
    func `over hundreds of lists and policies, what stays is what restic would keep`() async throws {
        let newest = try #require(RealTools.restics.last)
        let pool = try await ResticPool(restic: newest.path)
        let lists = try await pool.drawLists(Self.lists)
        let offsets = Set(lists.values.flatMap { $0.map(\.utcOffset) })
        #expect(offsets.count > 4, "the snapshots must have been taken in several time zones")

        var random = SeededGenerator(seed: 7)
        var compared = 0
        var removed = 0
        for restic in RealTools.restics {
            let isNewest = restic.version == newest.version
            let policies = (0..<(isNewest ? Self.policies : 3)).map { _ in Self.policy(&random) }
            let answers = try await inPairs(policies) { try await pool.kept(by: restic.path, policy: $0) }
            for (policy, answer) in zip(policies, answers) {
                for (host, candidates) in lists {
                    let plan = Retention.plan(candidates: candidates, policy: policy, now: Date())
                    let removals = Set(plan.removals)
                    // Snapshots of the same time and offset are interchangeable: restic's choice among them is chance.
                    let kept = candidates.filter { !removals.contains($0.id) }.map(Moment.init).sorted()
                    let expected = candidates.filter { answer.contains($0.id) }.map(Moment.init).sorted()
                    // 0.14 does not keep the oldest for a rule with counts left; 0.18 and 0.19 do.
                    let isOldRestic = restic.version.hasPrefix("0.14.")
                    #expect(
                        kept == expected || (isOldRestic && kept.dropFirst() == expected[...]),
                        "restic \(restic.version), list \(host), \(policy.words)")
                    compared += isNewest ? 1 : 0
                    removed += removals.count
                }
            }
        }
        #expect(compared >= 200)
        #expect(removed > compared, "the lists and policies must be such that something goes")
    }

    /// One that restic has all rules of, with at least one of them.
    private static func policy(_ random: inout SeededGenerator) -> RetentionPolicy {
        while true {
            var generator = RetentionGenerator(seed: random.next())
            let policy = generator.policy(quarterly: false)
            if !ResticPool.flags(policy).isEmpty { return policy }
        }
    }

    /// All that the rules go by.
    private struct Moment: Comparable {
        var time: Date
        var utcOffset: Int

        init(_ candidate: RetentionCandidate) {
            time = candidate.time
            utcOffset = candidate.utcOffset
        }

        static func < (left: Self, right: Self) -> Bool {
            (left.time, left.utcOffset) < (right.time, right.utcOffset)
        }
    }
}
