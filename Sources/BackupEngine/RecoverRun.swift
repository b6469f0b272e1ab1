package import BackupModel

/// Recovery by itself, on the operator's word.
package struct RecoverRun: Sendable {
    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    package func run() async -> RunRecord {
        let frame = SimpleRun(
            engine: engine, operation: .recover, lockMode: .exclusive, lockWait: engine.profile.settings.lockWait)
        return await frame.run { recorder, holdings in
            // First what needs no repository.
            try await recover(recorder, holdings)
        } _: { recorder, opened, _ in
            let current = await recorder.record.id
            try await recorder.step(.recover, subject: engine.primary.spec.name.rawValue) {
                let catalog = RepositoryCatalog(engine, repository: engine.primary, identity: opened.identity)
                let contents = try await catalog.contents(loadingManifests: true)
                for notice in contents.notices { recorder.notice(notice) }
                let recovery = Recovery(engine)
                let interrupted = try recovery.interruptedRuns(besides: current)
                for notice in try recovery.reconcile(contents, interrupted) { recorder.notice(notice) }
            }
        }
    }

    /// All that needs no repository: also while its disk is not there, as when the machine comes up.
    package func runLocally() async -> RunRecord {
        let frame = SimpleRun(
            engine: engine, operation: .recover, lockMode: .exclusive, lockWait: engine.profile.settings.lockWait)
        return await frame.runLocally { recorder, holdings, _ in try await recover(recorder, holdings) }
    }

    /// In the order in which a backup takes its locks.
    private func recover(_ recorder: RunRecorder, _ holdings: Holdings) async throws {
        let current = await recorder.record.id
        try await recorder.step(.lockProfile) {
            try await holdings.lock(
                .profile(engine.profile.name), .exclusive, purpose: "recover \(current)",
                wait: engine.profile.settings.lockWait)
        }
        try await recorder.step(.recover) { try await recover(except: current, recorder) }
    }

    private func recover(except current: RunID, _ recorder: RunRecorder) async throws {
        let recovered = try await Recovery(engine).run(except: current)
        for notice in recovered.notices { recorder.notice(notice) }
        for failure in recovered.failures { await recorder.fail(failure) }
    }
}
