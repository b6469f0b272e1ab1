import BackupModel

/// Finishes what a restore into place had begun when it was killed, so that everything is either as it was or as it was to be.
///
/// - Important: under the profile's lock.
struct SettlementRecovery: Sendable {
    let engine: Engine

    struct Done: Sendable {
        var notices: [String] = []
        /// What lives there is neither one thing nor the other.
        var failures: [Failure] = []
    }

    func run(except current: RunID?) async throws(StoreError) -> Done {
        var done = Done()
        for entry in try engine.journal.entries(profile: engine.profile.name) where entry.run != current {
            guard engine.host.process(entry.process.pid) != entry.process else { continue }
            do {
                switch entry.action {
                case .settle(let settlement): done.notices.append(try await finish(settlement, entry))
                case .dropDatabase(let name, let part):
                    done.notices += try await sweep(name, part, entry)
                case .endProcess, .removeFolder, .release, .keep: continue
                }
            } catch let error as StoreError {
                throw error
            } catch {
                let failure = RunRecorder.failure(of: error)
                done.failures.append(
                    Failure(
                        "the restore \(entry.run) was killed while it settled, and that cannot be finished: "
                            + failure.description,
                        hint: failure.hint
                            ?? "put that right and run `holdfast recover`, or take it back: "
                            + "holdfast restore --undo \(entry.run) -p \(engine.profile.name)"
                    ))
            }
        }
        return done
    }

    /// Before its first step it is as if it had never begun; behind that it goes to its end, for everything was restored and
    /// proven by then, and its operator had agreed. Where it cannot go on, it goes back.
    private func finish(_ settlement: Settlement, _ entry: JournalEntry) async throws -> String {
        let settling = Settling(engine: engine, run: entry.run)
        var count = 0
        for step in settlement.steps where try await settling.isBegun(step) { count += 1 }
        guard count > 0 else {
            try await settling.takeBack(settlement)
            try engine.journal.remove(entry.id)
            return "the restore \(entry.run) was killed before it touched anything; all is as it was"
        }
        do {
            try await uncancelledThrowing { try await settling.carryOut(settlement) }
        } catch let stuck as Settling.Stuck {
            throw stuck
        } catch {
            try engine.journal.remove(entry.id)
            return
                "the restore \(entry.run) was killed when \(count) of \(settlement.steps.count) were in place; going on failed ("
                + RunRecorder.failure(of: error).description + "), so all was put back as it was"
        }
        try InPlaceJournal(engine).keep(settlement, entry)
        return count == settlement.steps.count
            ? "the restore \(entry.run) was killed when all was in place"
            : "the restore \(entry.run) was killed when \(count) of \(settlement.steps.count) were in place; the others are now too"
    }

    /// What was loaded and took nobody's place is in nobody's way, so a server that is not there keeps nothing from being done.
    private func sweep(_ name: String, _ part: ManifestPart, _ entry: JournalEntry) async throws(StoreError) -> [String]
    {
        do {
            return try await drop(name, part, entry)
                ? ["dropped the database \(name), which run \(entry.run) had not finished loading"] : []
        } catch let error as StoreError {
            throw error
        } catch {
            return [
                "left for the next run to drop: database \(name), which run \(entry.run) had not finished loading: "
                    + RunRecorder.failure(of: error).description
                    + " (`holdfast recover --forget \(entry.id)` gives up on it)"
            ]
        }
    }

    /// - Returns: whether it was there.
    private func drop(_ name: String, _ part: ManifestPart, _ entry: JournalEntry) async throws -> Bool {
        let all = try engine.journal.entries(profile: engine.profile.name)
        // A settlement of the same run that could not be finished may still need it.
        for other in all where other.run == entry.run { if case .settle = other.action { return false } }
        let server = try await engine.requiredServer(of: part, for: entry.run)
        let wasThere = try await server.existing([name]).contains(name)
        if wasThere { try await server.drop(name) }
        try engine.journal.remove(entry.id)
        return wasThere
    }
}

/// As ``uncancelled(_:)``, for what may fail.
func uncancelledThrowing<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let result: Result<Value, any Error> = await uncancelled {
        do { return .success(try await body()) } catch { return .failure(error) }
    }
    return try result.get()
}

/// The entries of the journal that a restore into place makes.
struct InPlaceJournal: Sendable {
    let engine: Engine
    init(_ engine: Engine) { self.engine = engine }

    private func entry(_ kind: String, _ record: RunRecord, _ order: Int, _ action: JournalEntry.Action) -> JournalEntry
    {
        JournalEntry(
            id: "\(kind)-\(record.id)", run: record.id, profile: record.profile, order: order, process: record.process,
            action: action)
    }

    func staging(_ path: String, _ number: Int, _ record: RunRecord) throws(StoreError) -> JournalEntry {
        let entry = entry("staging\(number)", record, 0, .removeFolder(path))
        try engine.journal.add(entry)
        return entry
    }

    func loading(_ database: String, _ number: Int, _ part: ManifestPart, _ record: RunRecord) throws(StoreError)
        -> JournalEntry
    {
        var part = part
        part.facts = Facts()
        let entry = entry("loading\(number)", record, 1, .dropDatabase(database, part: part))
        try engine.journal.add(entry)
        return entry
    }

    func settling(_ settlement: Settlement, _ record: RunRecord) throws(StoreError) -> JournalEntry {
        // Behind resources, so that it comes before they are given back.
        let entry = entry("settle", record, 100_000, .settle(settlement))
        try engine.journal.add(entry)
        return entry
    }

    /// It is done; what was there is kept.
    func keep(_ settlement: Settlement, _ settling: JournalEntry) throws(StoreError) {
        var entry = settling
        entry.id = "kept-\(settlement.run)"
        entry.order = 0
        entry.action = .keep(settlement)
        try engine.journal.add(entry)
        try engine.journal.remove(settling.id)
    }
}
