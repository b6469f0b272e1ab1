package import BackupModel
package import Foundation

/// Whom sources and the repository are encrypted for, what is pinned, and what restore points other keys still open. Nothing
/// that is stored is ever encrypted anew: a repository is only added to.
package struct KeyReview: Sendable {
    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    package struct Subject: Sendable {
        package var subject: RecipientSubject
        package var pin: RecipientPin?
        /// As the profile has them now; `nil` where it does not encrypt.
        package var current: Result<Recipients?, Failure>
        /// By recipients, those of the newest restore point first.
        package var holdings: [Holding]

        package var isAsPinned: Bool {
            switch current {
            case .success(let current): pin.map { $0.recipients == current } ?? true
            case .failure: false
            }
        }

        /// Those that backups to come would be for; while nobody knows them, those that are pinned.
        var valid: Recipients? {
            switch current {
            case .success(let current): current
            case .failure: pin?.recipients
            }
        }

        /// Whether there is anything to tell.
        fileprivate var isOfInterest: Bool {
            if pin != nil { return true }
            switch current {
            case .success(let current): return current != nil || holdings.contains { $0.recipients != nil }
            case .failure: return true
            }
        }
    }

    /// Restore points that are encrypted alike.
    package struct Holding: Sendable {
        /// `nil`: in the clear, but for the repository's own encryption.
        package var recipients: Recipients?
        /// No key opens them but those that are current.
        package var isCurrent: Bool
        /// Newest first.
        package var runs: [RunID]
        package var snapshots: [SnapshotID]
        package var oldest: Date
        package var newest: Date
        package var lifetime: RetentionForecast.Lifetime
        /// How many of the snapshots followers were given.
        package var copies: [(follower: RepositoryName, method: FollowSpec.Method, snapshots: Int)]
    }

    package struct Contents: Sendable {
        package var repository: RepositoryName
        /// What is there goes only when somebody prunes it.
        package var isFollower: Bool
        package var subjects: [Subject]
        package var notices: [String]
    }

    /// - Parameter names: of sources and repositories; `nil` for all.
    /// - Throws: ``Failure`` for a name that nothing encrypted has.
    package func load(_ names: [String]?) async throws -> Contents {
        let (points, deliveries, notices) = try await stored()
        var subjects: [Subject] = []
        for source in engine.sources {
            let subject = RecipientSubject.source(source.spec.name)
            var found = Subject(
                subject: subject, pin: try pin(subject), current: await result { try await source.recipients() },
                holdings: [])
            found.holdings = holdings(points, deliveries, found.valid) { run in
                run.parts.filter { $0.source == source.spec.name }.map { ($0, $0.encryption?.recipients) }
            }
            if found.isOfInterest { subjects.append(found) }
        }
        let own = RecipientSubject.repository(engine.primary.spec.pinName)
        var found = Subject(
            subject: own, pin: try pin(own), current: await result { try await engine.primary.recipients() },
            holdings: [])
        found.holdings = holdings(points, deliveries, found.valid) { run in
            run.manifest?.repositoryRecipients.map { known in run.parts.map { ($0, known) } } ?? []
        }
        if found.isOfInterest { subjects.append(found) }
        if let names {
            for name in names where !subjects.contains(where: { $0.subject.name == name }) {
                throw Failure(
                    "\(name) is no source or repository with recipients",
                    hint: subjects.isEmpty
                        ? "nothing in profile \(engine.profile.name) has any: `encrypt:` in a source names them"
                        : "there are: \(subjects.map(\.subject.name).joined(separator: ", "))", kind: .usage)
            }
            subjects = subjects.filter { names.contains($0.subject.name) }
        }
        return Contents(
            repository: engine.primary.spec.name, isFollower: engine.primary.spec.follow != nil, subjects: subjects,
            notices: notices)
    }

    /// Pins what is current.
    /// - Returns: whether anything was different.
    /// - Throws: what stands in the way of knowing it: nothing is pinned then.
    package func accept(_ subject: Subject) async throws -> Bool {
        let current = try subject.current.get()
        guard subject.pin?.recipients != current else { return false }
        if case .repository = subject.subject {
            _ = try await OpenRepository(engine, repository: engine.primary).accept()
        } else {
            try RecipientPinning(engine).pin(current, for: subject.subject)
        }
        return true
    }

    // MARK: - What is there

    private typealias Deliveries = [RepositoryName: Set<SnapshotID>]

    /// - Returns: no points where there is no repository yet, or where it is not the one that is pinned: then its keys are
    ///   what has changed.
    private func stored() async throws -> (RestorePoints?, Deliveries, [String]) {
        let pin = try engine.pins.pin(profile: engine.profile.name, repository: engine.primary.spec.pinName)
        let inspected: RepositoryState
        do throws(RepositoryError) {
            inspected = try await engine.primary.inspect(pin: pin)
        } catch {
            guard case .unsupported(let why) = error else { throw error }
            return (nil, [:], ["what is stored was not looked at: \(why)"])
        }
        guard case .present(let identity) = inspected else { return (nil, [:], []) }
        let catalog = RepositoryCatalog(engine, repository: engine.primary, identity: identity)
        let contents = try await catalog.contents(loadingManifests: true)
        let points = RestorePoints(
            snapshots: contents.snapshots, manifests: contents.manifests, profile: engine.profile.name,
            host: engine.profile.host)
        return (points, try engine.store.deliveries(from: identity.id), contents.notices)
    }

    private func pin(_ subject: RecipientSubject) throws(StoreError) -> RecipientPin? {
        try engine.pins.recipients(profile: engine.profile.name, of: subject)
    }

    private func result(
        _ find: () async throws -> Recipients?
    ) async -> Result<Recipients?, Failure> {
        do { return .success(try await find()) } catch { return .failure(RunRecorder.failure(of: error)) }
    }

    private func holdings(
        _ points: RestorePoints?, _ deliveries: Deliveries, _ valid: Recipients?,
        parts: (CommittedRun) -> [(ManifestPart, Recipients?)]
    ) -> [Holding] {
        guard let points else { return [] }
        let candidates = points.retentionCandidates
        var found: [(recipients: Recipients?, runs: [CommittedRun], parts: [ManifestPart])] = []
        for run in points.runs where !run.isFromTags {
            for (part, recipients) in parts(run) {
                if let index = found.firstIndex(where: { $0.recipients == recipients }) {
                    if found[index].runs.last?.id != run.id { found[index].runs.append(run) }
                    found[index].parts.append(part)
                } else {
                    found.append((recipients, [run], [part]))
                }
            }
        }
        return found.map { recipients, runs, parts in
            let ids = Set(parts.map(\.snapshot))
            let isCurrent = recipients.flatMap { own in
                valid.map { $0.program == own.program && Set(own.keys).isSubset(of: $0.keys) }
            }
            return Holding(
                recipients: recipients, isCurrent: isCurrent ?? (recipients == nil && valid == nil),
                runs: runs.map(\.id), snapshots: ids.sorted(),
                oldest: parts.map(\.capturedAt).min() ?? .distantPast,
                newest: parts.map(\.capturedAt).max() ?? .distantPast,
                lifetime: lifetime(ids, candidates, program: recipients?.program, now: valid?.program),
                copies: engine.profile.followers.compactMap { follower in
                    let count = (deliveries[follower.name] ?? []).intersection(ids).count
                    return count == 0 ? nil : (follower.name, follower.follow?.method ?? .copy, count)
                })
        }
    }

    private func lifetime(
        _ ids: Set<SnapshotID>, _ candidates: [RetentionCandidate], program: Recipients.Program?,
        now: Recipients.Program?
    ) -> RetentionForecast.Lifetime {
        if engine.primary.spec.follow?.method == .mirror {
            return .unlimited("nobody removes anything from a mirror but its bucket's own expiry")
        }
        guard engine.primary.spec.access.mayRemove else {
            return .unlimited("our credential removes nothing from \(engine.primary.spec.name)")
        }
        let sources = Set(engine.sources.map(\.spec.name))
        return RetentionForecast.lifetime(
            of: ids, among: candidates, policy: engine.profile.retention, now: engine.clock.now
        ) { group in
            // What is encrypted with another program, or not at all, is stored under another name.
            sources.contains(group.source) && group.retentionClass == SnapshotStamp.regularClass && program == now
        }
    }
}
