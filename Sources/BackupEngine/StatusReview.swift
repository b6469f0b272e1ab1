package import BackupModel
package import Foundation

/// How a profile stands, from what is on record: nothing is started, and no password is needed.
package struct ProfileStatus: Sendable {
    package struct Follower: Sendable {
        package var spec: RepositorySpec
        package var follow: FollowSpec
        /// When it last got everything that the primary had.
        package var lastFed: Date?
        /// Restore points of the primary that it lacks; `nil` while it was never fed.
        package var behind: Int?
        /// What the last run that tried had against it.
        package var failure: Failure?
        /// What went over in the last thirty days.
        package var recentBytes: ByteCount
    }

    /// The newest backup that was good, also where a follower was not.
    package var lastGood: RunRecord?
    /// The newest of all.
    package var lastBackup: RunRecord?
    /// Of the primary.
    package var lastVerify: RunRecord?
    /// Of all sources.
    package var lastDrill: RunRecord?
    package var followers: [Follower]
    package var restorePoints: Int
    /// How each operation stands against its objective.
    package var standings: [Standing]
    /// What somebody has to see to.
    package var matters: [Matter]
}

package struct StatusReview: Sendable {
    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    /// How far back feeds are added up.
    package static let recent = Duration.seconds(30 * 86_400)
    private static let manyRuns = 1000

    package func status() throws -> ProfileStatus {
        func newest(_ operation: RunRecord.Operation, _ outcome: Outcome? = nil) throws -> [RunRecord] {
            try engine.store.runs(
                RunQuery(profile: engine.profile.name, operation: operation, outcome: outcome, limit: 1))
        }
        let backups = try engine.store.runs(
            RunQuery(profile: engine.profile.name, operation: .backup, limit: StatusReview.manyRuns))
        // Of all sources, or else of some; also one that failed when all was stored already.
        let good = backups.filter(\.isGoodBackup)
        let tests = try engine.store.runs(
            RunQuery(profile: engine.profile.name, operation: .verify, limit: 100))
        let points = try points()
        return ProfileStatus(
            lastGood: good.first { $0.sources == nil } ?? good.first, lastBackup: try newest(.backup).first,
            lastVerify: tests.first { $0.repository == nil },
            lastDrill: try drills().first { $0.sources == nil },
            followers: try followers(points.all, points.deliveries),
            restorePoints: points.all.count,
            standings: try StandingReview(engine).standings,
            matters: try MatterReview(engine).matters())
    }

    private func drills() throws(StoreError) -> [RunRecord] {
        try engine.store.runs(RunQuery(profile: engine.profile.name, operation: .drill, limit: 100))
    }

    /// As they were last seen.
    private func points() throws -> (all: [RestorePoint], deliveries: [RepositoryName: Set<SnapshotID>]) {
        let pin = try engine.pins.pin(profile: engine.profile.name, repository: engine.primary.spec.pinName)
        guard let key = pin?.identity.id else { return ([], [:]) }
        let points = RestorePoints(
            snapshots: try engine.store.snapshots(of: key), manifests: try engine.store.manifests(of: key),
            profile: engine.profile.name, host: engine.profile.host)
        return (points.all, try engine.store.deliveries(from: key))
    }

    private func followers(
        _ points: [RestorePoint], _ deliveries: [RepositoryName: Set<SnapshotID>]
    ) throws -> [ProfileStatus.Follower] {
        let runs = try engine.store.runs(
            RunQuery(profile: engine.profile.name, operation: .backup, limit: StatusReview.manyRuns))
        let border = engine.clock.now.addingTimeInterval(-StatusReview.recent.inSeconds)
        return engine.profile.followers.compactMap { spec in
            guard let follow = spec.follow else { return nil }
            let feeds = runs.compactMap { run in
                run.feeds?.first { $0.follower == spec.name }.map { (run: run, feed: $0) }
            }
            let fed = feeds.first { $0.feed.outcome == .succeeded }
            let recent = feeds.filter { $0.run.started >= border }.compactMap { $0.feed.bytes?.bytes }.reduce(0, +)
            return ProfileStatus.Follower(
                spec: spec, follow: follow, lastFed: fed.map { $0.run.finished ?? $0.run.started },
                behind: deliveries[spec.name].map { Followed.behind(points, follow, $0) },
                failure: feeds.first?.feed.failure, recentBytes: ByteCount(recent))
        }
    }
}
