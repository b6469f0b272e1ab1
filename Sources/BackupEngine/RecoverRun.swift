package import BackupModel

/// Recovery by itself, on the operator's word.
package struct RecoverRun: Sendable {
    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    package func run() async -> RunRecord {
        let frame = SimpleRun(
            engine: engine, operation: .recover, lockMode: .exclusive, lockWait: engine.profile.settings.lockWait)
        return await frame.run { recorder, opened, holdings in
            let current = await recorder.record.id
            try await recorder.step(.lockProfile) {
                try await holdings.lock(
                    .profile(engine.profile.name), .exclusive, purpose: "recover \(current)",
                    wait: engine.profile.settings.lockWait)
            }
            try await recorder.step(.recover) {
                let recovery = Recovery(engine)
                for notice in try await recovery.run(except: current).notices { await recorder.notice(notice) }
                let catalog = RepositoryCatalog(engine, repository: engine.primary, identity: opened.identity)
                let contents = try await catalog.contents(loadingManifests: true)
                for notice in try recovery.reconcile(contents, killed: nil) { await recorder.notice(notice) }
            }
        }
    }
}
