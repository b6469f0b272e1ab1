import BackupEngine
import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Repositories

/// The month that ends now, on a real restic repository: a virtual clock drives a nightly schedule, restic is told the time.
/// Everything that is known of the repository is what restic says of it.
@Suite(.enabled(if: !RealTools.restics.isEmpty)) struct MonthTests {
    private static let days = 31
    private static let policy = RetentionPolicy(daily: 5, weekly: 3)
    /// Nothing can be captured in these nights, counted from the first.
    private static let away = 15...16

    @Test(.timeLimit(.minutes(5))) func `a month of nights leaves what restic itself would keep`() async throws {
        let bench = try TestBench(try #require(RealTools.restics.last), "month")
        let begin = Calendar(identifier: .gregorian).startOfDay(for: Date()).addingTimeInterval(
            -86_400 * Double(MonthTests.days))
        let clock = TestClock(at: begin, movesBySleeping: true)
        let repository = TimedRepository(try bench.repository(), clock)
        let store = MemoryRunStore()
        let schedule = try Schedule("daily 02:00")
        var source = ScriptedSource("state") { context, store throws(SourceError) in
            let night = Int(clock.now.timeIntervalSince(begin) / 86_400)
            guard !MonthTests.away.contains(night) else { throw .unreachable("state", detail: "away", hint: nil) }
            let part = CapturedPart(
                path: PartPath(rawValue: "/state"), content: .stream(ToolCommand("echo", ["night \(night)"])))
            let stored: StoredPart
            do throws(RepositoryError) { stored = try await store(part) } catch { throw .repository(error) }
            return [PartReport(path: part.path, stored: stored, condition: .clean, facts: Facts())]
        }
        source.preview.parts = [PartPath(rawValue: "/state")]
        var profile = Profile(
            name: ProfileName(unchecked: "app"), path: "/etc/app.yaml", digest: "d", host: "vault",
            sources: [source.spec], repositories: [repository.spec], retention: MonthTests.policy,
            settings: ProfileSettings(), ignoredKeys: [], disabled: [])
        profile.schedules.backup = schedule
        let host = FakeHost()
        let made = source
        let engine = Engine(
            profile: profile, sources: [made], primary: repository, store: store, pins: MemoryPins(),
            journal: MemoryJournal(), locks: MemoryLocks(host: host, clock: clock),
            scratch: MemoryScratch(base: bench.scratch.path), host: host, clock: clock, observer: Silence(),
            user: "tester", restorer: { _ in made }, timeZone: .gmt)

        var nights: [Date] = []
        for night in schedule.slots(after: begin, through: begin + 86_400 * Double(MonthTests.days), in: .gmt) {
            clock.jump(to: night)
            let due = try DueReview(engine).backup()
            #expect(due.isDue)
            // What restic lists, not what we remember.
            try store.replaceSnapshots(of: try await identity(repository), with: [])
            var request = BackupRequest()
            request.trigger = "scheduled"
            request.slot = due.slot?.verdict.slot
            let run = await BackupRun(engine, request).run()
            let isAway = MonthTests.away.contains(Int(night.timeIntervalSince(begin) / 86_400))
            #expect(run.outcome == (isAway ? Outcome.failed : Outcome.succeeded), "\(run.failures)")
            if run.outcome == .succeeded { nights.append(night) }
            #expect(try !DueReview(engine).backup().isDue)
        }
        #expect(nights.count == MonthTests.days - MonthTests.away.count)

        let left = try await repository.snapshots().filter { $0.stamp?.content == .part }
        #expect(Set(left.map(\.time)) == kept(nights))
        // And restic would remove nothing of it.
        var asking = ToolCommand(
            bench.restic.path,
            [
                "--repo", bench.folder, "--password-file", bench.scratch["password"], "--no-cache", "forget",
                "--dry-run",
                "--json", "--group-by", "host,paths", "--path", "/state", "--keep-daily", "5", "--keep-weekly", "3",
            ])
        asking.keptOutput = .mebibytes(4)
        let said = try await TestBench.runner.run(asking).output.text
        #expect(said.contains("\"remove\":null") || said.contains("\"remove\":[]"), "\(said.prefix(2000))")
        let outcomes = Dictionary(grouping: try store.runs(RunQuery(limit: 100)).compactMap(\.outcome)) { $0 }
        #expect(outcomes.mapValues(\.count) == [.succeeded: nights.count, .failed: MonthTests.away.count])
    }

    /// The newest of each of the last five days and of the last three ISO weeks that have any.
    private func kept(_ nights: [Date]) -> Set<Date> {
        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = .gmt
        let newestFirst = nights.sorted(by: >)
        var kept = Set(newestFirst.prefix(5))
        var weeks: [Int] = []
        for night in newestFirst {
            let parts = calendar.dateComponents([.yearForWeekOfYear, .weekOfYear], from: night)
            let week = (parts.yearForWeekOfYear ?? 0) * 100 + (parts.weekOfYear ?? 0)
            if weeks.last != week, weeks.count < 3 {
                weeks.append(week)
                kept.insert(night)
            }
        }
        return kept
    }

    private func identity(_ repository: TimedRepository) async throws -> String {
        guard case .present(let identity) = try await repository.inspect(pin: nil) else { return "none" }
        return identity.id
    }
}

private final class Silence: RunObserver {
    func observe(_ event: RunEvent) {}
}

/// A repository that records a clock of the test's own, as `restic backup --time` lets it.
private struct TimedRepository: Repository {
    private let base: ResticRepository
    private let clock: TestClock

    init(_ base: ResticRepository, _ clock: TestClock) {
        self.base = base
        self.clock = clock
    }

    var spec: RepositorySpec { base.spec }
    var location: String { base.location }
    var toolStarts: Int { base.toolStarts }

    func store(
        _ part: CapturedPart, as stamp: SnapshotStamp, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> StoredPart {
        var part = part
        part.capturedAt = clock.now
        var stored = try await base.store(part, as: stamp, progress: progress)
        stored.time = clock.now
        return stored
    }

    func inspect(pin: RepositoryPin?) async throws(RepositoryError) -> RepositoryState {
        try await base.inspect(pin: pin)
    }
    func create() async throws(RepositoryError) -> RepositoryIdentity { try await base.create() }
    func snapshotIDsOnDisk() throws(RepositoryError) -> Set<SnapshotID>? { try base.snapshotIDsOnDisk() }
    func snapshots() async throws(RepositoryError) -> [Snapshot] { try await base.snapshots() }
    func forget(_ ids: [SnapshotID]) async throws(RepositoryError) -> ForgetReport { try await base.forget(ids) }
    func prune(dryRun: Bool) async throws(RepositoryError) -> [String] { try await base.prune(dryRun: dryRun) }
    func verify(
        _ depth: VerifyDepth, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> VerifyReport { try await base.verify(depth, progress: progress) }
    func scrub(
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ScrubReport { try await base.scrub(progress: progress) }
    func reader(for snapshot: SnapshotID) -> any PartReader { base.reader(for: snapshot) }
    func byHand(_ part: ManifestPart) async throws(RepositoryError) -> ManualRestore { try await base.byHand(part) }
    func locks() async throws(RepositoryError) -> [RepositoryLock] { try await base.locks() }
    func clearDeadLocks() async throws(RepositoryError) -> [RepositoryLock] { try await base.clearDeadLocks() }
    func removeLocks(_ ids: [String]) async throws(RepositoryError) { try await base.removeLocks(ids) }
    func toolVersion() async throws(RepositoryError) -> String { try await base.toolVersion() }
}
