import BackupModel

/// What programs of the operator's have taken for this run, and must give back whatever happens.
///
/// What gives it back is in the journal, durably, before the acquire runs, and leaves it only when the release has ended well:
/// a run that is killed at any moment leaves to the next one what it has to do.
actor Resources {
    private let engine: Engine
    private let recorder: RunRecorder
    private var held: [Held] = []
    private var states: [ResourceSpec.Identity: State] = [:]
    /// Who needs a resource and has not done with it.
    private var holders: [ResourceSpec.Identity: Set<Holder>] = [:]
    private var count = 0
    /// Failed when something could not be given back.
    private(set) var outcome = Outcome.succeeded

    /// Whose work a resource is held around.
    enum Holder: Hashable, Sendable {
        case run
        case source(SourceName)
        case repository(RepositoryName)

        var source: SourceName? { if case .source(let name) = self { name } else { nil } }
    }

    private struct Held {
        var spec: ResourceSpec
        var entry: JournalEntry
        var resource: HeldResource
    }

    private enum State {
        case taking
        case ended((any Error)?)
    }

    /// Who asked for a resource while another was taking it. Told when that has ended, however it did.
    private var waiting: [ResourceSpec.Identity: [CheckedContinuation<(any Error)?, Never>]] = [:]

    init(_ engine: Engine, _ recorder: RunRecorder) {
        self.engine = engine
        self.recorder = recorder
    }

    /// Who will need what: it is held until the last of them has done.
    func expect(_ sources: [SourceName]) {
        for spec in engine.profile.resources {
            for source in sources where spec.surrounds(source) {
                holders[spec.identity, default: []].insert(.source(source))
            }
        }
    }

    func expect(_ repositories: [RepositoryName]) {
        for spec in engine.profile.resources {
            for name in repositories where spec.around == .repository(name) {
                holders[spec.identity, default: []].insert(.repository(name))
            }
        }
    }

    /// Takes it, unless this run has it already.
    /// - Throws: ``RunStop`` (skipped, cancelled), ``HookFailure``; a second who asks for it gets the same.
    func take(_ spec: ResourceSpec, by holder: Holder) async throws {
        holders[spec.identity, default: []].insert(holder)
        switch states[spec.identity] {
        case .ended(let error): if let error { throw error }
        case .taking:
            let error: (any Error)? = await withCheckedContinuation { continuation in
                waiting[spec.identity, default: []].append(continuation)
            }
            if let error { throw error }
        case nil:
            states[spec.identity] = .taking
            var problem: (any Error)?
            do { try await acquire(spec, for: holder) } catch {
                problem = spec.onFailure == .warn && error is HookFailure ? nil : error
                if problem == nil { recorder.notice(RunRecorder.failure(of: error).description) }
            }
            states[spec.identity] = .ended(problem)
            for continuation in waiting.removeValue(forKey: spec.identity) ?? [] {
                continuation.resume(returning: problem)
            }
            if let problem { throw problem }
        }
    }

    private func acquire(_ spec: ResourceSpec, for holder: Holder) async throws {
        let source = holder.source
        let call = HookCall(engine, recorder)
        let title = "resource \(spec.name)"
        func document(_ event: String, _ action: HookAction, state: PlainValue? = nil) async -> HookDocument {
            var document = await call.document(event, action, outcome: nil)
            document.resource = HookDocument.Resource(name: spec.name, state: state)
            document.source = source.flatMap { name in
                engine.profile.sources.first { $0.name == name }.map { .init(name: name.rawValue, kind: $0.kind) }
            }
            if case .repository(let name) = spec.around {
                document.repository = engine.profile.repositories.first { $0.name == name }.map {
                    .init(name: name.rawValue, kind: $0.kind)
                }
            }
            return document
        }
        var state: PlainValue?
        if let inspect = spec.inspect {
            let report = try await call.run(
                inspect, await document(HookDocument.inspect, inspect), step: .acquire, title: title,
                subject: source?.rawValue, mayWait: true)
            if report.saysNotNow { throw RunStop.skipped(HookSkip(subject: title, words: report.words)) }
            state = report.state
        }
        let record = await recorder.record
        count += 1
        let resource = HeldResource(
            name: spec.name, state: state, release: spec.release,
            document: await document(HookDocument.release, spec.release))
        let entry = JournalEntry(
            id: "resource-\(record.id)-\(count)", run: record.id, profile: record.profile,
            order: Resources.firstOrder + count, process: record.process, action: .release(resource))
        try engine.journal.add(entry)
        held.append(Held(spec: spec, entry: entry, resource: resource))
        await engine.moment(.resourceJournaled)
        guard !Task.isCancelled else {
            try drop(entry.id)
            throw RunStop.cancelled
        }
        try await acquire(spec, entry.id, call, await document(HookDocument.acquire, spec.acquire, state: state), title)
    }

    /// Behind locks and scratch, processes and folders.
    private static let firstOrder = 10

    private func acquire(
        _ spec: ResourceSpec, _ id: String, _ call: HookCall, _ document: HookDocument, _ title: String
    ) async throws {
        let report: HookReport
        let seen = HookCall.Seen()
        do {
            report = try await call.run(
                spec.acquire, document, step: .acquire, title: title, subject: document.source?.name, mayWait: true,
                seen: seen)
        } catch {
            await engine.moment(.resourceTaken)
            update(id) { $0.state = seen.report?.state ?? $0.state }
            if hasTaken(id, seen.report) {
                await uncancelled { await self.giveBack(id) }
            } else {
                try drop(id)
            }
            throw error
        }
        await engine.moment(.resourceTaken)
        guard !report.saysNotNow else {
            try drop(id)
            throw RunStop.skipped(HookSkip(subject: title, words: report.words))
        }
        update(id) {
            $0.acquired = .yes
            $0.state = report.state ?? $0.state
        }
        await engine.moment(.resourceHeld)
    }

    /// Whether an acquire that failed may have taken something. One that ended by itself has not, by its own word, unless it had
    /// said how things stood; one that was stopped may have; what could not be started has not.
    private func hasTaken(_ id: String, _ report: HookReport?) -> Bool {
        switch report?.ending {
        case nil: false
        case .exited: held.first { $0.entry.id == id }?.resource.state != nil
        case .signaled, .timedOut, .cancelled: true
        }
    }

    /// Changes what the journal knows. Where that cannot be written, what it knew before is enough to give it back.
    private func update(_ id: String, _ change: (inout HeldResource) -> Void) {
        guard let index = held.firstIndex(where: { $0.entry.id == id }) else { return }
        change(&held[index].resource)
        held[index].entry.action = .release(held[index].resource)
        do { try engine.journal.add(held[index].entry) } catch { recorder.notice(error.description) }
    }

    private func drop(_ id: String) throws {
        held.removeAll { $0.entry.id == id }
        try engine.journal.remove(id)
    }

    // MARK: Giving back

    /// Gives back what this one was the last to need.
    func finished(_ holder: Holder) async {
        for identity in holders.keys { holders[identity]?.remove(holder) }
        for held in held.reversed() where holders[held.spec.identity]?.isEmpty != false {
            await giveBack(held.entry.id)
        }
    }

    /// Last taken first.
    func giveBackAll() async { while let last = held.last { await giveBack(last.entry.id) } }

    /// What cannot be given back stays in the journal, and fails the run.
    private func giveBack(_ id: String) async {
        guard let index = held.firstIndex(where: { $0.entry.id == id }) else { return }
        // Whoever comes by meanwhile finds it gone: it is given back once.
        let held = held.remove(at: index)
        // One whose acquire is failing just now is told to whoever waits for it.
        if case .ended = states[held.spec.identity] { states[held.spec.identity] = nil }
        let (engine, recorder) = (engine, recorder)
        let failure = await ResourceRelease(engine).carryOut(held.entry, held.resource) { action, document in
            try await HookCall(engine, recorder).run(
                action, document, step: .giveBack, title: "releasing \(held.spec.name)",
                subject: document.source?.name, mayWait: false)
        } beforeForgetting: {
            await engine.moment(.resourceReleased)
        }
        if let failure {
            outcome = .failed
            await recorder.fail(failure)
        }
    }
}
