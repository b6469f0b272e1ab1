import BackupModel

/// Carries a ``Settlement`` out: all of it, or nothing of it.
struct Settling: Sendable {
    let engine: Engine
    /// Whose settling it is.
    let run: RunID

    /// Some steps are done, and could not be taken back.
    struct Stuck: OperatorError {
        var cause: any OperatorError
        var place: String
        var reason: any OperatorError
        var run: RunID
        var profile: ProfileName

        var description: String {
            "\(cause.description); and then \(place) could not be put back: \(reason.description)"
        }
        var hint: String? {
            "put that right, then `holdfast recover` finishes what was begun, or `holdfast restore --undo \(run) -p \(profile)` takes it back"
        }
        var kind: FailureKind { .failed }
    }

    /// Does every step, in the journal from before the first until after the last; then what was there is kept.
    /// - Throws: as ``carryOut(_:)``; nothing is in the journal any more where all was taken back.
    func settle(_ settlement: Settlement, _ record: RunRecord) async throws {
        let journal = InPlaceJournal(engine)
        let entry = try journal.settling(settlement, record)
        await engine.moment(.settlementJournaled)
        // Whoever interrupts it now waits for the rest.
        try await uncancelledThrowing {
            do {
                try await carryOut(settlement)
            } catch let stuck as Stuck {
                throw stuck
            } catch {
                try engine.journal.remove(entry.id)
                throw error
            }
            await engine.moment(.allSettled)
            do throws(StoreError) { try journal.keep(settlement, entry) } catch {
                throw Failure(
                    "all of it is in place, and that cannot be noted: \(error.description)",
                    hint:
                        "put that right, then `holdfast recover -p \(engine.profile.name)` notes it, so that --undo knows what was there",
                    kind: error.kind)
            }
        }
    }

    /// Does every step. When one fails, those before it are taken back.
    /// - Throws: why a step failed; ``Stuck`` when the steps before it could not be taken back.
    func carryOut(_ settlement: Settlement) async throws {
        for (index, step) in settlement.steps.enumerated() {
            do {
                try await forward(step)
            } catch {
                let cause = RunRecorder.failure(of: error)
                try await takeBack(settlement.steps[...index], of: settlement, because: cause)
                throw error
            }
            await engine.moment(.settled)
        }
    }

    private func takeBack(
        _ steps: ArraySlice<Settlement.Step>, of settlement: Settlement, because cause: Failure
    ) async throws {
        for step in steps.reversed() {
            do { try await backward(step) } catch {
                throw Stuck(
                    cause: cause, place: step.place, reason: RunRecorder.failure(of: error), run: settlement.run,
                    profile: engine.profile.name)
            }
        }
    }

    /// Whether anything of a step was done that somebody could have seen.
    func isBegun(_ step: Settlement.Step) async throws -> Bool {
        if try await isDone(step) { return true }
        guard case .path(let exchange) = step, exchange.staged != nil else { return false }
        return try engine.host.entry(at: exchange.place) == nil && engine.host.entry(at: exchange.aside) != nil
            && !isAt(exchange.aside, exchange)
    }

    func takeBack(_ settlement: Settlement) async throws {
        for step in settlement.steps.reversed() { try await backward(step) }
    }

    func isDone(_ step: Settlement.Step) async throws -> Bool {
        switch step {
        case .path(let exchange):
            let isThere = try engine.host.entry(at: exchange.place)?.identity == exchange.identity
            return exchange.staged == nil ? !isThere : isThere
        case .database(let renaming):
            let leaving = renaming.staged ?? renaming.live
            let arriving = renaming.staged == nil ? renaming.aside : renaming.live
            // Both are asked for: a server that has neither is not the one.
            let there = try await server(of: renaming).existing([leaving, arriving])
            return !there.contains(leaving) && there.contains(arriving)
        }
    }

