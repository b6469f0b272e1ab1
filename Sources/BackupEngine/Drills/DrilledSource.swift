import BackupModel
import Foundation

/// One source of a drill: its parts restored and proven, what the operator demands of it, and all of it removed again.
struct DrilledSource: Sendable {
    private let engine: Engine
    private let request: DrillRequest
    private let recorder: RunRecorder
    private let holdings: Holdings
    private let scratch: DrillScratch

    init(
        _ engine: Engine, _ request: DrillRequest, _ recorder: RunRecorder, _ holdings: Holdings,
        _ scratch: DrillScratch
    ) {
        self.engine = engine
        self.request = request
        self.recorder = recorder
        self.holdings = holdings
        self.scratch = scratch
    }

    /// Whether the operator's programs have run already, beside a server.
    private actor Once {
        private var isDone = false
        func claim() -> Bool {
            defer { isDone = true }
            return !isDone
        }
    }

    /// - Throws: only what ends the whole drill; what is wrong with the source is recorded.
    func drill(_ group: DrillPlan.Group) async throws {
        let run = await recorder.record
        let own = try await holdings.scratch(for: run)
        let folder = try await holdings.scratch(for: group.source, in: run)
        let programs = Once()
        var isWhole = true
        for item in group.items {
            isWhole = try await drill(item, in: folder, own: own, run, programs) && isWhole
        }
        // What is not there cannot be looked at.
        if isWhole, await programs.claim() { try await runPrograms(of: group.source, in: folder, [:]) }
        await accept(group.source)
        await noteUnasked(group)
        do { try FileManager.default.removeItem(atPath: folder) } catch {
            // With the whole of it at the end, then.
            if Task.isCancelled { throw RunStop.cancelled }
        }
    }

    private var specs: [SourceSpec] { engine.profile.sources }

    /// - Returns: whether it is there, so that it can be looked at.
    private func drill(
        _ item: RestorePlan.Item, in folder: String, own: String, _ run: RunRecord, _ programs: Once
    ) async throws -> Bool {
        let title = item.part.title
        let begun = engine.clock.uptime
        do {
            try await recorder.step(.restore, subject: title) {
                let report = try await prove(item, in: folder, own: own, run, programs)
                var part = DrilledPart(item.part, run: item.run)
                // What no restore needs is no part of how long one takes.
                part.duration = max(.zero, engine.clock.uptime - begun - report.preparation)
                add(report, to: &part, folder)
                part.note(condition: item.part.condition)
                let proven = part
                await recorder.annotate(.restore, subject: title) { $0.bytes = proven.bytes }
                await recorder.change { record in
                    record.drill?.parts.append(proven)
                    record.tools.merge(report.tools) { $1 }
                }
                if let first = proven.findings.first {
                    throw Failure("\(title): \(first)", hint: DrilledSource.hint, kind: .failed)
                }
            }
            return true
        } catch {
            if case RunStop.cancelled = error { throw error }
            let failure = RunRecorder.failure(of: error)
            if failure.kind == .interrupted { throw error }
            let isThere = await recorder.record.drill?.parts.contains { $0.title == title } == true
            if !isThere { await noteFailed(item, error, failure, since: begun) }
            let hint = failure.hint ?? DrilledSource.hint(error, run)
            for finding in await findings(of: title) {
                await recorder.fail(Failure("\(title): \(finding)", hint: hint, kind: failure.kind))
            }
            return isThere
        }
    }

    private static let hint =
        "this restore point is not what was captured: drill another one with --point, and back up anew"

    private static func hint(_ error: any Error, _ run: RunRecord) -> String {
        if let error = error as? SourceError, case .mismatch = error { return hint }
        return "what the tools said is in `holdfast show \(run.id) --log`"
    }

    private func findings(of title: String) async -> [DrillFinding] {
        await recorder.record.drill?.parts.first { $0.title == title }?.findings ?? []
    }

    private func noteFailed(
        _ item: RestorePlan.Item, _ error: any Error, _ failure: Failure, since begun: Duration
    ) async {
        var part = DrilledPart(item.part, run: item.run)
        part.duration = engine.clock.uptime - begun
        if let error = error as? SourceError, case .mismatch(let what, let expected, let found) = error {
            part.findings = [
                DrillFinding(engine.redact(what), expected: engine.redact(expected), found: engine.redact(found))
            ]
        } else {
            part.findings = [DrillFinding(engine.redact(failure.description))]
        }
        let failed = part
        await recorder.change { $0.drill?.parts.append(failed) }
    }

    private func prove(
        _ item: RestorePlan.Item, in folder: String, own: String, _ run: RunRecord, _ programs: Once
    ) async throws -> ProofReport {
        let source = try engine.restorer(item.part)
        // What came before it may still lie there.
        try ScratchRoom.check(
            for: item.part.title, source.roomToProve(item.part), at: folder, engine.host, otherwise: DrillPlan.smaller)
        let spec = specs.first { $0.name == item.part.source }
        let observer = engine.observer
        let title = item.part.title
        let restore = RestoreRequest(
            part: item.part, reader: engine.primary.reader(for: item.part), directory: folder
        ) { observer.observe(.progress(subject: title, $0)) }
        let request = ProofRequest(
            restore: restore, assertions: spec?.drill.assertions ?? [],
            timeLimit: spec?.drill.timeLimit ?? HookAction.usualTimeLimit, sample: request.sample
        ) { [scratch] () throws(SourceError) in
            try await scratch.openFolder(own: own)
        } whileServed: { variables in
            // Each database that is served is one to look at.
            _ = await programs.claim()
            try await runPrograms(of: item.part.source, in: folder, variables)
        }
        // A source may put what it works with beside what it restores.
        let context = CaptureContext(run: run.id, scratch: folder) { [recorder] text in
            recorder.notice("\(item.part.source): \(text)")
        }
        let report = try await source.prove(request, context)
        let place = report.restored.place
        guard try !place.hasPrefix("/") || engine.host.entry(at: place) != nil else {
            throw Failure(
                "\(title) was read and left nothing",
                hint: "look what snapshot \(item.part.snapshot) holds: holdfast ls \(item.part.snapshot)")
        }
        return report
    }

