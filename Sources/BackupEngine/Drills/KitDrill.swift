package import BackupModel
import Foundation

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
            // An old sheet may name a part that no point has any more.
            let run = entries.first { $0.part.snapshot == proof.part.snapshot }?.run ?? own
            var part = DrilledPart(proof.part, run: run)
            // How long one of them took the sheet does not say.
            part.duration = share
            part.bytes = proof.failure == nil ? proof.part.bytes : .zero
            part.files = proof.part.files
            part.proofs = proof.proofs
            part.unproven = proof.unproven
            if let failure = proof.failure { part.findings = [DrillFinding(failure.description)] }
            part.add(KitSaid(result.said(of: proof.part)), of: proof.part)
            if acceptsUnopened(proof.part) { part.excuseUnopened() }
            part.note(condition: proof.part.condition)
            parts.append(part)
        }
        noteUnasked(&parts)
        if let failure = result.failure, parts.allSatisfy(\.findings.isEmpty) {
            // It did not end well, and of no part it is known that it has nothing to do with that.
            for index in parts.indices { parts[index].findings = [DrillFinding(failure.description)] }
        }
        let drilled = Set(parts.map(\.source))
        let found = parts
        let leftOut = engine.profile.sources.map(\.name).filter { !drilled.contains($0) }
        let point = KitDrill.point(of: found, in: points)
        await recorder.change { record in
            record.drill?.parts = found
            record.drill?.point = point?.run
            record.drill?.pointTime = point?.time
            record.drill?.leftOut = leftOut
        }
        for part in found {
            for finding in part.findings {
                await recorder.fail(
                    Failure("\(part.title): \(finding.description)", hint: result.failure?.hint, kind: .failed))
            }
        }
        if let failure = result.failure { await recorder.fail(failure) }
    }

    /// Its key is kept elsewhere for good.
    private func acceptsUnopened(_ part: ManifestPart) -> Bool {
        part.encryption != nil
            && engine.profile.sources.contains { $0.name == part.source && $0.drill.acceptsUnopened }
    }

    /// The sheet's lines know nothing of what the profile demands.
    private func noteUnasked(_ parts: inout [DrilledPart]) {
        for spec in engine.profile.sources where !(spec.drill.assertions.isEmpty && spec.drill.programs.isEmpty) {
            guard let index = parts.firstIndex(where: { $0.source == spec.name }) else { continue }
            parts[index].unproven.append("what the profile demands of it (`drill:`): a sheet does not ask that")
            parts[index].remedies.append("`holdfast drill \(spec.name)` asks it")
        }
    }

    /// The first point that has all of it: a sheet that became old restores one that is not the newest.
    private static func point(of parts: [DrilledPart], in points: [RestorePoint]) -> (run: RunID, time: Date)? {
        let snapshots = Set(parts.map(\.snapshot))
        guard !snapshots.isEmpty else { return nil }
        if let point = points.last(where: { snapshots.isSubset(of: $0.entries.map(\.part.snapshot)) }) {
            return (point.run, point.time)
        }
        guard let newest = parts.max(by: { $0.capturedAt < $1.capturedAt }) else { return nil }
        return (newest.run, newest.capturedAt)
    }
}

/// A sheet's words of one part, by what they mean.
private struct KitSaid {
    var proven: [String] = []
    var unproven: [String] = []
    var wrong: [String] = []
    var stopped: [String] = []
    var failed: [String] = []

    init(_ lines: [String]) {
        for line in lines {
            for (mark, place) in KitSaid.places where line.hasPrefix(mark) {
                self[keyPath: place].append(String(line.dropFirst(mark.count)))
            }
        }
    }

    private static var places: [(String, WritableKeyPath<KitSaid, [String]>)] {
        [
            ("proven: ", \.proven), ("not proven: ", \.unproven), ("WRONG: ", \.wrong), ("stop: ", \.stopped),
            ("FAILED: ", \.failed),
        ]
    }
}

extension DrilledPart {
    fileprivate mutating func add(_ said: KitSaid, of part: ManifestPart) {
        if let database = part.restoreNotes["database"] {
            let mark = "database \(database): "
            proofs += said.proven.filter { $0.hasPrefix(mark) }.map { String($0.dropFirst(mark.count)) }
        }
        for word in said.unproven {
            // Of the part that it stands under.
            unproven.append(word.hasPrefix(title + ": ") ? String(word.dropFirst(title.count + 2)) : word)
        }
        if !said.unproven.isEmpty { remedies.append(KitSaid.remedy(part)) }
        let wrong = said.wrong + said.stopped
        findings += wrong.map { DrillFinding($0) }
        if wrong.isEmpty {
            findings += said.failed.map { DrillFinding("the sheet's own step did not end well (\($0))") }
        }
    }
}

extension DrilledPart {
    /// That nobody here can open it is so on purpose.
    fileprivate mutating func excuseUnopened() {
        excused += unproven.filter { $0.hasSuffix(KitWords.unopened) }
        unproven.removeAll { $0.hasSuffix(KitWords.unopened) }
        if unproven.isEmpty { remedies = [] }
    }
}

extension KitSaid {
    fileprivate static func remedy(_ part: ManifestPart) -> String {
        part.encryption == nil
            ? "install what is missing here (a server's programs for a database), or prove it by `holdfast drill \(part.source)`, "
                + "which says what that takes"
            : "give the key with --identity FILE"
    }
}