    /// - Parameters:
    ///   - endings: those that there could be.
    ///   - part: one of the source whose file it is.
    /// - Returns: those that are there, after the database was closed where that could be done.
    func sideFiles(_ endings: [String], at path: String, _ part: ManifestPart?) async throws -> [String] {
        func present() throws -> [String] { try endings.filter { try engine.host.entry(at: path + $0) != nil } }
        guard try !present().isEmpty, let part else { return try present() }
        if try engine.host.entry(at: path)?.kind == .file { _ = try await engine.restorer(part).closeFile(at: path) }
        let left = try present()
        // Where one is there, another may come.
        return left.isEmpty ? [] : endings
    }

    /// What lies beside a file under these endings.
    func identities(_ endings: [String], at path: String) throws(Failure) -> [String: FileIdentity] {
        var found: [String: FileIdentity] = [:]
        for ending in endings { found[ending] = try engine.host.entry(at: path + ending)?.identity }
        return found
    }

    // MARK: One step

    private func forward(_ step: Settlement.Step) async throws {
        switch step {
        case .path(let exchange):
            if let staged = exchange.staged {
                try await put(exchange, staged)
            } else if try engine.host.entry(at: exchange.place)?.identity == exchange.identity {
                try move(exchange.place, to: exchange.aside)
            }
        case .database(let renaming):
            guard try await !isDone(step) else { return }
            let server = try await server(of: renaming)
            let notices =
                if let staged = renaming.staged {
                    try await server.exchange(
                        live: renaming.live, staged: staged, aside: renaming.aside, adopting: renaming.isReturn != true)
                } else {
                    try await server.exchange(
                        live: renaming.aside, staged: renaming.live, aside: "", adopting: false)
                }
            for notice in notices { engine.observer.observe(.notice(notice)) }
        }
    }

    private func backward(_ step: Settlement.Step) async throws {
        switch step {
        case .path(let exchange):
            if let staged = exchange.staged {
                try takeAway(exchange, staged)
            } else if try isAt(exchange.aside, exchange), try engine.host.entry(at: exchange.place) == nil {
                try move(exchange.aside, to: exchange.place)
            }
        case .database(let renaming):
            let server = try await server(of: renaming)
            let there = try await server.existing(
                [renaming.live, renaming.aside] + (renaming.staged.map { [$0] } ?? []))
            guard let staged = renaming.staged else {
                guard !there.contains(renaming.live), there.contains(renaming.aside) else { return }
                _ = try await server.exchange(
                    live: renaming.live, staged: renaming.aside, aside: "", adopting: false)
                return
            }
            guard !there.contains(staged), there.contains(renaming.live) else { return }
            if there.contains(renaming.aside) {
                _ = try await server.exchange(
                    live: renaming.live, staged: renaming.aside, aside: staged, adopting: false)
            } else {
                _ = try await server.exchange(live: staged, staged: renaming.live, aside: "", adopting: false)
            }
        }
    }

    private func isAt(_ path: String, _ exchange: Settlement.Exchange) throws(Failure) -> Bool {
        try engine.host.entry(at: path)?.identity == exchange.identity
    }

    private func move(_ path: String, to target: String) throws(Failure) { try engine.host.move(path, to: target) }

    private func put(_ exchange: Settlement.Exchange, _ staged: String) async throws {
        if try isAt(exchange.place, exchange) { return }
        if exchange.sideFiles.isEmpty {
            try await exchangeNames(exchange, staged)
        } else {
            try await putWithSideFiles(exchange, staged)
        }
    }

    /// What is staged goes first where the old one will be, and then they trade places: at no moment does what was there lie
    /// where staging is swept, and at no moment is the place empty.
    private func exchangeNames(_ exchange: Settlement.Exchange, _ staged: String) async throws {
        let (host, place, aside) = (engine.host, exchange.place, exchange.aside)
        let isBeside = try isAt(aside, exchange)
        guard try isBeside || isAt(staged, exchange) else {
            throw Failure("what was restored is no longer at \(staged)", hint: "restore again")
        }
        guard try host.entry(at: place) != nil else { return try move(isBeside ? aside : staged, to: place) }
        if !isBeside { try move(staged, to: aside) }
        await engine.moment(.besidePlace)
        if try host.exchange(aside, place) { return }
        // In two steps, where the file system knows no better.
        try move(aside, to: staged)
        try move(place, to: aside)
        await engine.moment(.besidePlace)
        try move(staged, to: place)
    }

