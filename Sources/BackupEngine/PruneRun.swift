package import BackupModel

/// What was asked of `backup prune`.
package struct PruneRequest: Sendable {
    package var dryRun: Bool
    package var allowedRemovals: Int?
    package var lockWait: Duration?
    package var trigger = "manual"
    package init(dryRun: Bool, allowedRemovals: Int?, lockWait: Duration?) {
        self.dryRun = dryRun
        self.allowedRemovals = allowedRemovals
        self.lockWait = lockWait
    }
}

/// Applies the retention policy and frees the room.
package struct PruneRun: Sendable {
    let engine: Engine
    let request: PruneRequest

    package struct Report: Sendable {
        package var record: RunRecord
        package var plan: RetentionPlan?
        package var incomplete: [Snapshot]
        /// What the repository's tool said about the room it freed, or would free.
        package var toolSaid: [String]
    }

    /// Marks the records of runs that only said what they would do.
    static let dryRunReason = "dry run"

    package init(_ engine: Engine, _ request: PruneRequest) {
        self.engine = engine
        self.request = request
    }

    package func run() async -> Report {
        let findings = Findings()
        let frame = SimpleRun(
            engine: engine, operation: .prune, lockMode: request.dryRun ? .shared : .exclusive,
            lockWait: request.lockWait ?? engine.profile.settings.lockWait,
            reason: request.dryRun ? PruneRun.dryRunReason : nil, trigger: request.trigger)
        let record = await frame.run { recorder, opened, _ in
            do {
                try await prune(recorder, opened, findings)
            } catch let refusal as RepositoryError where engine.expectsRefusal && refusal.kind == .notPermitted {
                throw RunStop.skipped(refusal)
            }
        }
        return await Report(
            record: record, plan: findings.plan, incomplete: findings.incomplete, toolSaid: findings.toolSaid)
    }

    private actor Findings {
        var plan: RetentionPlan?
        var incomplete: [Snapshot] = []
        var toolSaid: [String] = []
        func set(_ plan: RetentionPlan, _ incomplete: [Snapshot]) {
            self.plan = plan
            self.incomplete = incomplete
        }
        func set(toolSaid lines: [String]) { toolSaid = lines }
    }

    private func prune(_ recorder: RunRecorder, _ opened: OpenRepository.Opened, _ findings: Findings) async throws {
        let catalog = RepositoryCatalog(engine, repository: engine.primary, identity: opened.identity)
        let work = RetentionWork(engine, catalog: catalog, allowedRemovals: request.allowedRemovals)
        try await recorder.step(.retention) {
            let planned = try await work.plan(loadingManifests: true)
            for warning in planned.warnings { recorder.notice(warning) }
            engine.observer.observe(.retention(planned.plan))
            for group in planned.plan.groups {
                if let why = group.leftAlone { recorder.notice("retention left \(group.group) alone: \(why)") }
            }
            let dead = planned.unusable
            await findings.set(planned.plan, dead)
            guard !request.dryRun else {
                await findings.set(toolSaid: try await engine.primary.prune(dryRun: true))
                return
            }
            if let finder = try work.knownDamage() {
                throw RunStop.failed(
                    RepositoryError.damaged(
                        location: engine.primary.location, detail: "run \(finder.id) found it so; nothing is removed"))
            }
            if !dead.isEmpty {
                let report = try await catalog.forget(dead.map(\.id))
                recorder.notice("removed \(Words.count(report.removed.count, "snapshot")) that no restore point uses")
                let kept = Set(dead.map(\.id)).subtracting(report.removed)
                if !kept.isEmpty { recorder.notice("\(kept.count) of them are still there") }
            }
            var said = try await work.carryOut(planned.plan, recorder: recorder)
            if said.isEmpty { said = try await engine.primary.prune(dryRun: false) }
            await findings.set(toolSaid: said)
        }
    }
}
