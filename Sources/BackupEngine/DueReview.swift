package import BackupModel
package import Foundation

/// What is due now, from the profile's schedules and the history. A timer's tick asks this first, and most ticks end here.
package struct DueReview: Sendable {
    let engine: Engine
    /// When backups are due where the profile does not say.
    let usual: Schedule?
    /// Every backup is to feed the followers that are fed on request: one that has not serves no slot.
    let offsite: Bool

    /// - Parameter usual: `nil`: then a scheduled backup is always due.
    package init(_ engine: Engine, usual: Schedule? = nil, offsite: Bool = false) {
        self.engine = engine
        self.usual = usual
        self.offsite = offsite
    }

    package struct Slot: Sendable {
        package var schedule: Schedule
        package var verdict: SlotVerdict
        package var next: Date?
    }

    package struct Source: Sendable {
        package var name: SourceName
        package var cadence: Schedule
        package var isDue: Bool
        /// The run that last captured it in this span of its cadence.
        package var captured: RunID?
        package var next: Date?
    }

    package struct Backup: Sendable {
        /// `nil` where nothing says when.
        package var slot: Slot?
        /// Those with a cadence.
        package var sources: [Source]
        package var feedsOffsite: Bool
        package var hasOtherSources: Bool

        package var notDue: [NotDue] {
            sources.filter { !$0.isDue }.map { NotDue(source: $0.name, captured: $0.captured, next: $0.next) }
        }
        /// At least one source would be captured.
        package var hasWork: Bool { hasOtherSources || sources.contains(where: \.isDue) }
        package var isDue: Bool { (slot?.verdict.isDue ?? true) && hasWork }
    }

    private static let manyRuns = 5000

    package func schedule(of work: ScheduledWork) -> Schedule? {
        engine.profile.schedules[work] ?? (work == .backup ? usual : nil)
    }

    /// - Returns: `nil` where the profile does not say when.
    package func slot(_ work: ScheduledWork) throws(StoreError) -> Slot? {
        guard let schedule = schedule(of: work) else { return nil }
        let now = engine.clock.now
        var runs: [SlotRun] = []
        var start: Date?
        if let slot = schedule.newest(atOrBefore: now, in: engine.timeZone) {
            runs = try slotRuns(work, since: slot)
            // What has nothing to work on yet is not due.
            if work != .backup, try !hasBackup() { start = now }
        }
        return Slot(
            schedule: schedule,
            verdict: SlotDecision.verdict(schedule, now: now, in: engine.timeZone, since: start, runs: runs),
            next: schedule.next(after: now, in: engine.timeZone))
    }

    package func backup() throws(StoreError) -> Backup {
        let slot = try slot(.backup)
        let sources = try sources()
        return Backup(
            slot: slot, sources: sources, feedsOffsite: try isOffsiteDue(),
            hasOtherSources: engine.sources.contains { source in !sources.contains { $0.name == source.spec.name } })
    }

    /// The newest run that served a slot of some work, and the slots since that nothing has served or will serve: the newest
    /// stands for all that were missed.
    package func missed(_ work: ScheduledWork) throws(StoreError) -> (lastServed: RunRecord?, slots: [Date]) {
        let runs = try engine.store.runs(
            RunQuery(profile: engine.profile.name, operation: work.operation, limit: DueReview.recentRuns))
        let now = engine.clock.now
        guard let last = runs.first(where: { ending(of: $0, work) == .served && $0.started <= now }),
            let schedule = schedule(of: work)
        else { return (nil, []) }
        return (last, schedule.slots(after: last.started, through: now, in: engine.timeZone).dropLast())
    }

    private static let recentRuns = 500

    /// Under the profile's lock: what two ticks saw at the same moment is done once.
    /// - Throws: ``RunStop/skipped(_:)``
    func requireUnserved(_ slot: Date?, besides run: RunID) throws {
        guard let slot else { return }
        let served = try slotRuns(.backup, since: slot).first { $0.id != run && $0.ending == .served }
        guard let served else { return }
        throw RunStop.skipped(
            Failure("run \(served.id) has served this slot meanwhile", kind: .tryLater))
    }

    // MARK: Runs

    private func slotRuns(_ work: ScheduledWork, since slot: Date) throws(StoreError) -> [SlotRun] {
        try runs(work.operation, since: slot).map { run in
            SlotRun(id: run.id, started: run.started, finished: run.finished, ending: ending(of: run, work))
        }
    }

    private func runs(_ operation: RunRecord.Operation, since: Date) throws(StoreError) -> [RunRecord] {
        try engine.store.runs(
            RunQuery(
                profile: engine.profile.name, operation: operation, since: since, limit: DueReview.manyRuns))
    }

    private func ending(of run: RunRecord, _ work: ScheduledWork) -> SlotRun.Ending {
        switch work {
        // A backup for a reason of its own is kept apart from the regular ones, and cannot stand for one.
        case .backup where !run.isRegular: return .irrelevant
        case .backup where offsite && run.isCommitted && !onRequest.allSatisfy { run.hasFed($0) }: return .irrelevant
        case .prune where run.reason == PruneRun.dryRunReason: return .irrelevant
        case .verify where run.repository != nil, .prune where run.repository != nil: return .irrelevant
        case .drill where run.sources != nil: return .irrelevant
        case .backup, .verify, .prune, .drill: break
        }
        let isOfThisStart = run.process.bootID == engine.host.bootID
        switch run.outcome {
        case .succeeded, .degraded, .partial: return .served
        case .skipped: return .irrelevant
        case .failed: return run.isScheduled ? .failed(again: false) : .irrelevant
        case .interrupted: return run.isScheduled ? .failed(again: !isOfThisStart) : .irrelevant
        case nil:
            if engine.host.process(run.process.pid) == run.process { return .underWay }
            return run.isScheduled ? .failed(again: !isOfThisStart) : .irrelevant
        }
    }

    private func hasBackup() throws(StoreError) -> Bool {
        for outcome in [Outcome.succeeded, .degraded, .partial] {
            let query = RunQuery(profile: engine.profile.name, operation: .backup, outcome: outcome, limit: 1)
            if try !engine.store.runs(query).isEmpty { return true }
        }
        return false
    }

    // MARK: Sources and followers

    private func sources() throws(StoreError) -> [Source] {
        let now = engine.clock.now
        let present = try held()
        var found: [Source] = []
        for source in engine.sources {
            guard let cadence = source.spec.cadence else { continue }
            let name = source.spec.name
            var captured: RunID?
            if let slot = cadence.newest(atOrBefore: now, in: engine.timeZone) {
                captured = try runs(.backup, since: slot.addingTimeInterval(-DueReview.longestRun))
                    .first { run in
                        // What has gone from the repository since must be captured anew.
                        run.hasCaptured(name, since: slot) && run.started <= now
                            && present.map { held in
                                run.parts.contains { $0.source == name && held.contains($0.snapshot) }
                            } != false
                    }?.id
            }
            found.append(
                Source(
                    name: name, cadence: cadence, isDue: captured == nil, captured: captured,
                    next: cadence.next(after: now, in: engine.timeZone)))
        }
        return found
    }

    /// What the repository has, as far as that can be told without starting anything; `nil` where nothing can.
    private func held() throws(StoreError) -> Set<SnapshotID>? {
        if let onDisk = try? engine.primary.snapshotIDsOnDisk() { return onDisk }  // away: the run that needs it says so
        // Until then the history says what was there.
        guard let pin = try engine.pins.pin(profile: engine.profile.name, repository: engine.primary.spec.pinName),
            !engine.store.wasRecreated
        else { return nil }
        return Set(try engine.store.snapshots(of: RepositoryCatalog.key(engine.primary.spec, pin.identity)).map(\.id))
    }

    /// In seconds: a run that began before a source's time may have captured it after.
    private static let longestRun: Double = 86_400

    private var onRequest: [RepositoryName] {
        engine.followers.filter { $0.follow.feed == .onRequest }.map(\.spec.name)
    }

    private func isOffsiteDue() throws(StoreError) -> Bool {
        let followers = onRequest
        guard let schedule = engine.profile.schedules.offsite, !followers.isEmpty,
            let slot = schedule.newest(atOrBefore: engine.clock.now, in: engine.timeZone)
        else { return false }
        let feeds = try runs(.backup, since: slot).flatMap { $0.feeds ?? [] }.filter { $0.outcome == .succeeded }
        return !followers.allSatisfy { name in feeds.contains { $0.follower == name } }
    }
}

extension RunRecord {
    var isScheduled: Bool { trigger == "scheduled" }

    /// Or has tried to.
    func hasFed(_ follower: RepositoryName) -> Bool { (feeds ?? []).contains { $0.follower == follower } }

    /// Of all sources, and for no reason of its own.
    var isRegular: Bool { sources == nil && (reason ?? "").isEmpty }

    /// Whether it left a part of a source that is of use, and missed none.
    func hasCaptured(_ source: SourceName, since: Date) -> Bool {
        guard (reason ?? "").isEmpty, isCommitted, !gaps.contains(where: { $0.source == source }) else { return false }
        let parts = parts.filter { $0.source == source }
        return !parts.isEmpty && parts.allSatisfy { $0.capturedAt >= since && $0.condition != .damaged }
    }
}
