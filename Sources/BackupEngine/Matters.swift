package import BackupModel
package import Foundation

/// Something about a profile that somebody has to see to.
package struct Matter: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// Older than its objective allows, or skipped for too long.
        case overdue
        /// A test found a repository damaged, and none since has found it whole.
        case damaged
        /// Restore points are gone that no run of ours removed.
        case vanished
        /// A backup is unlike those before it.
        case anomaly
        /// Something that a hook took could not be given back.
        case unreleased
        /// A restore takes longer than its objective allows.
        case slow
    }

    package var kind: Kind
    /// What `ack` takes: a source, `repository:NAME`; `nil` where acknowledging is not the answer.
    package var subject: String?
    /// A sentence without its full stop.
    package var text: String
    package var since: Date
    /// A command.
    package var next: String

    package init(kind: Kind, subject: String? = nil, text: String, since: Date, next: String) {
        self.kind = kind
        self.subject = subject
        self.text = text
        self.since = since
        self.next = next
    }
}

/// Finds what somebody has to see to, and notes that somebody has. It looks at what is on record alone: nothing is started.
package struct MatterReview: Sendable {
    let engine: Engine
    private var profile: Profile { engine.profile }

    package init(_ engine: Engine) { self.engine = engine }

    /// The gravest first.
    package func matters() throws -> [Matter] {
        try unreleased() + damage() + vanished() + overdue(try StandingReview(engine).standings)
            + failedDrill() + slowness() + anomalies()
    }

    /// What is overdue now, for those who are told of it.
    package func overdueItems() throws(StoreError) -> [OverdueItem] {
        let now = engine.clock.now
        return try StandingReview(engine).standings.compactMap { standing in
            if case .source = standing.subject, !standing.isApart { return nil }
            guard let since = standing.overdueSince(at: now) else { return nil }
            return OverdueItem(
                what: standing.subject.title, lastSuccess: standing.lastSuccess,
                objective: standing.objective ?? standing.skipBudget, since: since, hint: next(standing.subject))
        }
    }

    func overdue(_ standings: [Standing]) -> [Matter] {
        let now = engine.clock.now
        // A backup is as old as its oldest source: what is behind is named there, and not told twice.
        var names: [String] = []
        for standing in standings where !standing.isApart && standing.isOverdue(at: now) {
            if case .source(let name) = standing.subject { names.append(name.rawValue) }
        }
        let behind =
            names.count < profile.sources.filter({ $0.cadence == nil }).count && !names.isEmpty
            ? " of " + names.joined(separator: ", ") : ""
        return standings.compactMap { standing in
            if case .source = standing.subject, !standing.isApart { return nil }
            guard let since = standing.overdueSince(at: now) else { return nil }
            return Matter(
                kind: .overdue, text: text(standing, standing.subject == .backup ? behind : "", now), since: since,
                next: next(standing.subject))
        }
    }

    /// - Parameter behind: ` of db, web`, where it is so with some sources only.
    private func text(_ standing: Standing, _ behind: String, _ now: Date) -> String {
        let title = standing.subject.title
        if let skipped = standing.skippedSince, now.timeIntervalSince(skipped) > standing.skipBudget.inSeconds {
            return "\(title) has been skipped for \(Age.words(.seconds(now.timeIntervalSince(skipped)))); at most "
                + "\(Age.words(standing.skipBudget)) are allowed"
        }
        let limit = standing.objective.map { "; at most \(Age.words($0)) are allowed" } ?? ""
        if case .key = standing.subject, let age = standing.age(at: now) {
            return "the \(title) is \(Age.words(age)) old\(limit)"
        }
        guard let age = standing.age(at: now) else {
            return "\(title): there is no good one\(behind) on record\(limit)"
        }
        return "\(title): the last good one\(behind) is \(Age.words(age)) old\(limit)"
    }

    private func next(_ subject: Standing.Subject) -> String {
        let start = "holdfast"
        let profile = "-p \(profile.name)"
        return switch subject {
        case .backup: "\(start) backup \(profile)"
        case .source(let name): "\(start) backup \(name) \(profile)"
        case .offsite(let name): "\(start) history \(profile), then \(start) backup --offsite \(profile) (\(name))"
        case .verify(nil): "\(start) backup verify \(profile)"
        case .verify(let name?): "\(start) backup verify --from \(name) \(profile)"
        case .prune: "\(start) backup prune --dry-run \(profile)"
        case .key(let name): "\(start) key rotate \(name) \(profile)"
        case .drill: "\(start) drill \(profile)"
        }
    }

    /// As the newest drill of all sources measured it.
    private func slowness() throws(StoreError) -> [Matter] {
        guard let objective = profile.objectives.restoreTime else { return [] }
        let drills = try engine.store.runs(RunQuery(profile: profile.name, operation: .drill, limit: 100))
        let measured = drills.first { run in
            run.sources == nil && run.drill.map { $0.isComplete && $0.leftOut.isEmpty && $0.verdict != .failed } == true
        }
        guard let measured, let drill = measured.drill, drill.restoreTime > objective else { return [] }
        return [
            Matter(
                kind: .slow,
                text: "a restore takes \(Age.words(drill.restoreTime)), as run \(measured.id) measured it; the "
                    + "objective is \(Age.words(objective))", since: measured.started,
                next: "holdfast show \(measured.id) -p \(profile.name)")
        ]
    }

    /// What runs took that are dead by now, and nobody has given back: a service may be down because of it.
    private func unreleased() throws -> [Matter] {
        try engine.journal.entries(profile: profile.name).compactMap { entry in
            let text: String
            switch entry.action {
            case .release(let held):
                text = "\(held.name) was taken by run \(entry.run), which is over, and not given back"
            case .settle:
                text = "restore \(entry.run) was killed while things changed places, and has not been finished"
            case .endProcess, .removeFolder, .keep, .dropDatabase: return nil
            }
            guard engine.host.process(entry.process.pid) != entry.process else { return nil }
            return Matter(
                kind: .unreleased,
                text: text,
                since: try engine.store.run(entry.run)?.started ?? engine.clock.now,
                next: "holdfast recover -p \(profile.name)")
        }
    }

    /// A drill that found something wrong, and none since has proven it.
    private func failedDrill() throws(StoreError) -> [Matter] {
        let drills = try engine.store.runs(RunQuery(profile: profile.name, operation: .drill, limit: 20))
        guard let last = drills.first(where: { $0.drill?.isComplete == true }), last.outcome == .failed,
            let failure = last.failures.first
        else { return [] }
        return [
            Matter(
                kind: .damaged, text: "the last drill, \(last.id), failed: \(failure.description)", since: last.started,
                next: "holdfast show \(last.id) -p \(profile.name)")
        ]
    }

    private func damage() throws(StoreError) -> [Matter] {
        let tests = try engine.store.runs(RunQuery(profile: profile.name, operation: .verify, limit: 500))
        return profile.repositories.compactMap { spec in
            let name = spec.follow == nil ? nil : spec.name
            guard let run = KnownDamage.find(in: tests.filter { $0.repository == name }) else { return nil }
            return Matter(
                kind: .damaged,
                text: "\(spec.name) is damaged: run \(run.id) found "
                    + (run.failures.first { $0.kind == .damaged }?.description ?? "it so"),
                since: run.started, next: "holdfast show \(run.id) -p \(profile.name)")
        }
    }

    private func vanished() throws(StoreError) -> [Matter] {
        var matters: [Matter] = []
        for spec in profile.repositories {
            guard let pin = try engine.pins.pin(profile: profile.name, repository: spec.pinName) else { continue }
            let gone = try engine.store.vanished(from: RepositoryCatalog.key(spec, pin.identity)).filter {
                $0.snapshot.stamp?.profile == profile.name && $0.snapshot.stamp?.host == profile.host
            }
            guard let first = gone.map(\.noticed).min() else { continue }
            let runs = Set(gone.compactMap { $0.snapshot.stamp?.run })
            matters.append(
                Matter(
                    kind: .vanished, subject: "repository:\(spec.name)",
                    text:
                        "\(Words.count(runs.count, "restore point")) that \(spec.name) had, or parts of them, are gone, "
                        + "and no run of this program removed them: "
                        + runs.map(\.rawValue).sorted(by: >).prefix(3).joined(separator: ", "),
                    since: first, next: "holdfast backup list --from \(spec.name) -p \(profile.name)"))
        }
        return matters
    }

    private func anomalies() throws(StoreError) -> [Matter] {
        try OpenAnomalies(profile.name, engine.store).entries.map { entry in
            Matter(
                kind: .anomaly, subject: entry.source.rawValue,
                text: "\(entry.source) is unlike what was backed up before: "
                    + entry.anomalies.map(\.detail).joined(separator: "; ")
                    + "; nothing older is removed",
                since: entry.since, next: "holdfast show \(entry.run) -p \(profile.name)")
        }
    }

    /// Notes that these are in order.
    /// - Parameter subjects: as ``Matter/subject``; `nil` for all that can be acknowledged.
    /// - Returns: what was acknowledged.
    package func acknowledge(_ subjects: [String]?, by user: String, note: String?) throws -> [Matter] {
        let open = try matters().filter { $0.subject != nil }
        let chosen =
            try subjects.map { names in
                try names.map { name in
                    guard let matter = open.first(where: { $0.subject == name }) else {
                        throw Failure(
                            "there is nothing to acknowledge about \(name)",
                            hint: open.isEmpty
                                ? "nothing is open" : "open: " + open.compactMap(\.subject).joined(separator: ", "),
                            kind: .usage)
                    }
                    return matter
                }
            } ?? open
        for matter in chosen { try settle(matter, by: user, note: note) }
        return chosen
    }

    private func settle(_ matter: Matter, by user: String, note: String?) throws {
        guard let subject = matter.subject else { return }
        let name = RepositoryName(unchecked: String(subject.dropFirst("repository:".count)))
        let repository = profile.repositories.first { matter.kind == .vanished && $0.name == name }
        try engine.store.save(
            Acknowledgement(
                subject: repository.map { Acknowledgement.subject(of: $0.name) }
                    ?? Acknowledgement.subject(of: SourceName(unchecked: subject)),
                from: matter.since, at: engine.clock.now, by: user, note: note),
            of: profile.name)
        guard let repository, let pin = try engine.pins.pin(profile: profile.name, repository: repository.pinName)
        else { return }
        try VanishedPoints.accept(in: repository, pin.identity, engine)
    }
}
