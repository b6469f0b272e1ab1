import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Retention over generated lists")
struct RetentionPropertyTests {
    static let now = Candidates.date("2060-01-01T00:00:00Z")

    @Test(arguments: 0..<10)
    func `rules keep what an independent account of them keeps`(_ block: Int) {
        var removed = 0
        for seed in 0..<250 {
            var generator = RetentionGenerator(seed: UInt64(block * 1000 + seed))
            let candidates = generator.candidates()
            let policy = generator.policy()
            let plan = Retention.plan(candidates: candidates, policy: policy, now: Self.now)
            let kept = Set(plan.groups.flatMap(\.decisions).filter(\.keep).map(\.id))
            let expected = RetentionOracle.kept(candidates, policy, now: Self.now)
            #expect(kept == expected, "seed \(block * 1000 + seed): \(policy.words)")
            removed += plan.removals.count
        }
        #expect(removed > 1000, "the lists must be such that something goes")
    }

    @Test func `whatever the input, the newest stays, every decision has a reason and every candidate a decision`() {
        for seed in 0..<500 {
            var generator = RetentionGenerator(seed: UInt64(50_000 + seed))
            var random = generator.conditions
            let candidates = generator.candidates().map { candidate in
                with(candidate) { $0.condition = PartCondition.allCases.randomElement(using: &random) ?? .clean }
            }
            var policy = generator.policy()
            policy.minimum = Int.random(in: 0...5, using: &random)
            policy.maximumRemoval = 0.5
            let plan = Retention.plan(candidates: candidates, policy: policy, now: Self.now)
            let decisions = plan.groups.flatMap(\.decisions)
            #expect(Set(decisions.map(\.id)) == Set(candidates.map(\.id)))
            #expect(decisions.allSatisfy { !$0.reasons.isEmpty })
            #expect(decisions.first?.keep != false)
            let good = Set(candidates.filter(\.condition.isGood).map(\.id))
            let keptGood = decisions.count { $0.keep && good.contains($0.id) }
            #expect(keptGood >= min(policy.minimum, good.count))
            #expect(plan.removals.count < 5 || plan.removals.count * 2 <= candidates.count)
        }
    }
}
