import BackupModel

/// Retention of one repository: what the policy decides on what is there now, and carrying it out.
struct RetentionWork: Sendable {
    private let engine: Engine
    private let catalog: RepositoryCatalog
    private let allowedRemovals: Int?

    init(_ engine: Engine, catalog: RepositoryCatalog, allowedRemovals: Int?) {
        self.engine = engine
        self.catalog = catalog
        self.allowedRemovals = allowedRemovals
    }

    struct Planned: Sendable {
        var plan: RetentionPlan
        /// Of this profile and host, named by no manifest, and of no run that is alive.
        var incomplete: [Snapshot]
    }

    func plan(loadingManifests: Bool) async throws -> Planned {
        let contents = try await catalog.contents(loadingManifests: loadingManifests)
        let points = points(contents)
        let plan = Retention.plan(
            candidates: points.retentionCandidates, policy: engine.profile.retention, now: engine.clock.now,
            safety: RetentionSafety(halts: try halts(points), allowedRemovals: allowedRemovals))
        return Planned(plan: plan, incomplete: points.incomplete)
    }

    func plan(recorder: RunRecorder) async throws -> RetentionPlan {
        let plan = try await plan(loadingManifests: true).plan
        engine.observer.observe(.retention(plan))
        for group in plan.groups {
            if let why = group.leftAlone { await recorder.notice("retention left \(group.group) alone: \(why)") }
        }
        return plan
    }

    /// Forgets what the plan removes, looks whether it is gone, then frees the room.
    func carryOut(_ plan: RetentionPlan, recorder: RunRecorder) async throws {
        let contents = try await catalog.contents(loadingManifests: false)
        let manifests = points(contents).manifestsLeftEmpty(afterRemoving: plan.removals)
        let report = try await engine.primary.forget(plan.removals + manifests)
        try catalog.forgetKnowledge(of: report.removed)
        if !report.remaining.isEmpty {
            await recorder.notice(
                "\(report.remaining.count) snapshots that retention dropped are still there; the repository did not let them go")
        }
        await recorder.notice("retention removed \(Words.count(report.removed.count, "snapshot"))")
        if !report.removed.isEmpty { _ = try await engine.primary.prune(dryRun: false) }
    }

    private func points(_ contents: CatalogContents) -> RestorePoints {
        RestorePoints(
            snapshots: contents.snapshots, manifests: contents.manifests, profile: engine.profile.name,
            host: engine.profile.host)
    }

    /// Why nothing at all may be removed now.
    private func halts(_ points: RestorePoints) throws -> [RetentionHalt] {
        let newest = try engine.store.runs(RunQuery(profile: engine.profile.name, limit: 2))
            .first { $0.process != engine.host.currentProcess() }
        return [
            RetentionHalt.clock(now: engine.clock.now, newestRun: newest?.started, released: engine.released),
            points.retentionHalt,
        ].compactMap { $0 }
    }
}
