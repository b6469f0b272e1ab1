import BackupModel

/// Gives one resource back, by the run that took it or by whoever comes after that was killed.
struct ResourceRelease: Sendable {
    private let journal: any ResourceJournal
    private let hooks: any HookRunner
    private let redact: @Sendable (String) -> String

    init(_ engine: Engine) { self.init(engine.hooks, engine.journal, redact: engine.redact) }

    init(_ hooks: any HookRunner, _ journal: any ResourceJournal, redact: @escaping @Sendable (String) -> String) {
        self.hooks = hooks
        self.journal = journal
        self.redact = redact
    }

    /// - Parameters:
    ///   - run: runs the release; throws where that did not end well.
    ///   - beforeForgetting: between the release and the journal.
    /// - Returns: why it is not given back, and what to do; it stays in the journal then.
    func carryOut(
        _ entry: JournalEntry, _ resource: HeldResource,
        by run: @Sendable (HookAction, HookDocument) async throws -> HookReport,
        beforeForgetting: @Sendable () async -> Void = {}
    ) async -> Failure? {
        do {
            _ = try await run(resource.release, resource.releasing)
        } catch {
            let failure = RunRecorder.failure(of: error)
            return Failure(
                "resource \(resource.name) is STILL HELD: \(failure.description)",
                hint:
                    "put it right by hand if it cannot wait; every run tries again, and so does `holdfast recover`, until the "
                    + "release ends well (`holdfast recover --forget \(entry.id)` gives up on it)",
                kind: .failed)
        }
        await beforeForgetting()
        do { try journal.remove(entry.id) } catch {
            return Failure(
                "resource \(resource.name) was given back, and the journal does not know it: \(error.description)",
                hint: error.hint)
        }
        return nil
    }

    /// For what an earlier run left.
    func carryOut(_ entry: JournalEntry, _ resource: HeldResource) async -> Failure? {
        await carryOut(entry, resource) { action, document in
            let report = try await hooks.run(action, document)
            guard report.isGood else {
                throw HookFailure(
                    description: "its release failed (\(redact(report.words)))", hint: nil, kind: .failed)
            }
            return report
        }
    }
}
