import BackupModel

/// "Not now", said by a program of the operator's.
struct HookSkip: OperatorError {
    var subject: String
    var words: String
    var description: String { "\(subject): not now: \(words)" }
    var hint: String? { nil }
    var kind: FailureKind { .tryLater }
}

/// The hooks and resources around one piece of work. The order is fixed, and `hook list` shows it: see ``HookOrder``.
struct HookWork: Sendable {
    let engine: Engine
    let recorder: RunRecorder
    private let operation: RunRecord.Operation
    private let resources: Resources
    private let ledger = Ledger()

    init(_ engine: Engine, _ recorder: RunRecorder, _ operation: RunRecord.Operation) {
        self.engine = engine
        self.recorder = recorder
        self.operation = operation
        resources = Resources(engine, recorder)
    }

    /// What hooks have made of the run so far.
    private actor Ledger {
        var outcome = Outcome.succeeded
        var skips: [HookSkip] = []
        var skippedSources: Set<SourceName> = []
        var begun: [HookEvent.Scope] = []
        func note(_ outcome: Outcome) { self.outcome = Outcome.worst(of: [self.outcome, outcome]) }
        func begin(_ scope: HookEvent.Scope) { begun.append(scope) }
        /// - Returns: whether it had begun.
        func end(_ scope: HookEvent.Scope) -> Bool {
            defer { begun.removeAll { $0 == scope } }
            return begun.contains(scope)
        }
        func skip(_ source: SourceName, _ skip: HookSkip) {
            skips.append(skip)
            skippedSources.insert(source)
            note(.skipped)
        }
    }

    private var primary: RepositorySpec { engine.primary.spec }

    /// The scope that the work as a whole is; none for what has only repositories.
    private var scope: HookEvent.Scope? {
        switch operation {
        case .backup: .run
        case .restore: .restore
        case .drill: .drill
        case .prune, .verify, .recover, .mount: nil
        }
    }

    // MARK: The whole

    /// Before anything is looked at.
    /// - Throws: ``RunStop``: failed, skipped or cancelled.
    func begin() async throws {
        guard operation != .recover else { return }
        if let scope {
            await ledger.begin(scope)
            try await fire(HookEvent(scope, .before), .profile)
        }
        if operation == .backup {
            for spec in engine.profile.resources where spec.around == .run && spec.purposes.contains(.backup) {
                try await take(spec, by: .run)
            }
        }
        await ledger.begin(.repository)
        try await begin(primary)
    }

    private func begin(_ repository: RepositorySpec) async throws {
        try await fire(HookEvent(.repository, .before), .repository(repository))
        for spec in engine.profile.resources where spec.around == .repository(repository.name) {
            try await take(spec, by: .repository(repository.name))
        }
    }

    /// Of a restore that looks into no repository.
    func beginRestore() async throws {
        await ledger.begin(.restore)
        try await fire(HookEvent(.restore, .before), .profile)
    }

    /// What rests while things change places.
    /// - Throws: ``RunStop``
    func takeForRestore(of sources: [SourceName]) async throws {
        for spec in engine.profile.resources where spec.isFor(.restore, of: sources) { try await take(spec, by: .run) }
    }

    func giveBackForRestore() async { await uncancelled { await resources.finished(.run) } }

    /// For the whole of something.
    private func take(_ spec: ResourceSpec, by holder: Resources.Holder) async throws {
        do { try await resources.take(spec, by: holder) } catch let failure as HookFailure {
            throw RunStop.failed(failure)
        }
    }

    /// Gives everything back, last taken first, and tells of the outcome. Runs whatever has happened, and uncancelled.
    /// - Parameter outcome: of the work itself.
    /// - Returns: that of the work with its hooks; nothing changes it afterwards.
    func end(_ outcome: Outcome) async -> Outcome {
        await resources.giveBackAll()
        await ledger.note(outcome)
        var present = await worst()
        let begun = await ledger.begun
        if begun.contains(.repository) {
            present = await conclude(.repository, .repository(primary), present)
        }
        guard let scope else { return await worst() }
        // A run that never came to its `before` has nothing to clean up after; that it failed is told all the same.
        if begun.contains(scope) { return await conclude(scope, .profile, present) }
        if let event = HookEvent.of(present, scope) { await fireLate(event, .profile, present) }
        return await worst()
    }

    /// The primary is not needed any more, although the work goes on.
    func endRepository() async {
        await uncancelled {
            await resources.finished(.repository(primary.name))
            guard await ledger.end(.repository) else { return }
            _ = await conclude(.repository, .repository(primary), await worst())
        }
    }

    /// What is known by now: of the work, of its hooks, of what could not be given back.
    private func worst() async -> Outcome {
        Outcome.worst(of: [await ledger.outcome, await resources.outcome])
    }

    /// - Returns: the outcome with what came of telling it.
    private func conclude(_ scope: HookEvent.Scope, _ subject: HookSubject, _ outcome: Outcome) async -> Outcome {
        if let event = HookEvent.of(outcome, scope) { await fireLate(event, subject, outcome) }
        await fireLate(HookEvent(scope, .after), subject, outcome)
        return await worst()
    }

    /// Something outside of hooks went wrong that the outcome must show, such as what an earlier run left and cannot be given
    /// back.
    func note(_ failure: Failure) async {
        await recorder.fail(failure)
        await ledger.note(.failed)
    }

