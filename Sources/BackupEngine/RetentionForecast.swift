package import BackupModel
package import Foundation

/// Until when retention will keep what is there, as far as that can be told: by letting it run on, with backups to come as
/// often as there were lately.
package enum RetentionForecast {
    package enum Lifetime: Sendable, Equatable {
        /// About when the last of them goes, and the rule that keeps it until then: `daily 14`.
        case until(Date, rule: String)
        /// Why none goes by itself.
        case unlimited(String)
    }

    /// Nobody believes a date beyond this.
    private static let horizon: TimeInterval = 40 * 365 * 86_400
    /// So many backups are foreseen one by one; after them one a day stands for all.
    private static let exactSteps = 400
    private static let day: TimeInterval = 86_400

    /// - Parameters:
    ///   - candidates: all of the repository.
    ///   - grows: whether backups to come will add to a group.
    package static func lifetime(
        of ids: Set<SnapshotID>, among candidates: [RetentionCandidate], policy: RetentionPolicy, now: Date,
        grows: (RetentionGroup) -> Bool
    ) -> Lifetime {
        guard policy.hasRules else { return .unlimited("the profile keeps everything") }
        var last: (date: Date, rule: String)?
        for (group, members) in Dictionary(grouping: candidates, by: \.group)
        where members.contains(where: { ids.contains($0.id) }) {
            guard grows(group) else {
                return .unlimited("nothing newer of \(group) is stored, and the rules go by what is there")
            }
            let policy = policy.policy(of: group.retentionClass)
            guard policy.hasRules else { return .unlimited("the profile keeps everything of \(group)") }
            switch lifetime(of: ids, in: members, policy: policy, now: now) {
            case .unlimited(let why): return .unlimited(why)
            case .until(let date, let rule):
                if last.map({ $0.date < date }) ?? true { last = (date, rule) }
            }
        }
        return last.map { .until($0.date, rule: $0.rule) } ?? .until(now, rule: "nothing")
    }

    /// - Parameter members: of one group.
    private static func lifetime(
        of ids: Set<SnapshotID>, in members: [RetentionCandidate], policy: RetentionPolicy, now: Date
    ) -> Lifetime {
        var policy = policy
        // A pass that would remove too much at once waits for a word; here it is the rules that count.
        policy.maximumRemoval = 1
        var left = members.sorted { $0.time > $1.time }.map { member in
            var member = member
            (member.bytes, member.files) = (nil, nil)
            return member
        }
        guard let newest = left.first else { return .until(now, rule: "nothing") }
        let rhythm = rhythm(of: left)
        var time = max(newest.time.addingTimeInterval(rhythm), now)
        var rule = "nothing"
        for step in 0... {
            guard time.timeIntervalSince(now) < horizon else { return .unlimited("kept by \(rule)") }
            left.insert(
                RetentionCandidate(
                    id: SnapshotID(rawValue: "to come \(step)"), group: newest.group, time: time,
                    utcOffset: newest.utcOffset), at: 0)
            let decisions = Retention.plan(candidates: left, policy: policy, now: time).groups.flatMap(\.decisions)
            let kept = Dictionary(decisions.filter(\.keep).map { ($0.id, $0.reasons) }) { first, _ in first }
            left.removeAll { kept[$0.id] == nil }
            guard let oldest = left.last(where: { ids.contains($0.id) }), let reasons = kept[oldest.id] else {
                return .until(time, rule: rule)
            }
            rule = reasons.map(name).joined(separator: ", ")
            time.addTimeInterval(step < exactSteps ? rhythm : max(rhythm, day))
        }
        return .unlimited("kept by \(rule)")
    }

    /// Half of the newest lie further apart than this, half less.
    private static func rhythm(of newestFirst: [RetentionCandidate]) -> TimeInterval {
        let times = newestFirst.prefix(11).map(\.time)
        let gaps = zip(times, times.dropFirst()).map { $0.timeIntervalSince($1) }.sorted()
        return gaps.isEmpty ? day : min(max(gaps[gaps.count / 2], 300), 30 * day)
    }

    /// `daily 9 of 14` is the rule `daily 14`.
    private static func name(_ reason: String) -> String {
        let words = reason.split(separator: " ")
        guard words.count >= 4, words[2] == "of", Int(words[1]) != nil else { return reason }
        return "\(words[0]) \(words[3])"
    }
}
