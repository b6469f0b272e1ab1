package import BackupModel

/// What was asked of `backup verify`.
package struct VerifyRequest: Sendable {
    package enum Depth: Sendable, Equatable {
        case structure
        /// A share of the data, from above 0 to 100 percent; successive runs read successive slices.
        case data(percent: Double)
        case scrub
    }
    package var depth: Depth
    package var lockWait: Duration?
    package var trigger = "manual"
    package init(depth: Depth, lockWait: Duration? = nil) {
        self.depth = depth
        self.lockWait = lockWait
    }
}

/// Tests the repository and records what was found.
package struct VerifyRun: Sendable {
    let engine: Engine
    let request: VerifyRequest

    package struct Report: Sendable {
        package var record: RunRecord
        package var verify: VerifyReport?
        package var scrub: ScrubReport?
        /// Which slice of how many was read.
        package var slice: (index: Int, count: Int)?
    }

    package init(_ engine: Engine, _ request: VerifyRequest) {
        self.engine = engine
        self.request = request
    }

    /// In how many slices all data is read when each is `percent` of it; never more than can be told apart.
    /// - Source: `restic check --read-data-subset=n/t`, whose t must be at most 256 by its own message,
    ///   https://restic.readthedocs.io/en/stable/045_working_with_repos.html, restic 0.19.1.
    package static func slices(percent: Double) -> Int { min(256, max(1, Int((100 / percent).rounded(.up)))) }

    package func run() async -> Report {
        let findings = Findings()
        let frame = SimpleRun(
            engine: engine, operation: .verify, lockMode: request.depth == .scrub ? .shared : .exclusive,
            lockWait: request.lockWait ?? engine.profile.settings.lockWait,
            reason: KnownDamage.title(of: request.depth), trigger: request.trigger)
        let record = await frame.run { recorder, opened, _ in
            try await recorder.step(.verify, subject: engine.primary.spec.name.rawValue) {
                try await check(recorder, opened, findings)
            }
        }
        return await Report(
            record: record, verify: findings.verify, scrub: findings.scrub, slice: findings.slice)
    }

    private actor Findings {
        var verify: VerifyReport?
        var scrub: ScrubReport?
        var slice: (index: Int, count: Int)?
        func set(verify report: VerifyReport) { verify = report }
        /// The repository itself may be sound, and yet not what it was.
        func fault(_ failure: Failure) {
            verify?.isSound = false
            verify?.errors.append(failure.description)
        }
        func set(scrub report: ScrubReport) { scrub = report }
        func set(slice: (index: Int, count: Int)) { self.slice = slice }
    }

    private func check(_ recorder: RunRecorder, _ opened: OpenRepository.Opened, _ findings: Findings) async throws {
        try await look(recorder, opened, findings)
        let gone = try await VanishedPoints(
            RepositoryCatalog(engine, repository: engine.primary, identity: opened.identity)
        ).find()
        guard let gone else { return }
        let failure = Failure(gone.words, hint: gone.hint, kind: .damaged)
        await findings.fault(failure)
        throw RunStop.failed(failure)
    }

    private func look(_ recorder: RunRecorder, _ opened: OpenRepository.Opened, _ findings: Findings) async throws {
        let observer = engine.observer
        let progress: @Sendable (TransferProgress) -> Void = { observer.observe(.progress(subject: "verify", $0)) }
        switch request.depth {
        case .structure:
            try await judge(try await engine.primary.verify(.structure, progress: progress), recorder, findings)
        case .data(let percent):
            let count = VerifyRun.slices(percent: percent)
            guard count > 1 else {
                try await judge(try await engine.primary.verify(.allData, progress: progress), recorder, findings)
                return
            }
            let key = "verify-slice:\(opened.identity.id):\(count)"
            let index = try engine.store.counter(key) % count + 1
            await findings.set(slice: (index, count))
            let report = try await engine.primary.verify(.data(index: index, count: count), progress: progress)
            // A slice counts as read also when it was found damaged: the next run goes on to the next.
            try engine.store.setCounter(key, to: index)
            try await judge(report, recorder, findings)
        case .scrub:
            let report = try await engine.primary.scrub(progress: progress)
            await findings.set(scrub: report)
            await recorder.annotate(.verify, subject: engine.primary.spec.name.rawValue) { $0.bytes = report.bytes }
            guard report.isSound else {
                throw RunStop.failed(
                    RepositoryError.damaged(
                        location: engine.primary.location,
                        detail: (report.damaged + report.unreadable.keys.sorted()).prefix(10).joined(separator: ", ")))
            }
        }
    }

    private func judge(_ report: VerifyReport, _ recorder: RunRecorder, _ findings: Findings) async throws {
        await findings.set(verify: report)
        for notice in report.notices { recorder.notice(notice) }
        guard report.isSound else {
            let named = report.damagedFiles.isEmpty ? report.errors : report.damagedFiles
            throw RunStop.failed(
                RepositoryError.damaged(
                    location: engine.primary.location, detail: named.prefix(10).joined(separator: "; ")))
        }
    }
}
