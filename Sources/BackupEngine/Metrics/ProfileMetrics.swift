package import BackupModel
package import Foundation

/// Turns what is on record of a profile into figures. Pure.
///
/// Labels are names of the profile's own (`profile`, `source`, `repository`) and words of ours (`operation`, `outcome`,
/// `condition`, `feed`): so many series there are, however many runs.
package struct ProfileMetrics: Sendable {
    package struct Facts: Sendable {
        package var profile: Profile
        /// Newest first.
        package var runs: [RunRecord]
        package var now: Date
        package var version: String
        package var isHistoryReadable = true
        /// Of the primary's files, where it lies on a disk of this machine.
        package var size: (files: Int, bytes: ByteCount)?
        /// Of the primary as last seen, newest first; `nil` while nothing is known of it.
        package var points: [RestorePoint]?
        package var snapshots: Int?
        /// What each follower has of the primary's snapshots.
        package var deliveries: [RepositoryName: Set<SnapshotID>] = [:]
        package var ownKeys: [RepositoryName: RepositoryPin.OwnKey] = [:]

        package init(profile: Profile, runs: [RunRecord], now: Date, version: String) {
            self.profile = profile
            self.runs = runs
            self.now = now
            self.version = version
        }
    }

    let facts: Facts
    private let profile: (String, String)
    private var primary: String { facts.profile.primary?.name.rawValue ?? "" }

    package init(_ facts: Facts) {
        self.facts = facts
        profile = ("profile", facts.profile.name.rawValue)
    }

    package var document: MetricsDocument {
        var document = MetricsDocument()
        document.add(.build, 1, profile, ("version", facts.version))
        document.add(.metricsTimestamp, facts.now.timeIntervalSince1970, profile)
        document.add(.historyReadable, facts.isHistoryReadable ? 1 : 0, profile)
        document.add(.skipsObjective, facts.profile.objectives.skips.inSeconds, profile)
        var review = StandingReview(facts.profile, runs: facts.runs, now: facts.now)
        review.ownKeys = facts.ownKeys
        for standing in review.standings { add(standing, to: &document) }
        addOtherOperations(to: &document)
        addRepositories(to: &document)
        return document
    }

    // MARK: - Operations

    private func add(_ standing: Standing, to document: inout MetricsDocument) {
        switch standing.subject {
        case .backup: add(standing, "backup", primary, to: &document)
        case .offsite(let name): add(standing, "offsite", name.rawValue, to: &document)
        case .verify(let name): add(standing, "verify", name?.rawValue ?? primary, to: &document)
        case .prune: add(standing, "prune", primary, to: &document)
        case .key(let name): add(standing, "key", name.rawValue, to: &document)
        case .drill:
            let run = facts.runs.first { $0.id == standing.lastRun }
            add(standing, "drill", run?.repository?.rawValue ?? primary, to: &document)
            DrillMetrics(facts, profile).add(to: &document)
        case .source(let name): SourceMetrics(facts, profile, name).add(standing, to: &document)
        }
    }

    private func add(
        _ standing: Standing, _ operation: String, _ repository: String, to document: inout MetricsDocument
    ) {
        let labels = [profile, ("operation", operation), ("repository", repository)]
        let run = facts.runs.first { $0.id == standing.lastRun }
        // What has never been done and need not be is nothing to tell of.
        guard run != nil || standing.objective != nil else { return }
        if let run {
            document.add(.lastRun, run.started.timeIntervalSince1970, labels)
            add(standing.lastOutcome, labels, to: &document)
            Figures(run, standing.subject).add(labels, to: &document)
        }
        if let success = standing.lastSuccess { document.add(.lastSuccess, success.timeIntervalSince1970, labels) }
        if let objective = standing.objective { document.add(.objective, objective.inSeconds, labels) }
        if let due = due(standing) { document.add(.due, due.timeIntervalSince1970, labels) }
        document.add(.overdue, standing.isOverdue(at: facts.now) ? 1 : 0, labels)
        if let since = standing.skippedSince { document.add(.skippedSince, since.timeIntervalSince1970, labels) }
    }

    /// By its objective alone; that too many runs were skipped is told apart.
    private func due(_ standing: Standing) -> Date? {
        guard let objective = standing.objective else { return nil }
        if let basis = standing.lastSuccess ?? standing.baseline {
            return basis.addingTimeInterval(objective.inSeconds)
        }
        return standing.isOverdue(at: facts.now) ? facts.now : nil
    }

    private func add(_ outcome: Outcome?, _ labels: [(String, String)], to document: inout MetricsDocument) {
        guard let outcome else { return }
        for one in Outcome.allCases {
            document.add(.outcome, one == outcome ? 1 : 0, labels + [("outcome", one.rawValue)])
        }
    }

    /// Those that have no standing: restores, recoveries, and whatever else leaves records.
    private func addOtherOperations(to document: inout MetricsDocument) {
        for operation in RunRecord.Operation.allCases where ![.backup, .verify, .prune, .drill].contains(operation) {
            let runs = facts.runs.filter { $0.operation == operation && $0.outcome != nil }
            for repository in [nil] + facts.profile.followers.map({ Optional($0.name) }) {
                let concerned = runs.filter { $0.repository == repository }
                guard let newest = concerned.first else { continue }
                let labels = [
                    profile, ("operation", operation.rawValue), ("repository", repository?.rawValue ?? primary),
                ]
                document.add(.lastRun, newest.started.timeIntervalSince1970, labels)
                add(newest.outcome, labels, to: &document)
                Figures(newest, nil).add(labels, to: &document)
                if let good = concerned.first(where: { $0.outcome == .succeeded }) {
                    document.add(.lastSuccess, good.started.timeIntervalSince1970, labels)
                }
            }
        }
    }

    // MARK: - Repositories

    private func addRepositories(to document: inout MetricsDocument) {
        let labels = [profile, ("repository", primary)]
        if let size = facts.size {
            document.add(.repositorySize, Double(size.bytes.bytes), labels)
            document.add(.repositoryFiles, Double(size.files), labels)
        }
        if let snapshots = facts.snapshots { document.add(.snapshots, Double(snapshots), labels) }
        if let points = facts.points { add(points, labels, to: &document) }
        for spec in facts.profile.followers { addFollower(spec, to: &document) }
        // A repository that nobody has tested is not known to be whole.
        let tests = Dictionary(grouping: facts.runs.filter { $0.operation == .verify && $0.outcome != nil }) {
            $0.repository
        }
        for name in [nil] + facts.profile.followers.map({ Optional($0.name) }) {
            guard let tests = tests[name] else { continue }
            document.add(
                .damaged, KnownDamage.find(in: tests) == nil ? 0 : 1, profile,
                ("repository", name?.rawValue ?? primary))
        }
    }

    private func add(_ points: [RestorePoint], _ labels: [(String, String)], to document: inout MetricsDocument) {
        document.add(.restorePoints, Double(points.count), labels)
        if let newest = points.map(\.time).max() {
            document.add(.newestPoint, newest.timeIntervalSince1970, labels)
        }
    }

    private func addFollower(_ spec: RepositorySpec, to document: inout MetricsDocument) {
        guard let follow = spec.follow, let points = facts.points, let present = facts.deliveries[spec.name] else {
            return
        }
        document.add(
            .behind, Double(Followed.behind(points, follow, present)), profile, ("repository", spec.name.rawValue),
            ("feed", follow.feed.rawValue))
        let there = points.filter { point in point.entries.allSatisfy { present.contains($0.part.snapshot) } }
        add(there, [profile, ("repository", spec.name.rawValue)], to: &document)
    }
}

