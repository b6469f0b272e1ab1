import BackupModel
import Foundation

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
        /// Of this profile and host, named by no manifest or declared void, and of no run that may be alive.
        var unusable: [Snapshot]
        /// What is odd about the repository, in words.
        var warnings: [String]
    }

    /// - Parameter upcoming: snapshots that are about to be made; the plan says nothing of them.
    func plan(loadingManifests: Bool, upcoming: [RetentionCandidate] = []) async throws -> Planned {
        let contents = try await catalog.contents(loadingManifests: loadingManifests)
        let points = RestorePoints(contents, engine: engine)
        let followed = Followed.holds(
            points, followers: engine.profile.followers.filter { $0.follow?.leader == engine.primary.spec.name },
            deliveries: try engine.store.deliveries(from: catalog.key),
            now: engine.clock.now)
        let odd = try OpenAnomalies(engine.profile.name, engine.store)
        let plan = Retention.plan(
            candidates: points.retentionCandidates + upcoming, policy: engine.profile.retention, now: engine.clock.now,
            safety: RetentionSafety(
                halts: try halts(points), held: followed.held, allowedRemovals: allowedRemovals, frozen: odd.frozen,
                newNormal: odd.newNormal))
        return Planned(
            plan: plan.leaving(out: Set(upcoming.map(\.id))),
            unusable: try (points.incomplete + points.void).filter(isOfDeadRun),
            warnings: contents.notices + followed.overdue
                + points.warnings(thisMachine: Capture.machineTag(engine.host)))
    }

    /// A run that history does not know may be one of another machine, so it is given a day.
    private func isOfDeadRun(_ snapshot: Snapshot) throws(StoreError) -> Bool {
        guard let id = snapshot.stamp?.run else { return false }
        guard let run = try engine.store.run(id) else {
            return engine.clock.now.timeIntervalSince(snapshot.time) > 86_400
        }
        return run.finished != nil || engine.host.process(run.process.pid) != run.process
    }

    func plan(recorder: RunRecorder) async throws -> RetentionPlan {
        let planned = try await plan(loadingManifests: true)
        for warning in planned.warnings { recorder.notice(warning) }
        let plan = planned.plan
        engine.observer.observe(.retention(plan))
        for group in plan.groups {
            if let why = group.leftAlone { recorder.notice("retention left \(group.group) alone: \(why)") }
        }
        return plan
    }

    /// Drops what a run of ours declared void. It stays named void where that fails, so nothing depends on it.
    func drop(void: [SnapshotID], recorder: RunRecorder) async {
        do {
            let onDisk = try engine.primary.snapshotIDsOnDisk()
            let present = void.filter { onDisk?.contains($0) ?? true }
            guard !present.isEmpty else { return }
            let report = try await catalog.forget(present)
            if !report.removed.isEmpty { recorder.notice("dropped \(report.removed.count) void snapshots of this run") }
        } catch {
            recorder.notice("void snapshots are still there: \(RunRecorder.failure(of: error).description)")
        }
    }

    /// Forgets what the plan removes, looks whether it is gone, then frees the room.
    /// - Returns: what the repository's tool said about the room it freed.
    @discardableResult
    func carryOut(_ plan: RetentionPlan, recorder: RunRecorder) async throws -> [String] {
        guard !plan.removals.isEmpty else { return [] }
        let contents = try await catalog.contents(loadingManifests: false)
        let manifests = RestorePoints(contents, engine: engine).manifestsLeftEmpty(afterRemoving: plan.removals)
        let doomed = plan.removals + manifests
        let report = try await catalog.forget(doomed)
        let remaining = Set(doomed).subtracting(report.removed)
        if report.removed.isEmpty, !remaining.isEmpty, engine.expectsRefusal {
            throw RepositoryError.denied(
                location: engine.primary.location,
                detail: "it let none of \(Words.count(remaining.count, "snapshot")) go")
        }
        if !remaining.isEmpty {
            recorder.notice(
                "\(remaining.count) snapshots that retention dropped are still there; the repository did not let them go"
            )
        }
        guard !report.removed.isEmpty else { return [] }
        recorder.notice("retention removed \(Words.count(report.removed.count, "snapshot"))")
        let said = try await engine.primary.prune(dryRun: false)
        await recorder.annotate(.retention) { $0.toolOutput["prune"] = said.suffix(10).joined(separator: "\n") }
        return said
    }

    /// Why nothing at all may be removed now.
    private func halts(_ points: RestorePoints) throws -> [RetentionHalt] {
        let newest = try engine.store.runs(RunQuery(profile: engine.profile.name, limit: 2))
            .first { $0.process != engine.host.currentProcess() }
        return [
            RetentionHalt.clock(now: engine.clock.now, newestRun: newest?.started, released: engine.released),
            points.retentionHalt,
            try knownDamage().map { .damage($0.id) },
        ].compactMap { $0 }
    }

    /// The test that found the repository damaged, when no later one has shown it whole.
    func knownDamage() throws(StoreError) -> RunRecord? {
        let repository = engine.primary.spec.follow == nil ? nil : engine.primary.spec.name
        return KnownDamage.find(
            in: try engine.store.runs(RunQuery(profile: engine.profile.name, operation: .verify, limit: 500))
                .filter { $0.repository == repository })
    }
}

extension RetentionPlan {
    fileprivate func leaving(out ids: Set<SnapshotID>) -> RetentionPlan {
        guard !ids.isEmpty else { return self }
        let groups = groups.map { group in
            Group(
                group: group.group, decisions: group.decisions.filter { !ids.contains($0.id) },
                leftAlone: group.leftAlone)
        }
        return RetentionPlan(groups: groups.filter { !$0.decisions.isEmpty })
    }
}