    /// The reason why nothing at all was captured, when every source was skipped.
    var skipOfAll: HookSkip? {
        get async {
            let skips = await ledger.skips
            guard let first = skips.first else { return nil }
            return skips.count == 1 ? first : HookSkip(subject: "all sources", words: first.words)
        }
    }

    // MARK: Sources

    /// Sources that hold a resource together stand together, so that it is given back as soon as can be.
    func ordered(_ ready: [Preflight.Ready]) async -> [Preflight.Ready] {
        await resources.expect(ready.map(\.source.spec.name))
        let shared = engine.profile.resources.filter { if case .these = $0.around { true } else { false } }
        guard !shared.isEmpty else { return ready }
        var left = ready
        var ordered: [Preflight.Ready] = []
        while let first = left.first {
            let name = first.source.spec.name
            let groups = shared.filter { $0.surrounds(name) }.map(\.identity)
            let mates = Set(
                shared.filter { groups.contains($0.identity) }.flatMap { spec in
                    left.map(\.source.spec.name).filter { spec.surrounds($0) }
                }
            ).union([name])
            ordered += left.filter { mates.contains($0.source.spec.name) }
            left.removeAll { mates.contains($0.source.spec.name) }
        }
        return ordered
    }

    /// Captures a source inside its hooks and resources, which are given back as soon as it is captured.
    /// - Throws: what `body` throws; ``RunStop`` where the source says `on-failure: abort` or the run is cancelled.
    func around(_ source: SourceSpec, _ body: @escaping @Sendable () async throws -> Void) async throws {
        var stop: (any Error)?
        do {
            try await fire(HookEvent(.source, .before), .source(source))
            for spec in engine.profile.resources where spec.surrounds(source.name) {
                try await resources.take(spec, by: .source(source.name))
            }
            try await body()
        } catch RunStop.cancelled {
            stop = RunStop.cancelled
        } catch RunStop.skipped(let cause as HookSkip) {
            await ledger.skip(source.name, cause)
            recorder.notice(cause.description)
        } catch let error as HookFailure {
            let failure = Failure(error)
            if source.onFailure == .abort {
                stop = RunStop.failed(Failure("\(source.name): \(failure.description)", hint: failure.hint))
            } else {
                await recorder.gap(source.name, failure)
            }
        } catch {
            stop = error
        }
        let failure = stop
        await uncancelled {
            await resources.finished(.source(source.name))
            let outcome = await outcome(of: source, failure)
            if let event = HookEvent.of(outcome, .source) { await fireLate(event, .source(source), outcome) }
            await fireLate(HookEvent(.source, .after), .source(source), outcome)
        }
        if let stop { throw stop }
    }

    private func outcome(of source: SourceSpec, _ stop: (any Error)?) async -> Outcome {
        if let stop { return RunRecorder.failure(of: stop).kind == .interrupted ? .interrupted : .failed }
        if await ledger.skippedSources.contains(source.name) { return .skipped }
        let record = await recorder.record
        return Outcome(
            parts: record.parts.filter { $0.source == source.name },
            gaps: record.gaps.filter { $0.source == source.name })
    }

    // MARK: Followers

    func expect(_ followers: [RepositorySpec]) async { await resources.expect(followers.map(\.name)) }

    /// Feeds a follower inside its hooks and resources.
    func around(
        _ repository: RepositorySpec, _ body: @escaping @Sendable () async throws -> FeedRecord
    ) async throws -> FeedRecord {
        var result: Result<FeedRecord, any Error>
        do {
            try await begin(repository)
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        let ended = result
        await uncancelled {
            await resources.finished(.repository(repository.name))
            var outcome = Outcome.degraded
            switch ended {
            case .success(let feed): outcome = feed.outcome
            case .failure(RunStop.skipped(let cause)) where cause is HookSkip: outcome = .skipped
            case .failure: break
            }
            if let event = HookEvent.of(outcome, .repository) {
                await fireLate(event, .repository(repository), outcome)
            }
            await fireLate(HookEvent(.repository, .after), .repository(repository), outcome)
        }
        return try result.get()
    }

    // MARK: One event

    /// A hook of `before`: what it says decides whether the work is done.
    private func fire(_ event: HookEvent, _ subject: HookSubject) async throws {
        for hook in HookOrder.hooks(at: event, subject, engine.profile) {
            do {
                let report = try await HookCall(engine, recorder).run(hook, event, subject, outcome: nil)
                if report.saysNotNow {
                    throw RunStop.skipped(HookSkip(subject: event.title(hook), words: report.words))
                }
            } catch let failure as HookFailure {
                switch hook.rule(at: event.moment) {
                case .warn: recorder.notice(failure.description)
                case .abort: throw subject.isWhole ? RunStop.failed(failure) : failure
                }
            }
        }
    }

    /// A hook of what comes afterwards: it changes nothing that was stored.
    private func fireLate(_ event: HookEvent, _ subject: HookSubject, _ outcome: Outcome) async {
        for hook in HookOrder.hooks(at: event, subject, engine.profile) {
            do {
                _ = try await HookCall(engine, recorder).run(hook, event, subject, outcome: outcome)
            } catch {
                let failure = RunRecorder.failure(of: error)
                switch hook.rule(at: event.moment) {
                case .warn: recorder.notice(failure.description)
                case .abort:
                    await recorder.fail(failure)
                    await ledger.note(.failed)
                }
            }
        }
    }
}
