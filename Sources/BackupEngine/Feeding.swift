package import BackupModel
import Foundation

/// Brings followers what they lack, several side by side. One that fails harms neither the others nor the backup.
struct Feeding: Sendable {
    private let engine: Engine
    private let catalog: RepositoryCatalog
    private let recorder: RunRecorder
    private let holdings: Holdings
    private let hooks: HookWork
    private let purpose: String
    private let wait: Duration
    private let ready: [Preflight.Ready]

    /// - Parameter ready: what was backed up: followers may have to lie on another disk, or read it once more.
    init(
        _ engine: Engine, _ catalog: RepositoryCatalog, _ recorder: RunRecorder, _ holdings: Holdings,
        _ hooks: HookWork, purpose: String, wait: Duration, ready: [Preflight.Ready]
    ) {
        self.engine = engine
        self.catalog = catalog
        self.recorder = recorder
        self.holdings = holdings
        self.hooks = hooks
        self.purpose = purpose
        self.wait = wait
        self.ready = ready
    }

    /// - Throws: ``RunStop/cancelled`` only; what became of each follower is in the run's record.
    /// - Parameter idle: followers that this run does not feed, which may expire meanwhile.
    func feed(_ followers: [any Follower], idle: [any Follower] = []) async throws {
        let expiring = idle.compactMap { follower in
            noteExpiry(of: follower).map {
                FeedRecord(follower: follower.spec.name, outcome: .degraded, failure: $0)
            }
        }
        if !expiring.isEmpty { await recorder.change { $0.feeds = expiring } }
        guard !followers.isEmpty else { return }
        let points = RestorePoints(try await catalog.contents(loadingManifests: true), engine: engine)
        let wanted = Wanted(
            points: points, snapshots: Followed.wanted(points),
            again: await SecondCapture(engine, recorder, holdings, ready, points))
        await hooks.expect(followers.map(\.spec))
        let records = await withTaskGroup(of: FeedRecord.self) { group in
            for follower in followers { group.addTask { await feed(follower, wanted) } }
            var records: [FeedRecord] = []
            for await record in group { records.append(record) }
            return records
        }
        let order = followers.map(\.spec.name)
        let sorted = records.sorted {
            (order.firstIndex(of: $0.follower) ?? 0) < (order.firstIndex(of: $1.follower) ?? 0)
        }
        await recorder.change { $0.feeds = sorted + expiring }
        if Task.isCancelled { throw RunStop.cancelled }
    }

    private struct Wanted: Sendable {
        var points: RestorePoints
        var snapshots: [Snapshot]
        var again: SecondCapture

        /// How many of them a follower lacks and may still get.
        func lacking(_ present: Set<SnapshotID>, _ follower: any Follower) -> Int {
            let missed = Followed.missed(points.runs, follower.follow, present)
            return snapshots.count { snapshot in
                !present.contains(snapshot.id) && snapshot.stamp.map { missed.contains($0.run) } != true
            }
        }
    }

    private func feed(_ follower: any Follower, _ wanted: Wanted) async -> FeedRecord {
        let name = follower.spec.name
        do {
            return try await hooks.around(follower.spec) {
                try await recorder.step(.feed, subject: name.rawValue) {
                    try await limited(follower) { try await deliver(wanted, to: follower) }
                }
            }
        } catch RunStop.skipped(let cause as HookSkip) {
            recorder.notice("\(name) was not fed: \(cause.description)")
            return FeedRecord(
                follower: name, outcome: .skipped, failure: Failure(cause), behind: behind(wanted, follower))
        } catch {
            let failure = RunRecorder.failure(of: error)
            let behind = behind(wanted, follower)
            recorder.notice(
                "\(name) was not fed and is \(Words.count(behind, "snapshot")) behind: \(failure.description)"
                    + (failure.hint.map { " (\($0))" } ?? ""))
            noteExpiry(of: follower)
            return FeedRecord(follower: name, outcome: .degraded, failure: failure, behind: behind)
        }
    }

    /// How many snapshots a follower that was not fed lacks.
    private func behind(_ wanted: Wanted, _ follower: any Follower) -> Int {
        let known = (try? engine.store.deliveries(from: catalog.key)[follower.spec.name]) ?? []  // unread: lacks everything
        return wanted.lacking(known, follower)
    }

