package import BackupModel
import Foundation

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
    /// The operator's word that this many removals are meant.
    package var allowedRemovals: Int?
    package init() {}
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
        let record = engine.newRecord(.backup, reason: request.reason, trigger: request.trigger)
        let recorder = RunRecorder(record, engine: engine)
        let holdings = Holdings(engine: engine)
        let stop = await limited { try await work(recorder, record, holdings) }
        let toolStarts = engine.primary.toolStarts
        return await uncancelled {
            await recorder.change { $0.toolStarts = toolStarts }
            let outcome = await conclude(stop, recorder)
            let finished = await recorder.finish(outcome)
            await engine.failpoint(.release)
            return await holdings.release(finished)
        }
    }

    /// Runs `body` within the profile's time limit.
    /// - Returns: what it threw.
    private func limited(_ body: @escaping @Sendable () async throws -> Void) async -> (any Error)? {
        let work = Task { () -> (any Error)? in
            do { try await body() } catch { return error }
            return nil
        }
        let timer = engine.profile.settings.timeLimit.map { limit in
            Task {
                try await engine.clock.sleep(for: limit)
                work.cancel()
                return limit
            }
        }
        let stop = await withTaskCancellationHandler { await work.value } onCancel: { work.cancel() }
        timer?.cancel()
        if let stop, let limit = try? await timer?.value, !Task.isCancelled {
            // The timer ended by itself only when the limit had passed.
            return RunStop.failed(
                Failure(
                    "the run was stopped after \(Age.words(limit)) (`time-limit`): \(RunRecorder.failure(of: stop).description)",
                    hint: "raise `time-limit:` in the profile, or see in `holdfast show` what took so long"))
        }
        return stop
    }

    private func work(_ recorder: RunRecorder, _ record: RunRecord, _ holdings: Holdings) async throws {
        try await recorder.step(.record) { try await recorder.begin() }
        let wait = request.lockWait ?? engine.profile.settings.lockWait
        try await recorder.step(.lockProfile) {
            try await holdings.lock(
                .profile(engine.profile.name), .exclusive, purpose: "backup \(record.id)", wait: wait)
        }
        let recovery = Recovery(engine)
        let recovered = try await recorder.step(.recover) {
            let recovered = try await recovery.run(except: record.id)
            for notice in recovered.notices { await recorder.notice(notice) }
            return recovered
        }
        try await recorder.step(.lockRepository, subject: engine.primary.spec.name.rawValue) {
            try await holdings.lock(
                .repository(location: engine.primary.location), .shared, purpose: "backup \(record.id)", wait: wait)
        }
        let chosen = try chosenSources()
        let ready = try await recorder.step(.preflight) {
            try await Preflight(engine).check(chosen, record, recorder, holdings)
        }
        let opened = try await recorder.step(.openRepository, subject: engine.primary.spec.name.rawValue) {
            let opened = try await OpenRepository(engine, repository: engine.primary).open(request.creation)
            for notice in opened.notices { await recorder.notice(notice) }
            await recorder.note(tool: try await engine.primary.toolVersion())
            for lock in try await engine.primary.clearDeadLocks() {
                await recorder.notice("removed the lock of process \(lock.pid) on \(lock.host), which is dead")
            }
            return opened
        }
        let catalog = RepositoryCatalog(engine, repository: engine.primary, identity: opened.identity)
        if !recovered.killedRuns.isEmpty {
            let contents = try await catalog.contents(loadingManifests: true)
            for notice in try recovery.reconcile(contents, killed: recovered.killedRuns) { await recorder.notice(notice) }
        }
        let capture = Capture(engine, request, record, recorder, holdings)
        let captured = try await capture.run(ready)
        if Task.isCancelled { throw RunStop.cancelled }
        try await recorder.step(.manifest) {
            try await writeManifest(captured, recorder, catalog, capture)
        }
        if request.retention, engine.profile.retention.hasRules {
            try await recorder.step(.retention) {
                try await retain(recorder, catalog, holdings, wait: wait)
            }
        }
        try await recorder.step(.finish) {}
    }

    private func chosenSources() throws -> [any DumpSource] {
        guard let names = request.sources else { return engine.sources }
        return try names.map { name in
            guard let source = engine.sources.first(where: { $0.spec.name == name }) else {
                throw RunStop.failed(
                    Failure(
                        "profile \(engine.profile.name) has no source \(name)",
                        hint: "it has: " + engine.sources.map(\.spec.name.rawValue).joined(separator: ", "),
                        kind: .usage))
            }
            return source
        }
    }

    private func writeManifest(
        _ captured: Capture.Result, _ recorder: RunRecorder, _ catalog: RepositoryCatalog, _ capture: Capture
    ) async throws {
        let record = await recorder.record
        guard !captured.parts.isEmpty else {
            try catalog.remember(captured.snapshots, manifest: nil)
            throw RunStop.failed(Failure("nothing was captured", kind: record.failures.first?.kind ?? .failed))
        }
        let manifest = Manifest(
            run: record.id, profile: record.profile, host: engine.profile.host, machine: engine.host.machineID,
            started: record.started, finished: engine.clock.now, reason: record.reason,
            retentionClass: capture.retentionClass, parts: captured.parts, gaps: captured.gaps, void: captured.void,
            tools: record.tools, policy: engine.profile.retention.words, notices: record.notices)
        let stored = try await capture.store(manifest)
        try catalog.remember(captured.snapshots + [stored], manifest: (manifest, stored.id))
        try await recorder.checkpoint()
    }

    /// Drops what the policy no longer keeps. A danger it sees, or a repository that is in use, leaves everything as it is.
    private func retain(
        _ recorder: RunRecorder, _ catalog: RepositoryCatalog, _ holdings: Holdings, wait: Duration
    ) async throws {
        let work = RetentionWork(engine, catalog: catalog, allowedRemovals: request.allowedRemovals)
        let plan = try await work.plan(recorder: recorder)
        guard !plan.removals.isEmpty else { return }
        guard await recorder.record.gaps.isEmpty else {
            await recorder.notice("retention removed nothing because this run has gaps")
            return
        }
        do {
            try await holdings.exchangeForExclusive(
                .repository(location: engine.primary.location), purpose: "retention", wait: wait)
        } catch {
            await recorder.notice("retention waits for the next run: \(error.description)")
            return
        }
        try await work.carryOut(plan, recorder: recorder)
    }

    /// The run's outcome from what stopped it and what was recorded.
    private func conclude(_ stop: (any Error)?, _ recorder: RunRecorder) async -> Outcome {
        switch stop {
        case nil: break
        case .some(RunStop.cancelled):
            await recorder.fail(Failure("interrupted", kind: .interrupted))
            return .interrupted
        case .some(RunStop.skipped(let cause)):
            await recorder.fail(cause)
            return .skipped
        case .some(let error):
            let failure = RunRecorder.failure(of: error)
            await recorder.fail(failure)
            return failure.kind == .interrupted ? .interrupted : .failed
        }
        let record = await recorder.record
        var outcomes: [Outcome] = record.failures.isEmpty && record.gaps.isEmpty ? [.succeeded] : [.failed]
        for part in record.parts {
            switch part.condition {
            case .clean, .tolerated: outcomes.append(.succeeded)
            case .partial: outcomes.append(.partial)
            case .damaged: outcomes.append(.failed)
            }
        }
        return Outcome.worst(of: outcomes)
    }
}
