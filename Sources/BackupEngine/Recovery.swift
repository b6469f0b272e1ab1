package import BackupModel
import Foundation

/// Puts right what an earlier run of the profile left when it was killed. Runs under the profile's lock, so no other run of
/// it can be alive.
package struct Recovery: Sendable {
    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    package struct Recovered: Sendable {
        /// What was done, in words.
        package var notices: [String] = []
        package var killedRuns: [RunID] = []
        /// What is still held and could not be given back.
        package var failures: [Failure] = []
        /// A restore that was killed half way, and cannot be finished now: what lives there is neither one thing nor the other.
        package var unsettled: [Failure] = []
    }

    package func run(except current: RunID?) async throws -> Recovered {
        var done = Recovered()
        let profile = engine.profile.name
        // First what may still be using a resource, such as a drive that is to be unmounted; and whatever comes of that, a
        // service that rests is started again.
        var trouble: (any Error)?
        let settled = try await SettlementRecovery(engine: engine).run(except: current)
        do { done.notices = try await settleJournal(except: current) } catch { trouble = error }
        done.notices = settled.notices + done.notices
        let released = try await LeftResources(engine).release(except: current)
        done.notices += released.notices
        done.failures = settled.failures + released.failures
        done.unsettled = settled.failures
        if let trouble { throw trouble }
        for run in try engine.store.unfinished(profile: profile) where run.id != current {
            guard engine.host.process(run.process.pid) != run.process else { continue }
            var run = run
            run.finished = engine.clock.now
            run.outcome = .interrupted
            run.failures.append(
                Failure(
                    "the run was killed or the machine went down"
                        + (run.process.bootID == engine.host.bootID ? "" : " (it has been restarted since)"),
                    hint: Recovery.afterwards(run), kind: .interrupted))
            try engine.store.update(run)
            done.killedRuns.append(run.id)
            done.notices.append("recorded run \(run.id), which was killed, as interrupted")
        }
        // All profiles work in one place, and another one's run may be using its folder at this moment.
        let live = try Set(
            engine.store.unfinished(profile: nil).filter { engine.host.process($0.process.pid) == $0.process }.map(\.id)
        )
        do {
            let swept = try engine.scratch.sweep(root: engine.profile.settings.scratch) {
                live.contains($0) || $0 == current || isStrange($0) || isShown($0)
            }
            if !swept.isEmpty {
                done.notices.append("removed \(Words.count(swept.count, "working folder")) of runs that are over")
            }
        } catch {
            // Somebody's left-overs must not keep a backup from being taken.
            done.notices.append("left for the next run to sweep: \(error.description)")
        }
        return done
    }

    private static func afterwards(_ run: RunRecord) -> String {
        switch run.operation {
        case .backup, .prune, .verify, .drill: "nothing to do: a later run makes up for it"
        case .restore:
            "what it has put into place `holdfast restore --kept -p \(run.profile)` tells; where that has nothing of run \(run.id), "
                + "nothing was changed: restore again"
        case .recover, .mount: "nothing to do"
        }
    }

    /// A run of the last days that this history knows nothing of belongs to another user's, whose `scratch:` is the same.
    private func isStrange(_ run: RunID) -> Bool {
        guard let begun = run.date, engine.clock.now.timeIntervalSince(begun) < Recovery.strangersTime else {
            return false
        }
        return (try? engine.store.run(run)) == nil  // where the history cannot be read, it is left alone as well
    }

    /// Somebody may look into a backup for longer than any run takes.
    private func isShown(_ run: RunID) -> Bool { engine.host.mounts().contains { $0.shownRun == run } }

    /// In seconds; nobody's run takes longer.
    private static let strangersTime: Double = 3 * 86_400

    /// Ends and removes what dead runs left, last begun first. Needs no lock: a run that is alive keeps what it has.
    /// - Returns: what was done, in words.
    func settleJournal(except current: RunID?) async throws -> [String] {
        var done: [String] = []
        let entries = try engine.journal.entries(profile: engine.profile.name)
        // What a restore has put together is needed until it has settled.
        let unsettled = Set(entries.filter(\.action.isOfSettling).map(\.run))
        for entry in entries where entry.run != current {
            guard engine.host.process(entry.process.pid) != entry.process else { continue }
            switch entry.action {
            case .removeFolder where unsettled.contains(entry.run): continue
            case .removeFolder(let path):
                do {
                    try engine.scratch.remove(path)
                } catch {
                    // It stays in the journal. Left-overs must not keep a backup from being taken.
                    done.append("left for the next run to sweep: \(error.description)")
                    continue
                }
                done.append("removed the working folder that run \(entry.run) left")
            case .endProcess(let process, let program):
                guard engine.host.process(process.pid) == process else { break }
                guard await engine.host.end(process) else {
                    throw Failure(
                        "process \(process.pid) (\(program)) of run \(entry.run) is still alive",
                        hint: "end it (kill -9 \(process.pid)), then run this again")
                }
                done.append("ended \(program) (process \(process.pid)), which run \(entry.run) left")
            // By whoever has the profile's lock: a release is carried out once.
            case .release, .settle, .dropDatabase: continue
            // Until the operator says otherwise.
            case .keep: continue
            }
            try engine.journal.remove(entry.id)
        }
        return done
    }

    /// Interrupted backups that no later complete one has made up for: some of them may have stored everything.
    func doubtfulRuns(besides current: RunID) throws(StoreError) -> [RunRecord] {
        let query = RunQuery(profile: engine.profile.name, operation: .backup, limit: Recovery.horizon)
        return try engine.store.runs(query).filter { $0.id != current }
            .prefix { $0.outcome != .succeeded }.filter { $0.outcome == .interrupted }
    }

    func interruptedRuns(besides current: RunID) throws(StoreError) -> [RunRecord] {
        let query = RunQuery(
            profile: engine.profile.name, operation: .backup, outcome: .interrupted, limit: Recovery.horizon)
        return try engine.store.runs(query).filter { $0.id != current }
    }

    /// As far back as anybody looks.
    private static let horizon = 50

    /// Looks what interrupted runs left in the repository: one that was stopped after its manifest was stored did what it
    /// was to do, and history is told so; snapshots that no manifest names are said to be incomplete.
    /// - Returns: what was found, in words.
    package func reconcile(_ contents: CatalogContents, _ interrupted: [RunRecord]) throws(StoreError) -> [String] {
        var found: [String] = []
        for var run in interrupted {
            if let manifest = contents.manifests.values.first(where: { $0.run == run.id }) {
                run.parts = manifest.parts
                run.gaps = manifest.gaps
                run.void = manifest.void
                run.tools.merge(manifest.tools) { $1 }
                run.outcome = Outcome(parts: manifest.parts, gaps: manifest.gaps)
                run.failures = manifest.failures
                run.notices.append(
                    "stopped after its manifest was stored; what it stored was found complete afterwards")
                try engine.store.update(run)
                found.append("run \(run.id) was stopped after it had stored everything; it counts")
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