/// What one run did of one operation.
private struct Figures {
    private let run: RunRecord
    private let subject: Standing.Subject?

    init(_ run: RunRecord, _ subject: Standing.Subject?) {
        self.run = run
        self.subject = subject
    }

    func add(_ labels: [(String, String)], to document: inout MetricsDocument) {
        switch subject {
        case .offsite(let name):
            let step = run.steps.last { $0.step == .feed && $0.subject == name.rawValue }
            add(.duration, step?.duration, labels, &document)
            add(.addedBytes, run.feeds?.first { $0.follower == name }?.bytes, labels, &document)
        case .prune where run.operation == .backup:
            add(.duration, run.steps.last { $0.step == .retention }?.duration, labels, &document)
        case .backup:
            addRun(labels, &document)
            document.add(.readBytes, Double(run.parts.reduce(ByteCount.zero) { $0 + $1.bytes }.bytes), labels)
            add(.addedBytes, sum(run.steps.filter { $0.step == .capture }.map(\.addedBytes)), labels, &document)
            document.add(.files, Double(run.parts.compactMap(\.files).reduce(0, +)), labels)
            document.add(.parts, Double(run.parts.count), labels)
        case .verify, .prune, .source, .drill, .key, nil:
            addRun(labels, &document)
            let steps = run.steps.filter { [.verify, .restore].contains($0.step) }
            add(.readBytes, sum(steps.map(\.bytes)), labels, &document)
        }
    }

    private func addRun(_ labels: [(String, String)], _ document: inout MetricsDocument) {
        add(.duration, run.duration, labels, &document)
        document.add(.toolStarts, Double(run.toolStarts), labels)
    }

    private func add(
        _ family: MetricFamily, _ duration: Duration?, _ labels: [(String, String)], _ document: inout MetricsDocument
    ) {
        if let duration { document.add(family, duration.inSeconds, labels) }
    }

    private func add(
        _ family: MetricFamily, _ bytes: ByteCount?, _ labels: [(String, String)], _ document: inout MetricsDocument
    ) {
        if let bytes { document.add(family, Double(bytes.bytes), labels) }
    }

    /// `nil` where nothing is known of any.
    private func sum(_ counts: [ByteCount?]) -> ByteCount? {
        let known = counts.compactMap(\.self)
        return known.isEmpty ? nil : known.reduce(.zero, +)
    }
}