    private func add(_ report: ProofReport, to part: inout DrilledPart, _ folder: String) {
        // Where it was is nowhere by the time that anybody reads this.
        func plain(_ text: String) -> String { engine.redact(text.replacingOccurrences(of: folder, with: "")) }
        let restored = report.restored
        part.bytes = restored.bytes
        part.files = restored.files
        part.proofs = restored.proofs.map(plain)
        part.unproven = restored.unproven.filter { !restored.excused.contains($0) }.map(plain)
        part.excused = restored.excused.map(plain)
        part.remedies = report.remedies.map(plain)
        part.findings = report.findings.map { finding in
            DrillFinding(plain(finding.what), expected: finding.expected.map(plain), found: finding.found.map(plain))
        }
        part.notices = restored.notices.map(plain)
    }

    // MARK: - The operator's programs

    private func runPrograms(of source: SourceName, in folder: String, _ variables: [String: String]) async throws {
        guard let spec = specs.first(where: { $0.name == source }), !spec.drill.programs.isEmpty else { return }
        for program in spec.drill.programs {
            let begun = engine.clock.uptime
            var document = HookDocument(
                event: "drill.check", hook: program.name, run: await recorder.record, host: engine.profile.host)
            document.source = .init(name: spec.name.rawValue, kind: spec.kind)
            document.repository = .init(
                name: engine.primary.spec.name.rawValue, kind: engine.primary.spec.kind)
            document.restored = .init(folder: folder, variables: variables)
            let asked = document
            let result: Result<HookReport, HookError>
            do throws(HookError) { result = .success(try await engine.hooks.run(program, asked)) } catch {
                result = .failure(error)
            }
            if Task.isCancelled { throw RunStop.cancelled }
            let check = DrillCheck(
                source: source, program: engine.redact(program.program.words), passed: DrilledSource.isGood(result),
                detail: engine.redact(DrilledSource.words(result).replacingOccurrences(of: folder, with: "")),
                duration: engine.clock.uptime - begun)
            await recorder.change { $0.drill?.checks.append(check) }
            guard !check.passed else { continue }
            await recorder.fail(
                Failure(
                    "\(source): `\(check.program)` did not accept what was restored (\(check.detail))",
                    hint: hint(result), kind: .failed))
        }
    }

    /// A query of a database that is not there has not been answered.
    private func noteUnasked(_ group: DrillPlan.Group) async {
        let names = Set(
            group.items.flatMap { item in ["database", "name"].compactMap { item.part.restoreNotes[$0] } })
        let assertions = specs.first { $0.name == group.source }?.drill.assertions ?? []
        for assertion in assertions {
            guard let database = assertion.database, !names.contains(database) else { continue }
            let check = DrillCheck(
                source: group.source, program: PlainText.line(assertion.query, limit: 200), passed: false,
                detail: "the restore point has no database \(PlainText.line(database, limit: 100)) of it",
                duration: .zero)
            await recorder.change { $0.drill?.checks.append(check) }
            await recorder.fail(
                Failure(
                    "\(group.source): `\(check.program)` was not asked: \(check.detail)",
                    hint: "correct the name under `sql:`"
                        + (names.isEmpty ? "" : "; there is " + names.sorted().joined(separator: ", ")), kind: .failed))
        }
    }

    /// What somebody has looked at who knows it is compared with something.
    private func accept(_ source: SourceName) async {
        let checks = await recorder.record.drill?.checks.filter { $0.source == source } ?? []
        guard !checks.isEmpty, checks.allSatisfy(\.passed) else { return }
        let words = "\(Words.count(checks.count, "program")) of the profile accepted it"
        await recorder.change { record in
            let parts = record.drill?.parts ?? []
            record.drill?.parts = parts.map { $0.source == source ? $0.accepted(words) : $0 }
        }
    }

    private static func isGood(_ result: Result<HookReport, HookError>) -> Bool {
        if case .success(let report) = result { report.isGood } else { false }
    }

    private static func words(_ result: Result<HookReport, HookError>) -> String {
        switch result {
        case .success(let report): PlainText.line(report.words)
        case .failure(let error): error.description
        }
    }

    private func hint(_ result: Result<HookReport, HookError>) -> String? {
        switch result {
        case .success:
            "restore this point with `holdfast restore --to DIR -p \(engine.profile.name)` and look at it there"
        case .failure(let error): error.hint
        }
    }
}

extension DrilledPart {
    /// What was not whole when it was captured is not proven by coming back as it was.
    mutating func note(condition: PartCondition) {
        switch condition {
        case .clean, .tolerated: return
        case .partial: unproven.append("some of it could not be read when it was captured")
        case .damaged: unproven.append("it was damaged when it was captured")
        }
        remedies.append("`holdfast show \(run)` says what was wrong with it; repair that and back up anew")
    }

    /// That somebody who knows it has looked at it settles what nobody else could compare.
    ///
    /// Not where a key or a server is missing: then there was nothing to look at.
    fileprivate func accepted(_ words: String) -> DrilledPart {
        guard findings.isEmpty, remedies.isEmpty else { return self }
        var part = self
        part.proofs.append(words)
        part.excused += unproven
        part.unproven = []
        return part
    }
}
