package import BackupModel
package import Foundation

/// What was asked of a backup.
package struct BackupRequest: Sendable {
    /// `nil`: all of the profile's.
    package var sources: [SourceName]?
    package var tags: [String] = []
    package var reason: String?
    package var trigger = "manual"
    package var creation: OpenRepository.Creation = .onFirstUse
    package var lockWait: Duration?
    package var retention = true
    /// Also followers that are fed on request.
    package var offsite = false
    /// Those of the profile that are left to a later run.
    package var notDue: [NotDue] = []
    /// The slot that it is for: once another run has served it there is nothing to do.
    package var slot: Date?
    /// The operator's word that this many removals are meant.
    package var allowedRemovals: Int?
    /// What is noted with it, and stands in its manifest.
    package var notes: [String] = []
    package init() {}

    /// The operator's reason makes a class of its own for retention; otherwise the regular one.
    var retentionClass: String {
        guard let reason, !reason.isEmpty else { return SnapshotStamp.regularClass }
        return RetentionClass.name(for: reason)
    }
}

/// One backup from its record to its report.
///
/// Never throws: whatever happens is in the record that it returns. A success needs every piece of evidence: each source
/// captured, each part stored and counted, the manifest in the repository, the record on disk.
package struct BackupRun: Sendable {
    let engine: Engine
    let request: BackupRequest

    package init(_ engine: Engine, _ request: BackupRequest) {
        self.engine = engine
        self.request = request
    }

    package func run() async -> RunRecord {
        var record = engine.newRecord(.backup, reason: request.reason, trigger: request.trigger)
        record.sources = request.sources
        record.notDue = request.notDue
        return await run(record)
    }

    private func run(_ record: RunRecord) async -> RunRecord {
        let recorder = RunRecorder(record, engine: engine)
        let holdings = Holdings(engine: engine)
        let hooks = HookWork(engine, recorder, .backup)
        let stop = await limited { try await work(recorder, record, holdings, hooks) }
        return await uncancelled {
            let outcome = await hooks.end(conclude(stop, recorder))
            return await engine.close(recorder, holdings, outcome)
        }
    }

    private enum Ended: Sendable {
        case work((any Error)?)
        case limitPassed
        case limitGivenUp
    }

    /// Runs `body` within the profile's time limit.
    /// - Returns: what it threw.
    private func limited(_ body: @escaping @Sendable () async throws -> Void) async -> (any Error)? {
        let limit = engine.profile.settings.timeLimit
        let clock = engine.clock
        let (stop, isOver) = await withTaskGroup(of: Ended.self) { group in
            group.addTask {
                do { try await body() } catch { return .work(error) }
                return .work(nil)
            }
            if let limit {
                group.addTask {
                    do { try await clock.sleep(for: limit) } catch { return .limitGivenUp }
                    return .limitPassed
                }
            }
            var stop: (any Error)?
            var isOver = false
            for await ended in group {
                switch ended {
                case .work(let error):
                    stop = error
                    group.cancelAll()
                    // A limit that passes from now on has stopped nothing.
                    return (stop, isOver)
                case .limitPassed:
                    isOver = true
                    group.cancelAll()
                case .limitGivenUp: continue
                }
            }
            return (stop, isOver)
        }
        guard let stop, let limit, isOver, !Task.isCancelled else { return stop }
        let failure = RunRecorder.failure(of: stop)
        return RunStop.failed(
            Failure(
                "the run was stopped after \(Age.words(limit)) (`time-limit`)"
                    + (failure.kind == .interrupted ? "" : ": \(failure.description)"),
                hint: "raise `time-limit:` in the profile, or see in `holdfast show` what took so long"))
    }

    private func work(
        _ recorder: RunRecorder, _ record: RunRecord, _ holdings: Holdings, _ hooks: HookWork
    ) async throws {
        try await recorder.step(.record) { try await recorder.begin() }
        for note in request.notes { recorder.notice(note) }
        await engine.announce(record)
        let wait = request.lockWait ?? engine.profile.settings.lockWait
        try await recorder.step(.lockProfile) {
            try await holdings.lock(
                .profile(engine.profile.name), .exclusive, purpose: "backup \(record.id)", wait: wait)
        }
        try DueReview(engine, offsite: request.offsite).requireUnserved(request.slot, besides: record.id)
        let recovery = Recovery(engine)
        try await recorder.step(.recover) {
            let recovered = try await recovery.run(except: record.id)
            for notice in recovered.notices { recorder.notice(notice) }
            for failure in recovered.failures { await hooks.note(failure) }
            // It would be a restore point that nobody ever had.
            if let failure = recovered.unsettled.first { throw RunStop.noneCaptured(failure) }
        }
        try await hooks.begin()
        try await recorder.step(.lockRepository, subject: engine.primary.spec.name.rawValue) {
            try await holdings.lock(
                .repository(location: engine.primary.location), .shared, purpose: "backup \(record.id)", wait: wait)
        }
        let followers = engine.followers.filter { request.offsite || $0.follow.feed == .always }
        if engine.profile.settings.remoteDemand == .reachable {
            for follower in followers { try await requireReachable(follower) }
        }
        let later = Set(request.notDue.map(\.source))
        let chosen = try engine.sources(named: request.sources).filter { !later.contains($0.spec.name) }
        let preflight = Preflight(engine)
        let checked = try await recorder.step(.preflight) {
            try await preflight.check(chosen, feeding: followers, record, recorder, holdings)
        }
        let (opened, standing) = try await recorder.step(
            .openRepository, subject: engine.primary.spec.name.rawValue
        ) {
            let standing = try await RecipientPinning(engine).standing(of: engine.primary)
            let key = LockKey.repository(location: engine.primary.location)
            let opened = try await OpenRepository(engine, repository: engine.primary).open(request.creation) {
                try await holdings.exchange(
                    key, for: .exclusive, purpose: "creating for backup \(record.id)", wait: wait)
            }
            if await holdings.isAlone(with: key) {
                try await holdings.exchange(key, for: .shared, purpose: "backup \(record.id)", wait: wait)
            }
            for notice in opened.notices { recorder.notice(notice) }
            await recorder.note(tool: try await engine.primary.toolVersion())
            if let unknown = await OwnKey(engine).learn() { recorder.notice(unknown.description) }
            for lock in try await engine.primary.clearDeadLocks() {
                recorder.notice("removed the lock of process \(lock.pid) on \(lock.host), which is dead")
            }
            return (opened, standing)
        }
        let catalog = RepositoryCatalog(engine, repository: engine.primary, identity: opened.identity)
        let ready = try await preflight.settle(checked, repository: standing.unpinned, catalog, recorder)
        let doubtful = try recovery.doubtfulRuns(besides: record.id)
        if !doubtful.isEmpty {
            let contents = try await catalog.contents(loadingManifests: true)
            for notice in try recovery.reconcile(contents, doubtful) { recorder.notice(notice) }
        }
        let capture = Capture(engine, request, record, recorder, holdings, hooks)
        await holdings.tell("backup \(record.id): capturing")
        let captured = try await capture.run(ready)
        if Task.isCancelled { throw RunStop.cancelled }
        await holdings.tell("backup \(record.id): finishing")
        try await noteAnomalies(captured.parts, recorder)
        try await recorder.step(.manifest) {
            if captured.parts.isEmpty, let skip = await hooks.skipOfAll, await recorder.record.gaps.isEmpty {
                throw RunStop.skipped(skip)
            }
            try await writeManifest(captured, for: standing.recipients, recorder, catalog, capture)
        }
        try await Feeding(
            engine, catalog, recorder, holdings, hooks, purpose: "backup \(record.id)", wait: wait, ready: ready
        ).feed(
            followers, idle: engine.followers.filter { !request.offsite && $0.follow.feed == .onRequest })
        if (request.retention && engine.profile.retention.hasRules) || !captured.void.isEmpty {
            try await recorder.step(.retention) {
                do {
                    try await clearUp(captured.void, recorder, catalog, holdings, wait: wait)
                } catch {
                    throw BackupRun.afterwards(error)
                }
            }
        }
        if let gone = try await VanishedPoints(catalog).find() {
            // This backup is good; what came before it is not all there.
            await recorder.fail(Failure(gone.words, hint: gone.hint, kind: .damaged))
        }
        try await recorder.step(.finish) {}
    }

    private func requireReachable(_ follower: any Follower) async throws {
        do throws(RepositoryError) {
            try await follower.requireReachable()
        } catch {
            throw RunStop.failed(
                Failure(
                    "nothing was backed up, for \(follower.spec.name) cannot be fed (`require-remote: reachable`): "
                        + error.description, hint: error.hint, kind: error.kind))
        }
    }

    private func writeManifest(
        _ captured: Capture.Result, for recipients: Recipients?, _ recorder: RunRecorder, _ catalog: RepositoryCatalog,
        _ capture: Capture
    ) async throws {
        let record = await recorder.record
        guard !captured.parts.isEmpty else {
            guard let first = record.failures.first else { throw RunStop.failed(Failure("nothing was captured")) }
            throw RunStop.noneCaptured(Failure("nothing was captured", kind: first.kind))
        }
        var manifest = Manifest(
            run: record.id, profile: record.profile, host: engine.profile.host, machine: engine.host.machineID,
            started: record.started, finished: engine.clock.now, reason: record.reason,
            retentionClass: request.retentionClass,
            parts: captured.parts.sorted { ($0.source, $0.part) < ($1.source, $1.part) }, gaps: captured.gaps,
            void: captured.void,
            tools: record.tools, policy: engine.profile.retention.words, notices: record.notices)
        // Those that were compared, and not what may stand there by now.
        manifest.repositoryRecipients = recipients
        manifest.hooks = record.hooks.map { $0.filter { $0.message != nil || $0.facts != nil } }
        manifest.notDue = request.notDue
        let stored = try await capture.store(manifest)
        await engine.moment(.manifestStored)
        try catalog.remember(captured.snapshots + [stored], manifest: (manifest, stored.id))
        try await recorder.checkpoint()
    }

    /// Drops what the policy no longer keeps, and the snapshots that this run had to declare void. A danger it sees, or a
    /// repository that is in use, leaves everything as it is.
    private func clearUp(
        _ void: [SnapshotID], _ recorder: RunRecorder, _ catalog: RepositoryCatalog, _ holdings: Holdings,
        wait: Duration
    ) async throws {
        // Whoever may remove does it, with `backup prune`.
        guard engine.primary.spec.access.mayRemove else { return }
        let work = RetentionWork(engine, catalog: catalog, allowedRemovals: request.allowedRemovals)
        var retains = request.retention && engine.profile.retention.hasRules
        if retains {
            retains = try await !work.plan(recorder: recorder).removals.isEmpty
            if retains, await !recorder.record.gaps.isEmpty {
                recorder.notice("retention removed nothing because this run has gaps")
                await recorder.annotate(.retention) { $0.outcome = .skipped }
                retains = false
            }
        }
        guard retains || !void.isEmpty else { return }
        do {
            try await holdings.exchange(
                .repository(location: engine.primary.location), for: .exclusive, purpose: "retention", wait: wait)
        } catch RunStop.skipped(let cause) {
            recorder.notice("retention waits for the next run: \(cause.description)")
            await recorder.annotate(.retention) { $0.outcome = .skipped }
            return
        }
        if !void.isEmpty { await work.drop(void: void, recorder: recorder) }
        // What was planned may have changed until nobody else was there.
        if retains { try await work.carryOut(try await work.plan(loadingManifests: true).plan, recorder: recorder) }
    }

    /// Trouble after the manifest is trouble, and does not undo what was stored.
    private static func afterwards(_ error: any Error) -> RunStop {
        let failure = RunRecorder.failure(of: error)
        if failure.kind == .interrupted { return .cancelled }
        return .failed(
            Failure(
                "the backup itself is stored and complete; retention failed: \(failure.description)",
                hint: failure.hint,
                kind: failure.kind))
    }

    /// The run's outcome from what stopped it and what was recorded.
    private func conclude(_ stop: (any Error)?, _ recorder: RunRecorder) async -> Outcome {
        var outcome = Outcome.succeeded
        switch stop {
        case nil: break
        case .some(RunStop.skipped(let cause)):
            await recorder.fail(cause)
            outcome = .skipped
        case .some(RunStop.noneCaptured): outcome = .failed
        case .some(let error):
            let failure = RunRecorder.failure(of: error)
            await recorder.fail(failure)
            outcome = failure.kind == .interrupted ? .interrupted : .failed
        }
        let record = await recorder.record
        if stop != nil, !record.parts.isEmpty {
            recorder.notice(
                record.isCommitted
                    ? "what was captured is stored and complete; it can be restored"
                    : "nothing of this run counts: its manifest was not stored; earlier backups are untouched")
        }
        // Parts of a run that was stopped before its manifest say nothing about it.
        let found = Outcome(parts: stop == nil ? record.parts : [], gaps: record.gaps)
        let isShort = stop == nil && outcome == .succeeded && record.failures.contains { $0.kind == .damaged }
        return Outcome.worst(
            of: [outcome, found, isShort ? .degraded : .succeeded] + (record.feeds ?? []).map(\.outcome))
    }
}
