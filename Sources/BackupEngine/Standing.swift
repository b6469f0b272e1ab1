package import BackupModel
package import Foundation

/// How one kind of a profile's operations stands: when it last went well, and how old that may be.
package struct Standing: Sendable, Equatable {
    package enum Subject: Sendable, Hashable {
        /// All sources that every backup takes.
        case backup
        case source(SourceName)
        case offsite(RepositoryName)
        /// The test of a repository; `nil` for the primary.
        case verify(RepositoryName?)
        case prune
        /// The password of a repository.
        case key(RepositoryName)
        /// The proof that all sources restore, from whatever repository.
        case drill

        /// `backup`, `offsite nas` …
        package var title: String {
            switch self {
            case .backup: "backup"
            case .source(let name): "source \(name)"
            case .offsite(let name): "offsite \(name)"
            case .verify(nil): "verify"
            case .verify(let name?): "verify \(name)"
            case .prune: "prune"
            case .key(let name): "password of \(name)"
            case .drill: "drill"
            }
        }
    }

    package var subject: Subject
    /// The newest run that did it or tried to.
    package var lastRun: RunID?
    package var lastOutcome: Outcome?
    /// What the newest good one holds or proves is as old as this; `nil` while none is on record.
    package var lastSuccess: Date?
    /// What the age is counted from while none is on record: how long the present profile has been run without it.
    package var baseline: Date?
    package var objective: Duration?
    /// Of runs that were skipped one after another up to now, the start of the first.
    package var skippedSince: Date?
    package var skipBudget: Duration
    /// A source with a cadence of its own: it counts by itself, and not for the age of the backup.
    package var isApart = false
    /// From the newest good run, and what is usual; what a glance compares.
    package var trend: Trend?

    package struct Trend: Sendable, Equatable {
        package var duration: Duration
        package var bytes: ByteCount
        /// Medians of up to ten good ones before it; `nil` while there are fewer than three.
        package var usualDuration: Duration?
        package var usualBytes: ByteCount?
    }

    package func age(at now: Date) -> Duration? {
        lastSuccess.map { .seconds(max(0, now.timeIntervalSince($0))) }
    }

    /// Since when it counts as overdue; `nil` while it does not.
    package func overdueSince(at now: Date) -> Date? {
        var since: [Date] = []
        if let objective {
            switch (lastSuccess ?? baseline)?.addingTimeInterval(objective.inSeconds) {
            case let limit? where limit < now: since.append(limit)
            case nil where subject == .backup: since.append(now)
            default: break
            }
        }
        if let limit = skippedSince?.addingTimeInterval(skipBudget.inSeconds), limit < now { since.append(limit) }
        return since.min()
    }

    package func isOverdue(at now: Date) -> Bool { overdueSince(at: now) != nil }
}

