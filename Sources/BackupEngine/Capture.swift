import BackupModel
import Foundation

/// Captures the sources of one run, several side by side, and stores every part.
struct Capture: Sendable {
    private let engine: Engine
    private let request: BackupRequest
    private let record: RunRecord
    private let recorder: RunRecorder
    private let holdings: Holdings
    private let hooks: HookWork

    init(
        _ engine: Engine, _ request: BackupRequest, _ record: RunRecord, _ recorder: RunRecorder, _ holdings: Holdings,
        _ hooks: HookWork
    ) {
        self.engine = engine
        self.request = request
        self.record = record
        self.recorder = recorder
        self.holdings = holdings
        self.hooks = hooks
    }

    struct Result: Sendable {
        var parts: [ManifestPart] = []
        var gaps: [ManifestGap] = []
        var void: [SnapshotID] = []
        /// Every snapshot that came to be, as history should remember it.
        var snapshots: [Snapshot] = []
    }

    /// - Throws: ``RunStop/cancelled``, or ``RunStop/failed(_:)`` where a source says `on-failure: abort`.
    func run(_ ready: [Preflight.Ready]) async throws -> Result {
        var waiting = await hooks.ordered(ready)[...]
        let limit = max(1, engine.profile.settings.parallelSources)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<limit {
                guard let next = waiting.popFirst() else { break }
                group.addTask { try await hooks.around(next.source.spec) { try await capture(next) } }
            }
            while try await group.next() != nil {
                guard let next = waiting.popFirst() else { continue }
                group.addTask { try await hooks.around(next.source.spec) { try await capture(next) } }
            }
        }
        let ledger = await ledger.contents
        let record = await recorder.record
        return Result(parts: record.parts, gaps: record.gaps, void: ledger.void, snapshots: ledger.snapshots)
    }

    private let ledger = Ledger()

    private func capture(_ item: Preflight.Ready) async throws {
        let name = item.source.spec.name
        do {
            try await recorder.step(.capture, subject: name.rawValue) {
                var reports: [PartReport]
                var missed: [Failure] = []
                do throws(SourceError) {
                    reports = try await item.source.capture(item.context) { part async throws(RepositoryError) in
                        try await store(part, of: item.source)
                    }
                } catch .incomplete(let captured, let failures) where !Task.isCancelled {
                    reports = captured
                    missed = failures
                } catch {
                    // Of a run that is cancelled nothing will count: there is nothing to withdraw.
                    if Task.isCancelled { throw RunStop.cancelled }
                    await ledger.withdraw(name)
                    throw RunStop.failed(error)
                }
                if Task.isCancelled { throw RunStop.cancelled }
                do {
                    if let unmet = try await Expectations(engine.primary).unmet(item.source.spec, reports) {
                        throw unmet
                    }
                } catch {
                    await ledger.withdraw(name)
                    throw Task.isCancelled ? RunStop.cancelled : error
                }
                await ledger.withdraw(name, except: reports.map(\.stored.snapshot))
                await keep(reports, of: item.source)
                for failure in missed { await recorder.gap(name, failure) }
                await describe(reports, missed, of: item.source)
            }
        } catch RunStop.cancelled {
            throw RunStop.cancelled
        } catch {
            let failure = RunRecorder.failure(of: error)
            if item.source.spec.onFailure == .abort {
                throw RunStop.failed(Failure("\(name): \(failure.description)", hint: failure.hint, kind: failure.kind))
            }
            await recorder.gap(name, failure)
        }
    }

    /// A source that was captured in part, or is damaged, did not succeed although nothing was thrown.
    private func describe(_ reports: [PartReport], _ missed: [Failure], of source: any DumpSource) async {
        let spec = source.spec
        let found = Outcome(parts: reports.map { $0.manifestPart(of: spec) }, gaps: [])
        let detail = missed.map { engine.redact($0.description) }.joined(separator: "; ")
        await recorder.annotate(.capture, subject: spec.name.rawValue) { step in
            step.outcome = missed.isEmpty ? found : .failed
            if !detail.isEmpty { step.detail = detail }
        }
    }

    private func stamp(_ source: SourceName?, _ part: PartPath?) -> SnapshotStamp {
        SnapshotStamp(
            host: engine.profile.host, profile: engine.profile.name, run: record.id,
            content: source == nil ? .manifest : .part, source: source, part: part,
            retentionClass: request.retentionClass,
            machine: Capture.machineTag(engine.host), extra: request.tags)
    }

    /// Enough of the machine's id to tell machines apart, and not so much as to give it away.
    static func machineTag(_ host: any HostFacts) -> String? { host.machineID.map { String($0.prefix(12)) } }

    private func store(_ part: CapturedPart, of source: any DumpSource) async throws(RepositoryError) -> StoredPart {
        let name = source.spec.name
        let stamp = stamp(name, part.path)
        var demanded = part
        demanded.demands = source.spec.expectations.contains
        do {
            let observer = engine.observer
            let stored = try await engine.primary.store(demanded, as: stamp) { progress in
                observer.observe(.progress(subject: part.path.title(in: name), progress))
            }
            await engine.moment(.partStored)
            await ledger.add(snapshot(stored, stamp, path: part.path), source: name)
            await recorder.annotate(.capture, subject: name.rawValue) { step in
                step.bytes = (step.bytes ?? .zero) + stored.bytes
                if let added = stored.addedBytes { step.addedBytes = (step.addedBytes ?? .zero) + added }
                step.usage.merge(stored.usage) { $0.adding($1) }
            }
            return stored
        } catch {
            if let void = error.void { await ledger.void(void) }
            throw error
        }
    }

    private func snapshot(_ stored: StoredPart, _ stamp: SnapshotStamp, path: PartPath) -> Snapshot {
        Snapshot(
            id: stored.snapshot, time: stored.time, utcOffset: engine.timeZone.secondsFromGMT(for: stored.time),
            host: stamp.host, paths: [path.rawValue], tags: stamp.tags,
            bytes: stored.bytes, files: stored.files)
    }

    private func keep(_ reports: [PartReport], of source: any DumpSource) async {
        for report in reports {
            let part = report.manifestPart(of: source.spec)
            await recorder.change { $0.parts.append(part) }
            for notice in report.notices + report.stored.notices {
                recorder.notice("\(source.spec.name): \(notice)")
            }
            if report.condition == .damaged {
                await recorder.fail(Failure(damaged: part))
            }
            engine.observer.observe(.partStored(source: source.spec.name, report))
        }
    }

    /// Stores the manifest itself, last of all.
    func store(_ manifest: Manifest) async throws -> Snapshot {
        let file = try await holdings.scratch(for: record) + "/.manifest.json"
        try PrivateFile.write(try manifest.json(), to: file)
        let path = PartPath(rawValue: Manifest.fileName)
        let stamp = stamp(nil, nil)
        let stored = try await engine.primary.store(CapturedPart(path: path, content: .file(file)), as: stamp) { _ in }
        await recorder.annotate(.manifest) { step in
            step.bytes = stored.bytes
            step.usage = stored.usage
        }
        return snapshot(stored, stamp, path: path)
    }

    private actor Ledger {
        private var stored: [SourceName: [Snapshot]] = [:]
        private var voided: [SnapshotID] = []

        func add(_ snapshot: Snapshot, source: SourceName) { stored[source, default: []].append(snapshot) }
        func void(_ id: SnapshotID) { voided.append(id) }

        /// What a source has stored and must not be used. The manifest names it void; it is dropped once nobody else uses
        /// the repository, for dropping shuts out captures that go on beside it.
        func withdraw(_ source: SourceName, except kept: [SnapshotID] = []) {
            voided += (stored[source] ?? []).map(\.id).filter { !kept.contains($0) }
        }
        var contents: (snapshots: [Snapshot], void: [SnapshotID]) { (stored.values.flatMap { $0 }, voided) }
    }
}

extension PartReport {
    func manifestPart(of spec: SourceSpec) -> ManifestPart {
        var part = ManifestPart(
            source: spec.name, sourceKind: spec.kind, part: path, snapshot: stored.snapshot, capturedAt: stored.time,
            condition: condition, bytes: stored.bytes, files: stored.files, facts: facts,
            unreadable: stored.unreadable.prefix(100).map { "\($0.path): \($0.reason)" },
            unreadableCount: stored.unreadableCount, restoreNotes: restoreNotes)
        part.encryption = encryption
        part.storedPath = stored.path
        part.addedBytes = stored.addedBytes
        return part
    }
}
