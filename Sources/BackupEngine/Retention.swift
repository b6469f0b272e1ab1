package import BackupModel
package import Foundation

/// Decides what may be removed. A pure function for every kind of repository: it removes nothing itself.
///
/// Each group (host, profile, source, part, class) is decided by itself, by the policy of its class:
/// - Rules count good snapshots only, so that one that is partial or damaged never displaces a good one. One that is not
///   good stays beside them for as long as the rules would keep it were all counted alike.
/// - The newest stays always, by whatever rule there is, and so do `minimum` good ones and what is held for somebody.
/// - When anything looks wrong, the group is left alone, and the plan says so in plain words.
///
/// With good snapshots and nothing wrong, the answer is restic's own, wherever restic has the rule. Of several
/// snapshots with the very same time, the one with the lower id counts as the newer.
package enum Retention {
    /// - Important: what the plan does not keep is meant to be deleted.
    package static func plan(
        candidates: [RetentionCandidate], policy: RetentionPolicy, now: Date,
        safety: RetentionSafety = RetentionSafety()
    ) -> RetentionPlan {
        let groups = Dictionary(grouping: candidates, by: \.group)
        return RetentionPlan(
            groups: groups.keys.sorted().map { group in
                let newestFirst = groups[group, default: []].sorted { ($1.time, $0.id) < ($0.time, $1.id) }
                return plan(
                    group, newestFirst, policy: policy.policy(of: group.retentionClass), now: now, safety: safety)
            })
    }

    private static func plan(
        _ group: RetentionGroup, _ candidates: [RetentionCandidate], policy: RetentionPolicy, now: Date,
        safety: RetentionSafety
    ) -> RetentionPlan.Group {
        var reasons = reasonsByRule(candidates, policy: policy, now: now)
        for (index, candidate) in candidates.enumerated() {
            if let holder = safety.held[candidate.id] { reasons[index].append("held: \(holder)") }
        }
        applyFloor(policy.minimum, to: &reasons, of: candidates)

        let removals = reasons.count(where: \.isEmpty)
        let danger =
            safety.halts.first?.description
            ?? RetentionDanger.future(candidates, now: now)
            ?? RetentionDanger.newestIsNotGood(candidates)
            ?? safety.frozen[group.source]
            ?? RetentionAnomaly.find(in: candidates, since: safety.newNormal[group.source])
            ?? RetentionDanger.tooMany(
                removals, of: candidates.count, policy: policy, allowed: safety.allowedRemovals)

        let decisions = zip(candidates, reasons).map { candidate, reasons in
            RetentionPlan.Decision(
                id: candidate.id, time: candidate.time, keep: !reasons.isEmpty || danger != nil,
                reasons: !reasons.isEmpty ? reasons : [danger == nil ? "no rule keeps it" : "the group is left alone"])
        }
        return RetentionPlan.Group(group: group, decisions: decisions, leftAlone: danger)
    }

    /// - Parameter candidates: newest first.
    private static func reasonsByRule(
        _ candidates: [RetentionCandidate], policy: RetentionPolicy, now: Date
    ) -> [[String]] {
        let rules = RetentionRules(policy)
        guard !rules.isEmpty else { return candidates.map { _ in ["no rule asks for removal"] } }
        func moments(_ indices: [Int]) -> [RetentionRules.Moment] {
            indices.map { .init(time: candidates[$0].time, utcOffset: candidates[$0].utcOffset) }
        }
        let all = Array(candidates.indices)
        let good = all.filter { candidates[$0].condition.isGood }
        var reasons = [[String]](repeating: [], count: candidates.count)
        for (index, found) in zip(good, rules.reasons(for: moments(good), now: now)) { reasons[index] = found }
        guard good.count < all.count else { return reasons }
        for (index, found) in zip(all, rules.reasons(for: moments(all), now: now))
        where !candidates[index].condition.isGood {
            reasons[index] = found.map {
                "\($0), counted beside the good ones: \(candidates[index].condition.rawValue)"
            }
        }
        return reasons
    }

    private static func applyFloor(
        _ minimum: Int, to reasons: inout [[String]], of candidates: [RetentionCandidate]
    ) {
        let good = candidates.indices.filter { candidates[$0].condition.isGood }
        let kept = good.count { !reasons[$0].isEmpty }
        for index in good.filter({ reasons[$0].isEmpty }).prefix(max(0, minimum - kept)) {
            reasons[index] = ["minimum of \(minimum)"]
        }
    }
}