/// Finds how a profile stands, from what is on record alone. Pure.
package struct StandingReview: Sendable {
    private let profile: Profile
    /// Newest first, ended ones only.
    private let runs: [RunRecord]
    /// Cadences count in it.
    private let timeZone: TimeZone

    /// The key that our password opens, by repository, as far as that is known.
    package var ownKeys: [RepositoryName: RepositoryPin.OwnKey] = [:]

    /// Runs older than this many are not looked at.
    package static let lookBack = 2000

    /// - Parameters:
    ///   - runs: of the profile, newest first.
    ///   - now: what began later was recorded under a clock that was wrong, and says nothing.
    package init(_ profile: Profile, runs: [RunRecord], timeZone: TimeZone = .current, now: Date = .distantFuture) {
        self.profile = profile
        self.timeZone = timeZone
        // A clock that was set back by a little is no wrong clock.
        self.runs = runs.filter { $0.outcome != nil && $0.started.timeIntervalSince(now) < 3600 }
    }

    package init(_ engine: Engine) throws(StoreError) {
        let profile = engine.profile
        let runs = try engine.store.runs(RunQuery(profile: profile.name, limit: StandingReview.lookBack))
        self.init(profile, runs: runs, now: engine.clock.now)
        ownKeys = try StandingReview.ownKeys(engine)
    }

    static func ownKeys(_ engine: Engine) throws(StoreError) -> [RepositoryName: RepositoryPin.OwnKey] {
        var keys: [RepositoryName: RepositoryPin.OwnKey] = [:]
        guard engine.profile.objectives.keyAge != nil else { return keys }
        for spec in engine.profile.repositories {
            keys[spec.name] = try engine.pins.pin(profile: engine.profile.name, repository: spec.pinName)?.ownKey
        }
        return keys
    }

    /// The backup first, then its sources, each follower, tests, retention, drills, passwords.
    package var standings: [Standing] {
        let sources = profile.sources.map(source)
        return [backup(of: sources)] + sources + profile.followers.map(offsite) + tests + [prune, drill]
            + passwords
    }

    /// Of repositories of which is known how old it is.
    private var passwords: [Standing] {
        guard let limit = profile.objectives.keyAge else { return [] }
        return profile.repositories.compactMap { spec in
            guard let key = ownKeys[spec.name] else { return nil }
            var standing = blank(.key(spec.name), objective: limit)
            standing.lastSuccess = key.created
            return standing
        }
    }

    private func backup(of sources: [Standing]) -> Standing {
        var standing = blank(.backup, objective: profile.objectives.backup)
        let backups = runs.filter { $0.operation == .backup }
        (standing.lastRun, standing.lastOutcome) = (backups.first?.id, backups.first?.outcome)
        standing.skippedSince = StandingReview.skippedSince(backups)
        let counted = sources.filter { !$0.isApart }
        // The oldest decides, and one that there is none of.
        if counted.isEmpty {
            standing.objective = nil
            standing.lastSuccess = sources.compactMap(\.lastSuccess).max()
        } else if counted.allSatisfy({ $0.lastSuccess != nil }) {
            standing.lastSuccess = counted.compactMap(\.lastSuccess).min()
        } else if counted.contains(where: { $0.lastSuccess != nil }) {
            standing.baseline = baseline ?? backups.first?.started
        }
        let good = backups.filter { StandingReview.isGood($0.outcome) }
        standing.trend = StandingReview.trend(of: good)
        return standing
    }

    private func source(_ spec: SourceSpec) -> Standing {
        var standing = blank(.source(spec.name), objective: profile.objectives.backup)
        let concerned = runs.filter { run in
            run.operation == .backup
                && (run.parts.contains { $0.source == spec.name } || run.gaps.contains { $0.source == spec.name })
        }
        (standing.lastRun, standing.lastOutcome) = (concerned.first?.id, concerned.first?.outcome)
        let good = concerned.first { run in
            // Also of a run that failed later: what it stored can be restored.
            (StandingReview.isGood(run.outcome) || run.outcome == .partial || run.isCommitted)
                && !run.gaps.contains { $0.source == spec.name }
                && run.parts.allSatisfy { $0.source != spec.name || $0.condition.isGood }
        }
        standing.lastSuccess = good?.started
        standing.baseline = baseline
        guard let cadence = spec.cadence else { return standing }
        standing.isApart = true
        // It may grow as old as its cadence lets it, and then as late as any backup.
        if let objective = standing.objective, let last = standing.lastSuccess ?? baseline,
            let next = cadence.next(after: last, in: timeZone)
        {
            standing.objective = objective + .seconds(next.timeIntervalSince(last))
        }
        return standing
    }

    private func offsite(_ spec: RepositorySpec) -> Standing {
        var standing = blank(.offsite(spec.name), objective: spec.objective)
        let feeds = runs.compactMap { run in
            run.feeds?.first { $0.follower == spec.name }.map { (run: run, feed: $0) }
        }
        (standing.lastRun, standing.lastOutcome) = (feeds.first?.run.id, feeds.first?.feed.outcome)
        standing.lastSuccess = feeds.first { $0.feed.outcome == .succeeded }?.run.started
        standing.baseline = baseline
        return standing
    }

    /// The primary's, and those of followers that were ever tested.
    private var tests: [Standing] {
        let tests = runs.filter { $0.operation == .verify }
        let followers = profile.followers.map(\.name).filter { name in tests.contains { $0.repository == name } }
        return ([nil] + followers).map { name in
            var standing = blank(.verify(name), objective: name == nil ? profile.objectives.verify : nil)
            let concerned = tests.filter { $0.repository == name }
            (standing.lastRun, standing.lastOutcome) = (concerned.first?.id, concerned.first?.outcome)
            standing.lastSuccess = concerned.first { $0.outcome == .succeeded }?.started
            standing.baseline = baseline
            standing.skippedSince = StandingReview.skippedSince(concerned)
            standing.trend = StandingReview.trend(of: concerned.filter { $0.outcome == .succeeded })
            return standing
        }
    }

    private var prune: Standing {
        var standing = blank(.prune, objective: profile.objectives.prune)
        let concerned = runs.compactMap { run -> (run: RunRecord, outcome: Outcome)? in
            switch run.operation {
            case .prune where run.repository == nil && run.reason != PruneRun.dryRunReason:
                run.outcome.map { (run, $0) }
            case .backup: run.steps.last { $0.step == .retention }?.outcome.map { (run, $0) }
            default: nil
            }
        }
        (standing.lastRun, standing.lastOutcome) = (concerned.first?.run.id, concerned.first?.outcome)
        standing.lastSuccess = concerned.first { $0.outcome == .succeeded }?.run.started
        standing.baseline = baseline
        return standing
    }

    /// One of some sources alone tries something, and proves no more than those: it is no success here.
    private var drill: Standing {
        var standing = blank(.drill, objective: profile.objectives.drill)
        let drills = runs.filter { $0.operation == .drill && $0.sources == nil }
        (standing.lastRun, standing.lastOutcome) = (drills.first?.id, drills.first?.outcome)
        standing.lastSuccess = drills.first(where: StandingReview.provesAll)?.started
        standing.baseline = baseline
        standing.skippedSince = StandingReview.skippedSince(drills)
        standing.trend = StandingReview.trend(of: drills.filter { $0.outcome == .succeeded })
        return standing
    }

    private func blank(_ subject: Standing.Subject, objective: Duration?) -> Standing {
        Standing(subject: subject, objective: objective, skipBudget: profile.objectives.skips)
    }

    /// Since when the profile has been run as it is now.
    private var baseline: Date? { runs.last { $0.profileDigest == profile.digest }?.started }

    /// A restore that takes longer than it may is told by itself, and proves as much as a quick one.
    private static func provesAll(_ run: RunRecord) -> Bool {
        guard let drill = run.drill, drill.isWholeProof else { return false }
        return isGood(run.outcome) || run.outcome == .partial && drill.isTooSlow
    }

    private static func isGood(_ outcome: Outcome?) -> Bool { outcome == .succeeded || outcome == .degraded }

    /// A failure between them does not end what is skipped: only one that goes well does.
    private static func skippedSince(_ runs: [RunRecord]) -> Date? {
        runs.prefix { [.skipped, .failed, .interrupted].contains($0.outcome) }.last { $0.outcome == .skipped }?.started
    }

    private static func trend(of good: [RunRecord]) -> Standing.Trend? {
        guard let newest = good.first, let duration = newest.duration else { return nil }
        let earlier = good.dropFirst().prefix(10)
        let isKnown = earlier.count >= 3
        return Standing.Trend(
            duration: duration, bytes: bytes(of: newest),
            usualDuration: isKnown ? median(earlier.compactMap(\.duration)) : nil,
            usualBytes: isKnown ? median(earlier.map(bytes)) : nil)
    }

    private static func bytes(of run: RunRecord) -> ByteCount {
        run.drill?.bytes ?? ByteCount(run.parts.map(\.bytes.bytes).reduce(0, +))
    }

    private static func median<Value: Comparable>(_ values: [Value]) -> Value? {
        values.isEmpty ? nil : values.sorted()[values.count / 2]
    }
}
