package import BackupModel
import Foundation

/// Restores a point into private scratch, one source after the other, proves each and removes it again. Nothing live is
/// changed. What comes of it is in the run's record: ``RunRecord/drill``.
package struct DrillRun: Sendable {
    let engine: Engine
    let request: DrillRequest

    package init(_ engine: Engine, _ request: DrillRequest) {
        self.engine = engine
        self.request = request
    }

    package func run() async -> RunRecord {
        let frame = SimpleRun(
            engine: engine, operation: .drill, lockMode: .shared,
            lockWait: request.lockWait ?? engine.profile.settings.lockWait, reason: reason, trigger: request.trigger)
        return await frame.run { recorder, opened, holdings in
            try await drill(recorder, opened, holdings)
        }
    }

    private var reason: String? {
        let words = [
            request.point == .latest ? nil : "of \(request.point)",
            request.catalog == nil ? nil : "as if on a new machine",
        ].compactMap(\.self)
        return words.isEmpty ? nil : words.joined(separator: ", ")
    }

    private func drill(
        _ recorder: RunRecorder, _ opened: OpenRepository.Opened, _ holdings: Holdings
    ) async throws {
        let run = await recorder.record
        var drill = DrillRecord(
            selection: request.point.description, repository: engine.primary.spec.name,
            location: engine.primary.location)
        drill.identity = opened.identity.id
        drill.isNewMachine = request.catalog != nil
        drill.restoreObjective = request.sources == nil ? engine.profile.objectives.restoreTime : nil
        let begun = drill
        await recorder.change { record in
            record.sources = request.sources
            record.drill = begun
        }
        let plan = try await recorder.step(.preflight) { try await prepare(recorder, holdings, run) }
        await note(toolsOf: engine.primary, recorder)
        let scratch = DrillScratch(engine, run)
        do {
            for group in plan.groups {
                try Task.checkCancellation()
                try await DrilledSource(engine, request, recorder, holdings, scratch).drill(group)
            }
        } catch {
            await removeAll(scratch, recorder)
            throw error
        }
        await removeAll(scratch, recorder)
        await judge(recorder)
    }

    private func removeAll(_ scratch: DrillScratch, _ recorder: RunRecorder) async {
        for notice in await uncancelled({ await scratch.removeAll() }) { recorder.notice(notice) }
    }

    private func note(toolsOf repository: any Repository, _ recorder: RunRecorder) async {
        do { await recorder.note(tool: try await repository.toolVersion()) } catch {
            recorder.notice("the version of the repository's tool is not known: \(error.description)")
        }
    }

    private func prepare(
        _ recorder: RunRecorder, _ holdings: Holdings, _ run: RunRecord
    ) async throws -> DrillPlan {
        let plan = try await DrillPlan.make(engine, request)
        for notice in plan.notices { recorder.notice(notice) }
        await recorder.change { record in
            record.drill?.point = plan.point.run
            record.drill?.pointTime = plan.point.time
            record.drill?.missing = plan.missing
            record.drill?.leftOut = plan.leftOut
        }
        for finding in plan.missing {
            await recorder.fail(
                Failure(finding.description, hint: "`holdfast status` says how each source stands", kind: .failed))
        }
        try plan.checkRoom(at: try await holdings.scratch(for: run), limit: request.room, engine.host)
        return plan
    }

    /// What was found is in the record already; here what could not be proven, and what took too long.
    func judge(_ recorder: RunRecorder) async {
        await recorder.change { $0.drill?.isComplete = true }
        guard let drill = await recorder.record.drill else { return }
        for part in drill.parts where part.verdict == .unproven {
            let remedies = part.remedies.isEmpty ? [DrillRun.usualRemedy(part)] : part.remedies
            let what = part.unproven.isEmpty ? "nothing was compared" : part.unproven.joined(separator: "; ")
            await recorder.fail(
                Failure(
                    "\(part.title) was restored and is not proven: \(what)", hint: remedies.joined(separator: "; "),
                    kind: .unproven))
        }
        guard drill.isTooSlow, let objective = drill.restoreObjective else { return }
        await recorder.fail(
            Failure(
                "restoring took \(Age.words(drill.restoreTime)), and the objective is \(Age.words(objective))",
                hint: "see which part takes so long in the drill's record, or set `rto:` to what a restore can take",
                kind: .unproven))
    }

    private static func usualRemedy(_ part: DrilledPart) -> String {
        "give source \(part.source) something that looks at it: `drill: { run: [PROGRAM, …] }` (see docs/drills.md)"
    }
}
