package import BackupModel
import Foundation

/// Takes a restore into place back: what was kept aside takes its place again, and what was restored is kept aside instead.
package struct UndoRun: Sendable {
    private let engine: Engine
    private let kept: KeptAside.Kept

    private let whileInUse: Bool

    /// - Parameter whileInUse: goes on although programs are writing there.
    package init(_ engine: Engine, _ kept: KeptAside.Kept, whileInUse: Bool = false) {
        self.engine = engine
        self.kept = kept
        self.whileInUse = whileInUse
    }

    package func run() async -> (record: RunRecord, keptAside: [String]) {
        let findings = Findings()
        let record = await UndoFrame(engine: engine, undone: kept.settlement.run).run { record, recorder, hooks in
            // A restore that was killed while it settled goes to its end first, or cannot be finished and is taken back.
            let recovery = try await SettlementRecovery(engine: engine).run(except: record.id)
            for notice in recovery.notices { recorder.notice(notice) }
            if !recovery.failures.isEmpty, !kept.isSettled {
                try await recorder.step(.settle) { try await takeBack() }
                return
            }
            try await hooks.takeForRestore(of: sources)
            try await recorder.step(.settle) {
                try checkNobodyIsThere()
                let settlement = try await reversed(record)
                try await Settling(engine: engine).settle(settlement, record)
                try engine.journal.remove("kept-\(kept.settlement.run)")
                let places = try await uncancelledThrowing { try await KeptAside(engine).present(settlement) }
                await findings.set(places)
            }
            await hooks.giveBackForRestore()
        }
        return (record, await findings.places)
    }

    private actor Findings {
        var places: [String] = []
        func set(_ places: [String]) { self.places = places }
    }

    private var sources: [SourceName] { Array(Set(kept.settlement.steps.map(\.source))).sorted() }

    /// One of the source's kind, to ask it about its files.
    private func part(of source: SourceName) -> ManifestPart? {
        guard let spec = engine.profile.sources.first(where: { $0.name == source }) else { return nil }
        return ManifestPart(
            source: source, sourceKind: spec.kind, part: PartPath(rawValue: "/"),
            snapshot: SnapshotID(rawValue: "none"),
            capturedAt: engine.clock.now, condition: .clean, bytes: .zero, files: nil, facts: Facts())
    }

    private func checkNobodyIsThere() throws {
        guard !whileInUse else { return }
        let places = kept.settlement.steps.flatMap { step -> [String] in
            guard case .path(let exchange) = step else { return [] }
            return [exchange.place] + Settlement.databaseSideFiles.map { exchange.place + $0 }
        }
        if let failure = InPlaceRun.failure(of: engine.host.writers(below: places)) { throw failure }
    }

    private func takeBack() async throws {
        try await uncancelledThrowing { try await Settling(engine: engine).takeBack(kept.settlement) }
        try engine.journal.remove(kept.entry.id)
    }

    private func reversed(_ record: RunRecord) async throws -> Settlement {
        var steps: [Settlement.Step] = []
        for step in kept.settlement.steps.reversed() {
            switch step {
            case .path(let exchange):
                if let step = try await reversed(exchange, record) { steps.append(.path(step)) }
            case .database(let renaming): steps.append(.database(try await reversed(renaming, record)))
            }
        }
        guard !steps.isEmpty else {
            throw Failure("what was kept aside is no longer there", hint: "it was moved or removed by somebody")
        }
        return Settlement(
            run: record.id, origin: kept.settlement.run.rawValue, began: engine.clock.now, steps: steps)
    }

    private func reversed(
        _ exchange: Settlement.Exchange, _ record: RunRecord
    ) async throws -> Settlement.Exchange? {
        let isInFolder = exchange.aside.contains("/.holdfast-before-")
        let aside =
            isInFolder ? exchange.aside + ".undone-\(record.id)" : exchange.place + ".before-\(record.id)"
        if let old = try engine.host.entry(at: exchange.aside) {
            var sideFiles: [String] = []
            if old.kind == .file {
                // Whatever was written to it since may lie beside it.
                let settling = Settling(engine: engine)
                let part = part(of: exchange.source)
                sideFiles = try await settling.sideFiles(Settlement.databaseSideFiles, at: exchange.place, part)
                if try await !settling.sideFiles(exchange.sideFiles, at: exchange.aside, part).isEmpty {
                    sideFiles = exchange.sideFiles
                }
            }
            return Settlement.Exchange(
                source: exchange.source, staged: exchange.aside, place: exchange.place, aside: aside,
                identity: old.identity, sideFiles: sideFiles)
        }
        try KeptAside(engine).requireNotInside(exchange.aside, of: kept)
        // Nothing was there before; what was restored there goes.
        guard exchange.staged != nil, let new = try engine.host.entry(at: exchange.place) else { return nil }
        guard new.identity == exchange.identity else {
            throw Failure(
                "\(exchange.place) is no longer what was restored, and nothing is kept of what was there before",
                hint: "look at it; `holdfast restore --discard \(kept.settlement.run)` forgets this restore")
        }
        return Settlement.Exchange(
            source: exchange.source, staged: nil, place: exchange.place, aside: aside, identity: new.identity)
    }

    private func reversed(
        _ renaming: Settlement.Renaming, _ record: RunRecord
    ) async throws -> Settlement.Renaming {
        let context = CaptureContext(run: record.id, scratch: "/")
        let mark = "_before_" + record.id.rawValue.replacingOccurrences(of: "-", with: "_")
        var name = renaming.live
        while name.utf8.count + mark.utf8.count > 63 { name.removeLast() }
        guard let server = try await engine.restorer(renaming.part).databaseServer(context) else {
            throw Failure(
                "source \(renaming.part.source) has no database server any more", hint: "is it in the profile?")
        }
        // Where nothing was there before, what was restored just goes aside.
        let wasThere = try await server.existing([renaming.aside]).contains(renaming.aside)
        return Settlement.Renaming(
            part: renaming.part, staged: wasThere ? renaming.aside : nil, live: renaming.live, aside: name + mark)
    }
}

/// The frame of an undoing: recorded and locked as a restore, and needing no repository.
struct UndoFrame: Sendable {
    let engine: Engine
    let undone: RunID

    func run(_ body: @Sendable (RunRecord, RunRecorder, HookWork) async throws -> Void) async -> RunRecord {
        let record = engine.newRecord(.restore, reason: "undo of \(undone)")
        let recorder = RunRecorder(record, engine: engine)
        let holdings = Holdings(engine: engine)
        let hooks = HookWork(engine, recorder, .restore)
        var stop: (any Error)?
        var isDone = false
        do {
            try await recorder.step(.record) { try await recorder.begin() }
            await engine.announce(record)
            try await holdings.lock(
                .profile(engine.profile.name), .exclusive, purpose: "undo \(record.id)",
                wait: engine.profile.settings.lockWait)
            try await hooks.beginRestore()
            try await body(record, recorder, hooks)
            isDone = true
            try await recorder.step(.finish) {}
        } catch RunStop.cancelled where isDone {
            // It came too late.
        } catch {
            stop = error
        }
        let failure = stop
        return await uncancelled {
            let outcome = await hooks.end(SimpleRun.conclude(failure, recorder))
            return await engine.close(recorder, holdings, outcome)
        }
    }
}