    /// Says so when what a follower has begins to expire and nothing newer takes its place.
    @discardableResult
    private func noteExpiry(of follower: any Follower) -> Failure? {
        let text: String
        do {
            guard let alarm = try follower.expiryAlarm(at: engine.clock.now) else { return nil }
            text = alarm
        } catch {
            text = "whether it expires cannot be told: \(error.description)"
        }
        let failure = Failure(text, hint: "feed it: `holdfast backup --offsite`")
        recorder.notice("\(follower.spec.name): \(failure.description) (\(failure.hint ?? ""))")
        return failure
    }

    private func deliver(_ wanted: Wanted, to follower: any Follower) async throws -> FeedRecord {
        let name = follower.spec.name
        let paths = ready.flatMap(\.preview.paths)
        if let failure = engine.sharedDisk(follower.spec, at: follower.location, with: paths) { throw failure }
        let key = LockKey.repository(location: follower.location)
        try await holdings.lock(key, .shared, purpose: purpose, wait: wait)
        if let repository = follower.repository, !follower.isMadeByFeeding {
            let hasBeenFed = try engine.store.deliveries(from: catalog.key)[name] != nil
            let opened = try await OpenRepository(engine, repository: repository).open(
                .onFirstFeed(hasBeenFed: hasBeenFed)
            ) {
                try await holdings.exchange(key, for: .exclusive, purpose: "creating for \(purpose)", wait: wait)
            }
            if await holdings.isAlone(with: key) {
                try await holdings.exchange(key, for: .shared, purpose: purpose, wait: wait)
            }
            for notice in opened.notices { recorder.notice("\(name): \(notice)") }
            for lock in try await repository.clearDeadLocks() {
                recorder.notice("\(name): removed the lock of process \(lock.pid) on \(lock.host), which is dead")
            }
        }
        let observer = engine.observer
        let delivered = try engine.store.deliveries(from: catalog.key)[name] ?? []
        let report = try await follower.feed(wanted.snapshots, reading: wanted.again) {
            observer.observe(.progress(subject: name.rawValue, $0))
        }
        try engine.store.setDeliveries(report.present, from: catalog.key, to: name)
        if let repository = follower.repository, follower.isMadeByFeeding, follower.follow.method != .mirror {
            // From now on it is known by its id and its keys.
            _ = try await OpenRepository(engine, repository: repository).open(.never)
        }
        await recorder.annotate(.feed, subject: name.rawValue) { step in
            step.bytes = report.bytes
            step.usage = report.usage
        }
        if let tool = report.tool { await recorder.note(tool: tool) }
        for notice in report.notices { recorder.notice("\(name): \(notice)") }
        let vanished = Followed.vanished(delivered, wanted.snapshots, report, name: name)
        for failure in [vanished, report.failure].compactMap(\.self) {
            recorder.notice("\(failure.description)" + (failure.hint.map { " (\($0))" } ?? ""))
        }
        let expiring = noteExpiry(of: follower)
        let failure = vanished ?? report.failure ?? expiring
        let record = FeedRecord(
            follower: name, outcome: failure == nil ? .succeeded : .degraded, failure: failure,
            delivered: report.delivered,
            behind: wanted.lacking(report.present, follower), bytes: report.bytes)
        engine.observer.observe(.fed(record))
        return record
    }

    /// Stops a feed that takes longer than its follower may.
    private func limited(
        _ follower: any Follower, _ body: @escaping @Sendable () async throws -> FeedRecord
    ) async throws -> FeedRecord {
        guard let limit = follower.follow.timeLimit else { return try await body() }
        // What a tool says when it is stopped by the same limit tells more.
        let patience = limit + .seconds(5)
        let clock = engine.clock
        return try await withThrowingTaskGroup(of: FeedRecord?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await clock.sleep(for: patience)
                return nil
            }
            defer { group.cancelAll() }
            if let record = try await group.next() ?? nil { return record }
            throw Failure(
                "\(follower.location) did not take everything within \(Age.words(limit)) (`time-limit`)",
                hint: "the next run goes on from there; see whether the server answers", kind: .serverUnreachable)
        }
    }
}

