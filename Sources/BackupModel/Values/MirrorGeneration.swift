package import Foundation

/// One prefix of a mirror whose objects expire: a whole replica, fed until the next one is whole too.
package struct MirrorGeneration: Sendable, Equatable {
    /// Below the mirror's address: `g-20261121`, with `-2` and so on where a day has several.
    package var name: String
    /// When its first file went: none of its objects is older.
    package var started: Date
    /// When everything that the primary had was acknowledged for the first time.
    package var completed: Date?
    /// When nothing went there any more, for a newer one was complete, or it had to be given up.
    package var closed: Date?
    /// When a credential that may read has last checked it.
    package var proven: Date?

    package init(
        name: String, started: Date, completed: Date? = nil, closed: Date? = nil, proven: Date? = nil
    ) {
        self.name = name
        self.started = started
        self.completed = completed
        self.closed = closed
        self.proven = proven
    }

    /// The name of the `number`-th generation that began that day, in UTC.
    package static func name(startedAt date: Date, number: Int) -> String {
        let day = UTCTime(date).compact.prefix(8)
        return "g-\(day)" + (number > 1 ? "-\(number)" : "")
    }

    /// Orders names by day and number; `nil` for what is none.
    package static func order(of name: String) -> (day: Int, number: Int)? {
        guard let match = name.wholeMatch(of: /g-([0-9]{8})(?:-([0-9]{1,4}))?/), let day = Int(match.1) else {
            return nil
        }
        return (day, match.2.flatMap { Int($0) } ?? 1)
    }
}

/// How a mirror whose objects expire by their age is kept alive.
package struct GenerationRule: Sendable, Equatable {
    /// A fresh prefix is begun this often.
    package var length: Duration
    /// The age at which the bucket's owner lets objects be deleted.
    package var expiry: Duration

    /// How many lengths an expiry has that the profile leaves out.
    package static let usualExpiryInLengths = 3
    /// With less there would be days on which the only complete generation is about to expire.
    package static let leastExpiryInLengths = 2

    package init(length: Duration, expiry: Duration? = nil) {
        self.length = length
        self.expiry = expiry ?? length * GenerationRule.usualExpiryInLengths
    }

    /// How long what was put stays there, whatever is deleted here: what goes into a generation on its last day needs objects
    /// of its first.
    package var guarantee: Duration { expiry - length }
}

/// The generations of one mirror, and what follows from their dates. Pure.
package struct MirrorGenerations: Sendable, Equatable {
    package let rule: GenerationRule
    /// Oldest first.
    package let all: [MirrorGeneration]

    package init(_ rule: GenerationRule, _ all: [MirrorGeneration]) {
        self.rule = rule
        self.all = all.sorted { ($0.started, $0.name) < ($1.started, $1.name) }
    }

    /// The one that is read and relied on: the newest that is complete.
    package var relied: MirrorGeneration? { all.last { $0.completed != nil } }

    /// The one that files go to; `nil` when a new one is due.
    ///
    /// One whose first pass is not over is gone on with until half of its objects' time is up: given up sooner, a first pass
    /// that takes longer than a generation would never end.
    package func open(at now: Date) -> MirrorGeneration? {
        guard let newest = all.last(where: { $0.closed == nil }) else { return nil }
        let limit = newest.completed == nil ? max(rule.length, rule.expiry / 2) : rule.length
        return now.timeIntervalSince(newest.started) <= limit.inSeconds ? newest : nil
    }

    /// Names that a new one may bear, the first that is free first.
    package func names(at now: Date) -> some Sequence<String> {
        let taken = Set(all.map(\.name))
        return (1...999).lazy.map { MirrorGeneration.name(startedAt: now, number: $0) }
            .filter { !taken.contains($0) }
    }

    /// What changes when `name` is complete: it, and those that it takes the place of.
    package func completing(_ name: String, at now: Date) -> [MirrorGeneration] {
        all.filter { ($0.name == name && $0.completed == nil) || ($0.name != name && $0.closed == nil) }.map { one in
            var one = one
            if one.name == name { one.completed = now } else { one.closed = now }
            return one
        }
    }

    /// From when on a closed generation may be deleted; `nil` for one that is still needed.
    ///
    /// A day's beginning in UTC, as S3 wants it: the first one by which the newest thing in it has been there for what is
    /// guaranteed. One that was never complete was never relied on.
    package func deletable(_ generation: MirrorGeneration) -> Date? {
        guard let closed = generation.closed else { return nil }
        let end = generation.completed == nil ? closed : closed.addingTimeInterval(rule.guarantee.inSeconds)
        return Date(timeIntervalSince1970: (end.timeIntervalSince1970 / 86_400).rounded(.up) * 86_400)
    }

    /// What is relied on begins to expire, and nothing newer is complete.
    package struct Alarm: Sendable, Equatable {
        package var generation: String
        /// When its oldest objects reach their age.
        package var expires: Date
    }

    /// Once more than half of the time is gone between the day on which a new generation was due and that on which the newest
    /// complete one begins to expire.
    package func alarm(at now: Date) -> Alarm? {
        guard let relied else { return nil }
        let due = relied.started.addingTimeInterval(rule.length.inSeconds)
        let expires = relied.started.addingTimeInterval(rule.expiry.inSeconds)
        guard now.timeIntervalSince(due) > expires.timeIntervalSince(due) / 2 else { return nil }
        return Alarm(generation: relied.name, expires: expires)
    }
}