    /// A database whose side files could not be closed into it. It leaves its place before they do, and comes to it after they
    /// have: at no moment does anybody find it without them. Until then its place is empty.
    private func putWithSideFiles(_ exchange: Settlement.Exchange, _ staged: String) async throws {
        let (host, place, aside) = (engine.host, exchange.place, exchange.aside)
        guard try isAt(staged, exchange) else {
            throw Failure("what was restored is no longer at \(staged)", hint: "restore again")
        }
        if try host.entry(at: place) != nil {
            guard try host.entry(at: aside) == nil else { throw stranger(place) }
            try move(place, to: aside)
        }
        await engine.moment(.besidePlace)
        for ending in exchange.sideFiles where try host.entry(at: place + ending) != nil {
            // When this goes on after a crash, those of what is coming may be there already.
            if try isStaged(ending, at: place, exchange) { continue }
            // Or its own are aside.
            guard try host.entry(at: aside + ending) == nil else { throw stranger(place + ending) }
            try move(place + ending, to: aside + ending)
        }
        for ending in exchange.sideFiles where try host.entry(at: staged + ending) != nil {
            try move(staged + ending, to: place + ending)
        }
        guard try host.entry(at: place) == nil else { throw stranger(place) }
        try move(staged, to: place)
    }

    /// Whether a side file is that of what was staged.
    private func isStaged(_ ending: String, at path: String, _ exchange: Settlement.Exchange) throws(Failure) -> Bool {
        guard let identity = exchange.stagedSideFiles?[ending] else { return false }
        return try engine.host.entry(at: path + ending)?.identity == identity
    }

    private func stranger(_ path: String) -> Failure {
        Failure(
            "something new has come to be at \(path) while things changed places",
            hint:
                "a program made it anew: stop that, move the file away (nothing of the backup is in it), then `holdfast recover`"
        )
    }

    private func takeAway(_ exchange: Settlement.Exchange, _ staged: String) throws {
        let (host, place, aside) = (engine.host, exchange.place, exchange.aside)
        guard exchange.sideFiles.isEmpty else { return try takeAwayWithSideFiles(exchange, staged) }
        if try isAt(place, exchange) {
            if try host.entry(at: aside) == nil {
                try move(place, to: staged)
            } else if try host.exchange(aside, place) {
                try move(aside, to: staged)
            } else {
                try move(place, to: staged)
                try move(aside, to: place)
            }
        } else if try isAt(aside, exchange) {
            try move(aside, to: staged)
        } else if try host.entry(at: place) == nil, try host.entry(at: aside) != nil {
            try move(aside, to: place)
        }
    }

    private func takeAwayWithSideFiles(_ exchange: Settlement.Exchange, _ staged: String) throws {
        let (host, place, aside) = (engine.host, exchange.place, exchange.aside)
        if try isAt(place, exchange) {
            try move(place, to: staged)
            for ending in exchange.sideFiles where try host.entry(at: place + ending) != nil {
                try move(place + ending, to: staged + ending)
            }
        }
        for ending in exchange.sideFiles where try isStaged(ending, at: place, exchange) {
            try move(place + ending, to: staged + ending)
        }
        guard try host.entry(at: aside) != nil else { return }
        guard try host.entry(at: place) == nil else { throw stranger(place) }
        for ending in exchange.sideFiles where try host.entry(at: aside + ending) != nil {
            guard try host.entry(at: place + ending) == nil else { throw stranger(place + ending) }
            try move(aside + ending, to: place + ending)
        }
        try move(aside, to: place)
    }

    private func server(of renaming: Settlement.Renaming) async throws -> any DatabaseServer {
        try await engine.server(of: renaming, for: run)
    }
}