/// What followers should have and what they have.
package enum Followed {
    /// Runs that a follower which reads files once more (`by: backup`) lacks and cannot get any more: it has a newer one.
    /// - Parameter runs: newest first.
    static func missed(_ runs: [CommittedRun], _ follow: FollowSpec, _ present: Set<SnapshotID>) -> Set<RunID> {
        func has(_ run: CommittedRun) -> Bool { run.parts.allSatisfy { present.contains($0.snapshot) } }
        guard follow.method == .backup, let newest = runs.firstIndex(where: has) else { return [] }
        return Set(runs[newest...].filter { !$0.partsReadFromTrees.isEmpty && !has($0) }.map(\.id))
    }

    /// How many restore points a follower lacks and may still get.
    /// - Parameter points: newest first.
    package static func behind(
        _ points: [RestorePoint], _ follow: FollowSpec, _ present: Set<SnapshotID>
    ) -> Int {
        func has(_ point: RestorePoint) -> Bool { point.entries.allSatisfy { present.contains($0.part.snapshot) } }
        guard follow.method == .backup, let newest = points.firstIndex(where: has) else {
            return points.count { !has($0) }
        }
        return newest
            + points[newest...].count { point in !has(point) && !point.entries.contains(where: \.part.isTree) }
    }

    /// Every part that counts, and the manifests that name them: oldest run first, each manifest after its parts.
    static func wanted(_ points: RestorePoints) -> [Snapshot] {
        points.runs.reversed().flatMap { run in
            (run.parts.map(\.snapshot) + [run.manifestSnapshot]).compactMap(points.snapshot)
        }
    }

    /// What a follower had, by our own records, and has no more although nobody of us removed it.
    static func vanished(
        _ delivered: Set<SnapshotID>, _ wanted: [Snapshot], _ report: FeedReport, name: RepositoryName
    ) -> Failure? {
        guard let before = report.foundBefore else { return nil }
        let lost = wanted.filter { delivered.contains($0.id) && !before.contains($0.id) }
        guard let first = lost.first else { return nil }
        return Failure(
            "\(Words.count(lost.count, "snapshot")) that \(name) had, \(first.id) among them, had vanished from it and "
                + (lost.allSatisfy { report.present.contains($0.id) }
                    ? "went there again" : "could not all be sent again"),
            hint: "unless somebody removed them on purpose, treat it as tampering and see who may delete there",
            kind: .damaged)
    }

    /// What retention leaves alone because a follower lacks it, with who; and those that have lacked something for longer
    /// than is waited for, in words.
    static func holds(
        _ points: RestorePoints, followers: [RepositorySpec], deliveries: [RepositoryName: Set<SnapshotID>], now: Date
    ) -> (held: [SnapshotID: String], overdue: [String]) {
        var held: [SnapshotID: String] = [:]
        var overdue: [String] = []
        for spec in followers {
            guard let follow = spec.follow else { continue }
            // Nobody waits for one that is fed on request and has never been asked for.
            if follow.feed == .onRequest, deliveries[spec.name] == nil { continue }
            let present = deliveries[spec.name] ?? []
            let missed = missed(points.runs, follow, present)
            let lacking = points.runs.filter { !missed.contains($0.id) }.flatMap(\.parts)
                .filter { !present.contains($0.snapshot) }
            let late = lacking.count { now.timeIntervalSince($0.capturedAt) > follow.hold.inSeconds }
            if late > 0 {
                overdue.append(
                    "\(spec.name) has lacked \(Words.count(late, "part")) for longer than \(Age.words(follow.hold)); "
                        + "retention does not wait for it any more")
            }
            for part in lacking where now.timeIntervalSince(part.capturedAt) <= follow.hold.inSeconds {
                held[part.snapshot] = "\(spec.name) lacks it"
            }
        }
        return (held, overdue)
    }
}

extension RestorePoints {
    init(_ contents: CatalogContents, engine: Engine) {
        self.init(
            snapshots: contents.snapshots, manifests: contents.manifests, profile: engine.profile.name,
            host: engine.profile.host)
    }
}
