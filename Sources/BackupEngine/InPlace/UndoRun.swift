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
        let frame = SimpleRun(
            engine: engine, operation: .restore, lockMode: .shared, lockWait: engine.profile.settings.lockWait,
            reason: "undo of \(kept.settlement.run)")
        let record = await frame.runLocally { recorder, holdings, hooks in
            let record = await recorder.record
            try await holdings.lock(
                .profile(engine.profile.name), .exclusive, purpose: "undo \(record.id)", wait: frame.lockWait)
            try await hooks.beginRestore()
            // A restore that was killed while it settled goes to its end first, or cannot be finished and is taken back.
            let recovery = try await SettlementRecovery(engine: engine).run(except: record.id)
            for notice in recovery.notices { recorder.notice(notice) }
            // What it was before that says nothing of what it is now. Where it is gone, all has just been put back, and said to be.
            let found = try KeptAside(engine).all().first { $0.settlement.run == kept.settlement.run }
            guard let found else { return }
            guard found.isSettled else {
                try await recorder.step(.settle) { try await takeBack(found) }
                return
            }
            try await hooks.takeForRestore(of: sources)
            try await recorder.step(.settle) {
                try checkNobodyIsThere()
                let settlement = try await reversed(record)
                try await Settling(engine: engine, run: record.id).settle(settlement, record)
                try engine.journal.remove("kept-\(kept.settlement.run)")
                await findings.set(await KeptAside(engine).present(settlement, recorder))
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
        if let refusal = InPlaceRun.refusal(of: engine.host.writers(below: places)) { throw refusal }
    }

    private func takeBack(_ found: KeptAside.Kept) async throws {
        try await uncancelledThrowing {
            try await Settling(engine: engine, run: found.settlement.run).takeBack(found.settlement)
        }
        try engine.journal.remove(found.entry.id)
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
                let settling = Settling(engine: engine, run: record.id)
                let part = part(of: exchange.source)
                sideFiles = try await settling.sideFiles(Settlement.databaseSideFiles, at: exchange.place, part)
                if try await !settling.sideFiles(exchange.sideFiles, at: exchange.aside, part).isEmpty {
                    sideFiles = exchange.sideFiles
                }
            }
            let settling = Settling(engine: engine, run: record.id)
            return Settlement.Exchange(
                source: exchange.source, staged: exchange.aside, place: exchange.place, aside: aside,
                identity: old.identity, sideFiles: sideFiles,
                stagedSideFiles: try settling.identities(sideFiles, at: exchange.aside),
                wasThere: try engine.host.entry(at: exchange.place) != nil)
        }
        try KeptAside(engine).requireNotInside(exchange.aside, of: kept)
        guard exchange.wasThere != true else { throw gone(exchange.aside) }
        // Nothing was there before; what was restored there goes.
        guard exchange.staged != nil, let new = try engine.host.entry(at: exchange.place) else { return nil }
        guard new.identity == exchange.identity else {
            throw Failure(
                "\(exchange.place) is no longer what was restored, and nothing is kept of what was there before",
                hint:
                    "look at it; `holdfast restore --discard \(kept.settlement.run) -p \(engine.profile.name)` forgets this restore"
            )
        }
        return Settlement.Exchange(
            source: exchange.source, staged: nil, place: exchange.place, aside: aside, identity: new.identity,
            wasThere: true)
    }

    private func gone(_ aside: String) -> Failure {
        Failure(
            "what was there before is no longer at \(aside): it was moved or removed by somebody",
            hint: "bring it back there; or see to the places yourself, and `holdfast restore --discard "
                + "\(kept.settlement.run) -p \(engine.profile.name)` forgets this restore")
    }

    private func reversed(
        _ renaming: Settlement.Renaming, _ record: RunRecord
    ) async throws -> Settlement.Renaming {
        let server = try await engine.server(of: renaming, for: record.id)
        // Where nothing was there before, what was restored just goes aside.
        let there = try await server.existing([renaming.aside, renaming.live])
        let isKept = there.contains(renaming.aside)
        guard isKept || renaming.wasThere != true else { throw gone("the name \(renaming.aside)") }
        var back = Settlement.Renaming(
            part: renaming.part, staged: isKept ? renaming.aside : nil, live: renaming.live,
            aside: server.asideName(of: renaming.live, by: record.id), wasThere: there.contains(renaming.live),
            server: renaming.server)
        back.isReturn = true
        return back
    }
}
