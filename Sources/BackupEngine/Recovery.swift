package import BackupModel

/// Puts right what an earlier run of the profile left when it was killed. Runs under the profile's lock, so no other run of
/// it can be alive.
package struct Recovery: Sendable {
    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    package struct Recovered: Sendable {
        /// What was done, in words.
        package var notices: [String] = []
        package var killedRuns: [RunID] = []
    }

    package func run(except current: RunID?) async throws -> Recovered {
        var done = Recovered()
        let profile = engine.profile.name
        for entry in try engine.journal.entries(profile: profile) where entry.run != current {
            guard engine.host.process(entry.process.pid) != entry.process else { continue }
            switch entry.action {
            case .removeFolder(let path):
                try engine.scratch.remove(path)
                done.notices.append("removed the working folder that run \(entry.run) left")
            case .endProcess(let process, let program):
                if engine.host.process(process.pid) == process {
                    throw Failure(
                        "process \(process.pid) (\(program)) of run \(entry.run) is still alive",
                        hint: "end it (kill \(process.pid)), then run this again")
                }
            }
            try engine.journal.remove(entry.id)
        }
        for run in try engine.store.unfinished(profile: profile) where run.id != current {
            guard engine.host.process(run.process.pid) != run.process else { continue }
            var run = run
            run.finished = engine.clock.now
            run.outcome = .interrupted
            run.failures.append(
                Failure(
                    "the run was killed or the machine went down"
                        + (run.process.bootID == engine.host.bootID ? "" : " (it has been restarted since)"),
                    hint: "nothing to do: a later run makes up for it", kind: .interrupted))
            try engine.store.update(run)
            done.killedRuns.append(run.id)
            done.notices.append("recorded run \(run.id), which was killed, as interrupted")
        }
        let live = try Set(engine.store.unfinished(profile: profile).map(\.id))
        let swept = try engine.scratch.sweep(root: engine.profile.settings.scratch) { live.contains($0) || $0 == current }
        if !swept.isEmpty { done.notices.append("removed \(Words.count(swept.count, "working folder")) of runs that are over") }
        return done
    }

    /// Looks what killed runs left in the repository: one that was killed after its manifest was stored did succeed, and
    /// history is told so; snapshots that no manifest names are said to be incomplete.
    /// - Parameter killed: `nil` looks at all interrupted runs on record.
    /// - Returns: what was found, in words.
    package func reconcile(_ contents: CatalogContents, killed: [RunID]?) throws(StoreError) -> [String] {
        var found: [String] = []
        let query = RunQuery(profile: engine.profile.name, operation: .backup, outcome: .interrupted, limit: 50)
        for var run in try engine.store.runs(query) where killed?.contains(run.id) ?? true {
            if let manifest = contents.manifests.values.first(where: { $0.run == run.id }) {
                run.parts = manifest.parts
                run.gaps = manifest.gaps
                let isWhole = manifest.gaps.isEmpty && manifest.parts.allSatisfy(\.condition.isGood)
                run.outcome = isWhole ? .succeeded : .partial
                run.failures = []
                run.notices.append("killed after its manifest was stored; found complete afterwards")
                try engine.store.update(run)
                found.append("run \(run.id) was killed after it had stored everything; it counts")
            } else {
                let left = contents.snapshots.count { $0.stamp?.run == run.id }
                if left > 0 {
                    found.append(
                        "run \(run.id) left \(Words.count(left, "snapshot")) that no manifest names; never used, and "
                            + "`backup prune` removes what is incomplete")
                }
            }
        }
        return found
    }
}
