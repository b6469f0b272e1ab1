import BackupModel

/// The frame of every piece of recorded work that is not a backup: record, lock, open, do, conclude.
struct SimpleRun: Sendable {
    let engine: Engine
    let operation: RunRecord.Operation
    let lockMode: LockMode
    let lockWait: Duration
    var reason: String?
    var trigger = "manual"

    /// - Parameters:
    ///   - prepare: done before the repository is locked or looked at.
    ///   - body: does the work; what either throws fails the run.
    func run(
        preparing prepare: @Sendable (RunRecorder, Holdings) async throws -> Void = { _, _ in },
        _ body: @Sendable (RunRecorder, OpenRepository.Opened, Holdings) async throws -> Void
    ) async -> RunRecord {
        await runWithHooks(preparing: prepare) { recorder, opened, holdings, _ in
            try await body(recorder, opened, holdings)
        }
    }

    /// As ``run(preparing:_:)``, for work that takes resources by itself.
    func runWithHooks(
        preparing prepare: @Sendable (RunRecorder, Holdings) async throws -> Void = { _, _ in },
        _ body: @Sendable (RunRecorder, OpenRepository.Opened, Holdings, HookWork) async throws -> Void
    ) async -> RunRecord {
        await runLocally { recorder, holdings, hooks in
            try await prepare(recorder, holdings)
            if operation != .recover {
                await sweep(recorder)
                try await giveBackLeft(recorder, hooks)
            }
            try await hooks.begin()
            let run = await recorder.record.id
            try await recorder.step(.lockRepository, subject: engine.primary.spec.name.rawValue) {
                try await holdings.lock(
                    .repository(location: engine.primary.location), lockMode,
                    purpose: "\(operation.rawValue) \(run)", wait: lockWait)
            }
            let opened = try await recorder.step(.openRepository, subject: engine.primary.spec.name.rawValue) {
                let opened = try await OpenRepository(engine, repository: engine.primary).open(.never)
                for notice in opened.notices { recorder.notice(notice) }
                if lockMode == .exclusive {
                    for lock in try await engine.primary.clearDeadLocks() {
                        recorder.notice("removed the lock of process \(lock.pid) on \(lock.host), which is dead")
                    }
                }
                return opened
            }
            try await body(recorder, opened, holdings, hooks)
        }
    }

    /// Record, do, conclude: for work that looks into no repository.
    func runLocally(
        _ body: @Sendable (RunRecorder, Holdings, HookWork) async throws -> Void
    ) async -> RunRecord {
        let record = engine.newRecord(operation, reason: reason, trigger: trigger)
        let recorder = RunRecorder(record, engine: engine)
        let holdings = Holdings(engine: engine)
        let hooks = HookWork(engine, recorder, operation)
        var stop: (any Error)?
        var isDone = false
        do {
            try await recorder.step(.record) { try await recorder.begin() }
            await engine.announce(record)
            try await body(recorder, holdings, hooks)
            isDone = true
            try await recorder.step(.finish) {}
        } catch RunStop.cancelled where isDone {
            // It came too late: all is done, and to say otherwise would be wrong.
        } catch {
            stop = error
        }
        let failure = stop
        return await uncancelled {
            let outcome = await hooks.end(SimpleRun.conclude(failure, recorder))
            return await engine.close(recorder, holdings, outcome)
        }
    }

    /// Removes what killed runs left, a former attempt at this one above all. Nothing that stands in the way of that may stand in the
    /// way of the work.
    private func sweep(_ recorder: RunRecorder) async {
        let run = await recorder.record.id
        do {
            for notice in try await Recovery(engine).settleJournal(except: run) { recorder.notice(notice) }
        } catch {
            recorder.notice(RunRecorder.failure(of: error).description)
        }
    }

    /// What a run took that was killed is given back by the next run, whatever that is. While another one holds the profile, it
    /// has seen to that.
    private func giveBackLeft(_ recorder: RunRecorder, _ hooks: HookWork) async throws {
        let run = await recorder.record.id
        let left = LeftResources(engine)
        let isUnsettled = try engine.journal.entries(profile: engine.profile.name).contains {
            $0.run != run && $0.action.isOfSettling
        }
        guard try isUnsettled || left.isAny(except: run) else { return }
        let key = LockKey.profile(engine.profile.name)
        let purpose = "\(operation.rawValue) \(run): giving back what an earlier run left"
        let lock: any HeldLock
        do throws(LockError) {
            lock = try await engine.locks.acquire(key, mode: .exclusive, purpose: purpose, wait: .zero)
        } catch { return }
        defer { lock.release() }
        // Before anything is started again that would find half of it.
        let settled = try await SettlementRecovery(engine: engine).run(except: run)
        for notice in settled.notices { recorder.notice(notice) }
        for failure in settled.failures { await hooks.note(failure) }
        let released = try await left.release(except: run)
        for notice in released.notices { recorder.notice(notice) }
        for failure in released.failures { await hooks.note(failure) }
    }

    static func conclude(_ stop: (any Error)?, _ recorder: RunRecorder) async -> Outcome {
        guard let stop else {
            let failures = await recorder.record.failures
            if failures.isEmpty { return .succeeded }
            // Something is there, and nobody knows whether it is right.
            return failures.allSatisfy { $0.kind == .unproven } ? .partial : .failed
        }
        let failure = RunRecorder.failure(of: stop)
        await recorder.fail(failure)
        if case RunStop.skipped = stop { return .skipped }
        return failure.kind == .interrupted ? .interrupted : .failed
    }
}
