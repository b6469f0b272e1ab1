import BackupModel
import Foundation

/// Restores a plan's parts beside the live ones, proves each, and then lets all of them take their places together. What was
/// there is kept aside. Killed at any moment, it leaves the places as they were, or the next run makes them as they were to be.
package struct InPlaceRun: Sendable {
    private let engine: Engine
    private let plan: InPlacePlan

    package init(_ engine: Engine, _ plan: InPlacePlan) {
        self.engine = engine
        self.plan = plan
    }

    package func run() async -> RestoreRun.Report {
        let findings = Findings()
        let frame = SimpleRun(
            engine: engine, operation: .restore, lockMode: .shared, lockWait: engine.profile.settings.lockWait,
            reason: "\(plan.point.run) into place")
        let record = await frame.runWithHooks { recorder, _, holdings, hooks in
            let record = await recorder.record
            // Nobody may capture what is half one thing and half another.
            try await holdings.lock(
                .profile(engine.profile.name), .exclusive, purpose: "restore \(record.id)",
                wait: engine.profile.settings.lockWait)
            let recovered = try await Recovery(engine).settleBefore(record.id)
            for notice in recovered { recorder.notice(notice) }
            try await restore(record, recorder, hooks, findings)
        }
        return await RestoreRun.Report(record: record, restored: findings.restored, keptAside: findings.keptAside)
    }

    private actor Findings {
        var restored: [(part: ManifestPart, report: RestoreReport)] = []
        var keptAside: [String] = []
        func add(_ part: ManifestPart, _ report: RestoreReport) { restored.append((part, report)) }
        func keep(aside places: [String]) { keptAside = places }
        /// Nothing of it is there any more.
        func clear() { restored = [] }
    }

    private func restore(
        _ record: RunRecord, _ recorder: RunRecorder, _ hooks: HookWork, _ findings: Findings
    ) async throws {
        let staging = InPlaceStaging(engine, plan, record, recorder)
        do {
            try await staging.checkPlaces()
            for target in plan.targets where target.live == .server { try await staging.addMissing(target.item.part) }
            for target in plan.targets where target.live != .server {
                try await recorder.step(.restore, subject: target.item.part.title) {
                    let report = try await staging.restore(target)
                    await recorder.annotate(.restore, subject: target.item.part.title) { $0.bytes = report.bytes }
                    await findings.add(target.item.part, report)
                    for notice in report.notices { recorder.notice("\(target.item.part.source): \(notice)") }
                }
            }
            await engine.moment(.staged)
            try Task.checkCancellation()
            try await hooks.takeForRestore(of: plan.sources)
            try await recorder.step(.settle) {
                try await staging.checkPlaces()
                try await checkNobodyIsThere()
                try await staging.flush()
                try Task.checkCancellation()
                let settlement = try await staging.settlement()
                await findings.keep(aside: try await settle(settlement, record, recorder))
            }
        } catch {
            await findings.clear()
            await uncancelled { await staging.remove() }
            throw error
        }
        await uncancelled { await staging.remove() }
        await hooks.giveBackForRestore()
    }

    /// - Returns: where what was there is now.
    private func settle(
        _ settlement: Settlement, _ record: RunRecord, _ recorder: RunRecorder
    ) async throws -> [String] {
        try await Settling(engine: engine, run: record.id).settle(settlement, record)
        return await KeptAside(engine).present(settlement, recorder)
    }

    private func checkNobodyIsThere() async throws {
        for target in plan.targets {
            if let users = try await engine.restorer(target.item.part).users(of: target.item.part) {
                throw Failure(
                    "\(InPlacePlanner.words(target.live)) is in use: \(users)",
                    hint: "stop them, or name a resource with `for: [restore]` in the profile that does")
            }
        }
        guard !plan.options.whileInUse else { return }
        let paths = plan.targets.flatMap { InPlacePlanner.paths($0.live) }
            .flatMap { path in [path.live] + path.sideFiles.map { path.live + $0 } }
        if let refusal = InPlaceRun.refusal(of: engine.host.writers(below: paths)) { throw refusal }
    }

    static func refusal(of writers: [FileWriter]) -> Failure? {
        guard let writer = writers.first else { return nil }
        return Failure(
            "\(writer.program) (process \(writer.pid)) is writing \(writer.path)"
                + (writers.count > 1 ? ", and \(writers.count - 1) more" : ""),
            hint:
                "what it writes would go to what is kept aside: stop it, name a resource with `for: [restore]` that does, or "
                + "give --while-in-use")
    }
}

extension Recovery {
    /// Puts right what killed runs left, a former attempt at this restore above all.
    ///
    /// - Important: under the profile's lock.
    /// - Throws: where a restore was killed half way and cannot be finished now.
    func settleBefore(_ current: RunID) async throws -> [String] {
        let settled = try await SettlementRecovery(engine: engine).run(except: current)
        if let failure = settled.failures.first { throw RunStop.failed(failure) }
        do { return settled.notices + (try await settleJournal(except: current)) } catch {
            return settled.notices + [RunRecorder.failure(of: error).description]
        }
    }
}

extension KeptAside {
    /// As ``present(_:)``. All is in place by then, whatever comes of it.
    func present(_ settlement: Settlement, _ recorder: RunRecorder) async -> [String] {
        do { return try await uncancelledThrowing { try await present(settlement) } } catch {
            recorder.notice(
                "where all of it was put could not be looked at: \(RunRecorder.failure(of: error).description)")
            return settlement.steps.map(\.aside)
        }
    }

    /// Of what a settlement puts aside, that which is there.
    func present(_ settlement: Settlement) async throws -> [String] {
        var found: [String] = []
        for step in settlement.steps {
            switch step {
            case .path(let exchange):
                if try engine.host.entry(at: exchange.aside) != nil { found.append(exchange.aside) }
            case .database(let renaming):
                let server = try await engine.server(of: renaming, for: settlement.run)
                if try await server.existing([renaming.aside]).contains(renaming.aside) {
                    found.append("database \(renaming.aside)")
                }
            }
        }
        return found
    }
}
