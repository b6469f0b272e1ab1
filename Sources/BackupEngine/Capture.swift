import BackupModel
import Foundation

/// Captures the sources of one run, several side by side, and stores every part.
struct Capture: Sendable {
    private let engine: Engine
    private let request: BackupRequest
    private let record: RunRecord
    private let recorder: RunRecorder
    private let holdings: Holdings

    init(
        _ engine: Engine, _ request: BackupRequest, _ record: RunRecord, _ recorder: RunRecorder, _ holdings: Holdings
    ) {
        self.engine = engine
        self.request = request
        self.record = record
        self.recorder = recorder
        self.holdings = holdings
    }

    struct Result: Sendable {
        var parts: [ManifestPart] = []
        var gaps: [ManifestGap] = []
        var void: [SnapshotID] = []
        /// Every snapshot that came to be, as history should remember it.
        var snapshots: [Snapshot] = []
    }

    /// The operator's reason makes a class of its own for retention; otherwise the regular one.
    var retentionClass: String {
        guard let reason = request.reason else { return SnapshotStamp.regularClass }
        let word = reason.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        return String(word.prefix(40))
    }

    /// - Throws: ``RunStop/cancelled``, or ``RunStop/failed(_:)`` where a source says `on-failure: abort`.
    func run(_ ready: [Preflight.Ready]) async throws -> Result {
        var waiting = ready[...]
        let limit = max(1, engine.profile.settings.parallelSources)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<limit {
                guard let next = waiting.popFirst() else { break }
                group.addTask { try await capture(next) }
            }
            while try await group.next() != nil {
                guard let next = waiting.popFirst() else { continue }
                group.addTask { try await capture(next) }
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
                    await withdraw(name, except: captured.map(\.stored.snapshot))
                } catch {
                    await withdraw(name)
                    throw Task.isCancelled ? RunStop.cancelled : RunStop.failed(error)
                }
                if Task.isCancelled { throw RunStop.cancelled }
                if let unmet = try await Expectations(engine.primary).unmet(item.source.spec, reports) {
                    await withdraw(name)
                    throw RunStop.failed(unmet)
                }
                await keep(reports, of: item.source)
                for failure in missed { await recorder.gap(name, failure) }
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

    private func stamp(_ source: SourceName?, _ part: PartPath?) -> SnapshotStamp {
        SnapshotStamp(
            host: engine.profile.host, profile: engine.profile.name, run: record.id,
            content: source == nil ? .manifest : .part, source: source, part: part, retentionClass: retentionClass,
            machine: Capture.machineTag(engine.host), extra: request.tags)
    }

    /// Enough of the machine's id to tell machines apart, and not so much as to give it away.
    static func machineTag(_ host: any HostFacts) -> String? { host.machineID.map { String($0.prefix(12)) } }

    private func store(_ part: CapturedPart, of source: any DumpSource) async throws(RepositoryError) -> StoredPart {
        let name = source.spec.name
        let stamp = stamp(name, part.path)
        do {
            let observer = engine.observer
            let stored = try await engine.primary.store(part, as: stamp) { progress in
                observer.observe(.progress(subject: part.path.title(in: name), progress))
            }
            await ledger.add(snapshot(stored, stamp, path: part.path), source: name)
            await recorder.annotate(.capture, subject: name.rawValue) { step in
                step.bytes = (step.bytes ?? .zero) + stored.bytes
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
            id: stored.snapshot, time: stored.time, host: stamp.host, paths: [path.rawValue], tags: stamp.tags,
            bytes: stored.bytes, files: stored.files)
    }

    private func keep(_ reports: [PartReport], of source: any DumpSource) async {
        for report in reports {
            let part = ManifestPart(
                source: source.spec.name, sourceKind: source.spec.kind, part: report.path,
                snapshot: report.stored.snapshot, capturedAt: report.stored.time, condition: report.condition,
                bytes: report.stored.bytes, files: report.stored.files, facts: report.facts,
                unreadable: report.stored.unreadable.prefix(100).map { "\($0.path): \($0.reason)" },
                unreadableCount: report.stored.unreadableCount, restoreNotes: report.restoreNotes)
            await recorder.change { $0.parts.append(part) }
            for notice in report.notices + report.stored.notices {
                await recorder.notice("\(source.spec.name): \(notice)")
            }
            if report.condition == .damaged {
                await recorder.fail(
                    Failure(
                        "\(source.spec.name)\(report.path): the source is damaged; what could be read was stored and "
                            + "does not count as a good backup",
                        hint: "repair the source, or restore it from an earlier backup; those are kept"))
            }
            engine.observer.observe(.partStored(source: source.spec.name, report))
        }
    }

    /// What a failed source has stored so far must not be used: it is dropped, or where that fails listed as void.
    private func withdraw(_ source: SourceName, except kept: [SnapshotID] = []) async {
        let ids = await ledger.withdraw(source, except: Set(kept))
        guard !ids.isEmpty else { return }
        let primary = engine.primary
        let remaining = await uncancelled { () -> [SnapshotID] in
            do { return try await primary.forget(ids).remaining } catch { return ids }
        }
        for id in remaining { await ledger.void(id) }
    }

    /// Stores the manifest itself, last of all.
    func store(_ manifest: Manifest) async throws -> Snapshot {
        let file = try await holdings.scratch(for: record) + "/manifest.json"
        try writePrivateFile(try manifest.json(), to: file)
        let path = PartPath(rawValue: Manifest.fileName)
        let stamp = stamp(nil, nil)
        let stored = try await engine.primary.store(CapturedPart(path: path, content: .file(file)), as: stamp) { _ in }
        return snapshot(stored, stamp, path: path)
    }

    private func writePrivateFile(_ bytes: [UInt8], to path: String) throws {
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
        else { throw ScratchError(path: path, reason: "the manifest could not be written there") }
    }

    private actor Ledger {
        private var stored: [SourceName: [Snapshot]] = [:]
        private var voided: [SnapshotID] = []

        func add(_ snapshot: Snapshot, source: SourceName) { stored[source, default: []].append(snapshot) }
        func void(_ id: SnapshotID) { voided.append(id) }
        func withdraw(_ source: SourceName, except kept: Set<SnapshotID>) -> [SnapshotID] {
            let all = stored[source] ?? []
            stored[source] = all.filter { kept.contains($0.id) }
            return all.map(\.id).filter { !kept.contains($0) }
        }
        var contents: (snapshots: [Snapshot], void: [SnapshotID]) { (stored.values.flatMap { $0 }, voided) }
    }
}

extension ResourceUsage {
    /// Two uses of the same tool taken together; memory is the larger peak.
    fileprivate func adding(_ other: ResourceUsage) -> ResourceUsage {
        ResourceUsage(
            wall: wall + other.wall, userCPU: userCPU + other.userCPU, systemCPU: systemCPU + other.systemCPU,
            peakMemory: max(peakMemory, other.peakMemory),
            bytesWritten: bytesWritten.flatMap { mine in other.bytesWritten.map { mine + $0 } })
    }
}
