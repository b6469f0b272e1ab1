package import BackupModel

/// Hooks tried by hand, outside of any run.
package struct HookTrial: Sendable {
    private let engine: Engine
    private let recorder: RunRecorder

    package struct Tried: Sendable {
        package var event: String
        package var subject: String?
        package var hook: HookSpec
        /// How it ended; what kept it from being run.
        package var result: Result<HookReport, HookError>
    }

    package init(_ engine: Engine) {
        self.engine = engine
        recorder = RunRecorder(engine.newRecord(.backup, trigger: "manual"), engine: engine)
    }

    /// Runs the hooks of one event in their order; each is run whatever became of the one before.
    /// - Parameters:
    ///   - subject: the source or repository that it is to be about; `nil` for all there are.
    ///   - name: of the hook; `nil` for all.
    package func run(_ event: HookEvent, about subject: String?, named name: String?) async throws(Failure) -> [Tried] {
        var subjects: [HookSubject]
        switch event.scope {
        case .run, .restore, .drill: subjects = [.profile]
        case .source: subjects = engine.profile.sources.map(HookSubject.source)
        case .repository: subjects = engine.profile.repositories.map(HookSubject.repository)
        }
        if let subject {
            let names = subjects.compactMap(\.name)
            subjects = subjects.filter { $0.name == subject }
            if subjects.isEmpty {
                throw Failure(
                    "`\(event)` is not about \(subject)",
                    hint: names.isEmpty ? nil : "it is about one of: \(names.joined(separator: ", "))", kind: .usage)
            }
        }
        var tried: [Tried] = []
        for subject in subjects {
            for hook in HookOrder.hooks(at: event, subject, engine.profile)
            where name == nil || hook.action.name == name {
                tried.append(await run(hook, event, subject))
            }
        }
        return tried
    }

    private func run(_ hook: HookSpec, _ event: HookEvent, _ subject: HookSubject) async -> Tried {
        var document = await HookCall(engine, recorder).document(
            event.description, hook.action, outcome: HookTrial.outcome(of: event))
        document.trial = true
        if event.scope == .restore { document.operation = RunRecord.Operation.restore.rawValue }
        if event.scope == .drill { document.operation = RunRecord.Operation.drill.rawValue }
        switch subject {
        case .profile: break
        case .source(let spec): document.source = .init(name: spec.name.rawValue, kind: spec.kind)
        case .repository(let spec): document.repository = .init(name: spec.name.rawValue, kind: spec.kind)
        }
        var tried = Tried(event: event.description, subject: subject.name, hook: hook, result: .failure(.unsupported))
        do throws(HookError) { tried.result = .success(try await engine.hooks.run(hook.action, document)) } catch {
            tried.result = .failure(error)
        }
        return tried
    }

    private static func outcome(of event: HookEvent) -> Outcome? {
        switch event.moment {
        case .before: nil
        case .after, .succeeded: .succeeded
        case .partial: .partial
        case .degraded: .degraded
        case .failed: .failed
        }
    }

    /// Takes resources, one after the other, and gives each back at once; journaled as in a run.
    /// - Returns: what was done, and what went wrong.
    /// - Throws: ``Failure`` while a run is at work.
    package func takeAndGiveBack(named name: String?) async throws(Failure) -> (did: [HookRecord], wrong: [Failure]) {
        let holdings = Holdings(engine: engine)
        do {
            try await holdings.lock(
                .profile(engine.profile.name), .exclusive, purpose: "trying a resource by hand", wait: .zero)
        } catch { throw RunRecorder.failure(of: error) }
        for spec in engine.profile.resources where name == nil || spec.name == name {
            let resources = Resources(engine, recorder)
            do { try await resources.take(spec, by: .run) } catch {
                await recorder.fail(RunRecorder.failure(of: error))
            }
            await uncancelled { await resources.giveBackAll() }
        }
        _ = await holdings.release()
        let record = await recorder.record
        return (record.hooks ?? [], record.failures)
    }
}
