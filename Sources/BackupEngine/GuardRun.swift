package import BackupModel
package import Foundation

/// What was asked of a guard.
package struct GuardRequest: Sendable {
    /// How a restore point is taken where none is reused.
    package var backup: BackupRequest
    /// A good restore point that is no older will do; `nil`: a new one is taken.
    package var maximumAge: Duration?
    /// Goes on although something of a source could not be read.
    package var acceptsPartial = false
    /// All of it is to be put back when the command fails, without anybody being asked.
    package var demandsRollback = false

    package init(_ backup: BackupRequest) { self.backup = backup }
}

/// The way back that there is before the command begins.
package struct GuardedPoint: Sendable {
    package var run: RunID
    /// When the oldest part of it was captured.
    package var time: Date
    package var isReused: Bool
    /// The sources that are guarded; `nil` for all.
    package var only: [SourceName]?
    package var parts: [ManifestPart]
    /// What is to be known before relying on it.
    package var doubts: [String]
    /// Parts that cannot be put back where they live, each with the reason.
    package var leftOut: [String] = []

    package var sources: [SourceName] { Set(parts.map(\.source)).sorted() }
    package var bytes: ByteCount { parts.reduce(.zero) { $0 + $1.bytes } }
}

/// How the command ended.
package struct CommandEnd: Sendable, Equatable {
    package var exitCode: Int32
    /// What ended it, where a signal did.
    package var signal: Int32?
    /// Somebody told us to end meanwhile, as a machine does that goes down.
    package var wasAskedToEnd: Bool

    package init(exitCode: Int32, signal: Int32? = nil, wasAskedToEnd: Bool = false) {
        self.exitCode = exitCode
        self.signal = signal
        self.wasAskedToEnd = wasAskedToEnd
    }
}

/// What became of the way back.
package enum Rollback: Sendable {
    /// The command ended well.
    case notNeeded
    /// It failed, and nobody wanted, or nothing could be asked.
    case offered
    case done(RunRecord)
    /// It was begun, or was to be, and did not come to a good end.
    case failed(Failure, RunRecord?)
}

