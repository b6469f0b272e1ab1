package import BackupModel

/// A drill by a kit's own lines in an empty environment, recorded as any other.
package struct KitDrill: Sendable {
    /// Carries the lines out.
    /// - Parameter folder: gives a folder that others may enter, for servers that refuse to be root.
    package typealias Rehearse =
        @Sendable (_ folder: @escaping @Sendable () async throws -> String) async throws -> KitRehearsal.Result

    private let engine: Engine
    private let request: DrillRequest
    private let rehearse: Rehearse

    package init(_ engine: Engine, _ request: DrillRequest, rehearse: @escaping Rehearse) {
        self.engine = engine
        self.request = request
        self.rehearse = rehearse
    }

    package func run() async -> RunRecord {
        let frame = SimpleRun(
            engine: engine, operation: .drill, lockMode: .shared,
            lockWait: request.lockWait ?? engine.profile.settings.lockWait, reason: "by the kit's own lines",
            trigger: request.trigger)
        return await frame.run { recorder, opened, holdings in
            let run = await recorder.record
            var drill = DrillRecord(
                selection: "kit", repository: engine.primary.spec.name, location: engine.primary.location)
            drill.identity = opened.identity.id
            drill.isNewMachine = true
            drill.restoreObjective = engine.profile.objectives.restoreTime
            let begun = drill
            await recorder.change { $0.drill = begun }
            let points = try await PointList(engine).load(loadingManifests: true).points
            let scratch = DrillScratch(engine, run)
            let result: KitRehearsal.Result
            do {
                result = try await recorder.step(.restore, subject: "kit") {
                    try await rehearse { try await scratch.openFolder(own: try await holdings.scratch(for: run)) }
                }
            } catch {
                for notice in await uncancelled({ await scratch.removeAll() }) { recorder.notice(notice) }
                throw error
            }
            for notice in await uncancelled({ await scratch.removeAll() }) { recorder.notice(notice) }
            await note(result, points, recorder)
            await DrillRun(engine, request).judge(recorder)
        }
    }

    private func note(_ result: KitRehearsal.Result, _ points: [RestorePoint], _ recorder: RunRecorder) async {
        let entries = points.flatMap(\.entries)
        let own = await recorder.record.id
        let share = result.duration / max(1, result.parts.count)
        var parts: [DrilledPart] = []
        for proof in result.parts {
            let entry = entries.first { $0.part.snapshot == proof.part.snapshot }
            var part = DrilledPart(proof.part, run: entry?.run ?? points.first?.run ?? own)
            // How long one of them took the sheet does not say.
            part.duration = share
            part.bytes = proof.failure == nil ? proof.part.bytes : .zero
            part.files = proof.part.files
            part.proofs = proof.proofs
            if let database = proof.part.restoreNotes["database"] {
                let mark = "proven: database \(database): "
                part.proofs += result.said.filter { $0.hasPrefix(mark) }.map { String($0.dropFirst(mark.count)) }
            }
            part.unproven = proof.unproven
            if let failure = proof.failure { part.findings = [DrillFinding(failure.description)] }
            parts.append(part)
        }
        let drilled = Set(parts.map(\.source))
        let found = parts
        let leftOut = engine.profile.sources.map(\.name).filter { !drilled.contains($0) }
        await recorder.change { record in
            record.drill?.parts = found
            record.drill?.point = points.first?.run
            record.drill?.pointTime = points.first?.time
            record.drill?.leftOut = leftOut
        }
        for part in found {
            for finding in part.findings {
                await recorder.fail(Failure("\(part.title): \(finding.description)", hint: nil, kind: .failed))
            }
        }
        if let failure = result.failure { await recorder.fail(failure) }
        for line in result.said where line.hasPrefix("not proven: ") { recorder.notice(line) }
    }
}
