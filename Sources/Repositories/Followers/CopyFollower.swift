import BackupModel
import Programs

/// Fed by `restic copy`: a repository of its own, with its own password, that shares no damage with the primary.
struct CopyFollower: Follower {
    let spec: RepositorySpec
    let follow: FollowSpec
    private let source: ResticRepository
    private let target: ResticRepository

    /// Ids on one command line; a few hundred are far from its limit.
    private static let portion = 200

    init(_ spec: RepositorySpec, _ follow: FollowSpec, from source: ResticRepository, to target: ResticRepository) {
        self.spec = spec
        self.follow = follow
        self.source = source
        self.target = target
    }

    var location: String { target.location }
    var repository: (any Repository)? { target }

    func feed(
        _ wanted: [Snapshot], reading again: any SecondReading,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> FeedReport {
        let restic = try await target.access.restic()
        let leader = try await source.access.restic()
        let conflicts = restic.conflicts(with: leader)
        guard conflicts.isEmpty else {
            throw .unsupported(
                "restic cannot copy between two accounts that both need \(conflicts.joined(separator: " and ")); reach one of "
                    + "them through rclone (`restic: rclone:REMOTE:path`), or write `by: backup`")
        }
        let before = try await present(of: wanted)
        let missing = wanted.filter { !before.contains($0.id) }
        var report = FeedReport(present: before, delivered: 0)
        report.foundBefore = before
        report.tool = try await target.toolVersion()
        guard !missing.isEmpty else { return report }
        for start in stride(from: 0, to: missing.count, by: CopyFollower.portion) {
            let portion = missing[start..<min(start + CopyFollower.portion, missing.count)].map(\.id)
            var copy = restic.copy(portion, from: leader)
            // What it says until then tells why.
            copy.limits.total = follow.timeLimit
            let result = try await target.access.run(copy, reading: ResticCopyReader())
            report.usage.merge(["restic": result.usage]) { $0.adding($1) }
        }
        // restic ends well over snapshots that it did not find.
        report.present = try await present(of: wanted)
        let lost = missing.filter { !report.present.contains($0.id) }
        guard lost.isEmpty else {
            throw .noEvidence(
                location: location,
                detail: "restic ended well, and \(lost.count) of \(missing.count) snapshots did not arrive")
        }
        report.delivered = missing.count
        return report
    }

    private func present(of wanted: [Snapshot]) async throws(RepositoryError) -> Set<SnapshotID> {
        Set(wanted.ids(in: try await target.snapshots()))
    }
}