/// Makes sure of a restore point before something risky is done, and of the way back after it. The command itself is the
/// caller's: nothing is locked while it runs.
package struct GuardRun: Sendable {
    let engine: Engine
    let request: GuardRequest
    /// Told of every backup that was taken.
    private let took: @Sendable (RunRecord) async -> Void
    private let say: @Sendable (String) -> Void

    package init(
        _ engine: Engine, _ request: GuardRequest, took: @escaping @Sendable (RunRecord) async -> Void = { _ in },
        say: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.engine = engine
        self.request = request
        self.took = took
        self.say = say
    }

    /// A restore point, reused or new.
    /// - Throws: ``Failure`` when there is none to rely on: the command must not run.
    package func secure() async throws -> GuardedPoint {
        var point = try await taken()
        for part in point.parts {
            do {
                guard case .nowhere(let reason) = try await engine.restorer(part).livePlace(of: part) else { continue }
                point.leftOut.append("\(part.title): \(reason)")
            } catch { point.leftOut.append("\(part.title): \(error.description)") }
        }
        if request.demandsRollback, let first = point.leftOut.first {
            throw Failure(
                "the command was not run: a rollback would leave out "
                    + (point.leftOut.count > 1 ? "\(point.leftOut.count) parts, as " : "") + first,
                hint: "guard what can be put back with --only, or leave out --rollback and see to it yourself",
                kind: .usage)
        }
        return point
    }

    private func taken() async throws -> GuardedPoint {
        _ = try engine.sources(named: request.backup.sources)
        if let age = request.maximumAge, let point = await reusable(age) { return point }
        let record = await BackupRun(engine, request.backup).run()
        await took(record)
        if let refusal = refusal(of: record) { throw refusal }
        return GuardedPoint(
            run: record.id, time: record.parts.map(\.capturedAt).min() ?? record.started, isReused: false,
            only: request.backup.sources, parts: record.parts, doubts: doubts(record))
    }

    /// The way back after the command.
    /// - Parameters:
    ///   - wanted: asked only when it failed.
    ///   - rollback: restores the point in place.
    package func settle(
        _ point: GuardedPoint, after end: CommandEnd, wanted: () async -> Bool,
        rollback: (RunID, [SourceName]?) async throws -> RunRecord
    ) async -> Rollback {
        guard end.exitCode != 0 else { return .notNeeded }
        guard await wanted() else { return .offered }
        do {
            // What is in the point besides was not guarded.
            let record = try await rollback(point.run, point.only ?? point.sources)
            guard record.outcome == .succeeded else {
                let cause =
                    record.failures.first ?? Failure("the restore was \(record.outcome?.rawValue ?? "cut short")")
                return .failed(cause, record)
            }
            return .done(record)
        } catch {
            return .failed(RunRecorder.failure(of: error), nil)
        }
    }

    // MARK: - Taking one

    private func refusal(of record: RunRecord) -> Failure? {
        let cause = record.failures.first
        func refuse(_ what: String, _ hint: String?) -> Failure {
            Failure(
                "the command was not run: \(what)" + (cause.map { ": \($0.description)" } ?? ""), hint: hint,
                kind: cause?.kind ?? .failed)
        }
        switch record.outcome {
        case .succeeded, .degraded: return nil
        case .partial:
            guard !request.acceptsPartial else { return nil }
            let count = record.parts.map(\.unreadableCount).reduce(0, +)
            return refuse(
                "\(Words.count(count, "item")) of its restore point could not be read",
                "see `holdfast show \(record.id)`; make them readable, or list them under `unreadable: {tolerate: …}`, or "
                    + "give --accept-partial")
        case .skipped:
            return refuse(
                "no restore point was taken", "give the other run time with --lock-wait 10m, or try again later")
        case .interrupted: return refuse("its backup was interrupted", nil)
        case .failed, nil:
            guard !record.isGoodBackup else {
                return refuse(
                    "its backup failed",
                    "restore point \(record.id) itself is whole: see to the failure, then give --max-age 1h to use it")
            }
            return refuse("its backup failed", cause?.hint ?? "`holdfast show \(record.id)` says more")
        }
    }

    private func doubts(_ record: RunRecord) -> [String] {
        var doubts: [String] = []
        if record.outcome == .degraded { doubts.append("a follower could not be fed; the local restore point is good") }
        for part in record.parts where !part.condition.isGood {
            doubts.append("\(part.title) is \(part.condition.rawValue): \(part.unreadableCount) could not be read")
        }
        return doubts
    }

    // MARK: - Reusing one

    private func reusable(_ age: Duration) async -> GuardedPoint? {
        let list: PointList.Contents
        do {
            list = try await PointList(engine).load(loadingManifests: true)
        } catch {
            say("a new restore point is taken: \(RunRecorder.failure(of: error).description)")
            return nil
        }
        var why: String?
        for point in list.points {
            let parts = wanted(point)
            let (oldest, newest) = (parts.map(\.part.capturedAt).min(), parts.map(\.part.capturedAt).max())
            // From the newest point on they only get older.
            guard let newest, engine.clock.now.timeIntervalSince(newest) <= age.inSeconds else { break }
            if let obstacle = obstacle(to: point, parts, age) {
                why = why ?? "\(point.run) will not do: \(obstacle)"
                continue
            }
            return GuardedPoint(
                run: point.run, time: oldest ?? point.time, isReused: true, only: request.backup.sources,
                parts: parts.map(\.part), doubts: parts.compactMap(\.notice))
        }
        say("a new restore point is taken: " + (why ?? "none is younger than \(Age.words(age))"))
        return nil
    }

    private func wanted(_ point: RestorePoint) -> [RestorePoint.Entry] {
        let names = request.backup.sources ?? engine.sources.map(\.spec.name)
        return point.entries.filter { names.contains($0.part.source) }
    }

    /// Why a restore point is none to rely on.
    private func obstacle(to point: RestorePoint, _ entries: [RestorePoint.Entry], _ age: Duration) -> String? {
        let names = Set(request.backup.sources ?? engine.sources.map(\.spec.name))
        if let missing = names.subtracting(entries.map(\.part.source)).min() { return "it has nothing of \(missing)" }
        if let gap = point.gaps.first(where: { names.contains($0.source) }) {
            return "its run did not get \(gap.source)"
        }
        if let gone = point.removed.first(where: { names.contains($0.source) }) { return "\(gone.title) of it is gone" }
        for entry in entries {
            let part = entry.part
            let old = engine.clock.now.timeIntervalSince(part.capturedAt)
            if old > age.inSeconds { return "\(part.title) of it is \(Age.words(.seconds(old))) old" }
            if old < -60 { return "\(part.title) of it lies in the future" }
            if !part.condition.isGood, !(request.acceptsPartial && part.condition == .partial) {
                return "\(part.title) of it is \(part.condition.rawValue)"
            }
        }
        for run in Set(entries.map(\.run)) {
            guard let record = try? engine.store.run(run) else {  // unread is unknown: a new point is taken
                return "nothing is known of run \(run)"
            }
            // What another version of the profile captured may not be all that is to be guarded now.
            if record.isRebuilt || record.profileDigest != engine.profile.digest {
                return "the profile has changed since run \(run)"
            }
        }
        return nil
    }
}
