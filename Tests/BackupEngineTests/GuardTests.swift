import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Guard")
struct GuardTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private func secure(
        _ sources: [ScriptedSource] = [ScriptedSource("db"), ScriptedSource("files")], younger age: Duration? = nil,
        retention: RetentionPolicy = RetentionPolicy(), _ change: (inout GuardRequest) -> Void = { _ in }
    ) async throws -> GuardedPoint {
        var backup = BackupRequest()
        backup.reason = RetentionClass.preDeploy
        var request = GuardRequest(backup)
        request.maximumAge = age
        change(&request)
        return try await GuardRun(bench.engine(sources, retention: retention), request).secure()
    }

    private func refusal(
        _ sources: [ScriptedSource], younger age: Duration? = nil, _ change: (inout GuardRequest) -> Void = { _ in }
    ) async -> Failure? {
        do {
            _ = try await secure(sources, younger: age, change)
            return nil
        } catch {
            return error as? Failure
        }
    }

    private func partial(_ name: String) -> ScriptedSource {
        ScriptedSource(name) { _, store throws(SourceError) in
            [try await ScriptedSource.part("/data", store, condition: .partial)]
        }
    }

    private func failing(_ name: String) -> ScriptedSource {
        ScriptedSource(name) { _, _ throws(SourceError) in throw .unreadable("/srv", reason: "gone") }
    }

    @Test func `a new restore point is taken, of a class of its own, and nothing is locked afterwards`() async throws {
        let point = try await secure()
        #expect(!point.isReused && point.sources.map(\.rawValue) == ["db", "files"] && point.doubts.isEmpty)
        #expect(bench.parts.allSatisfy { $0.stamp?.retentionClass == "pre-deploy" })
        #expect(try bench.isClean)
    }

    @Test func `without a whole restore point the command must not run`() async throws {
        let failed = await refusal([ScriptedSource("db"), failing("files")])
        #expect(failed?.description.contains("the command was not run: its backup failed") == true, "\(failed)")
        let poor = await refusal([partial("db")])
        #expect(
            poor?.description.contains("could not be read") == true && poor?.hint?.contains("--accept-partial") == true)
        #expect(await refusal([partial("db")]) { $0.acceptsPartial = true } == nil)
        let lock = try await bench.locks.acquire(
            .profile(Bench.profile), mode: .exclusive, purpose: "another run", wait: .zero)
        let skipped = await refusal([ScriptedSource("db")])
        lock.release()
        #expect(skipped?.kind == .tryLater && skipped?.hint?.contains("--lock-wait") == true, "\(skipped)")
        let unknown = await refusal([ScriptedSource("db")]) { $0.backup.sources = [SourceName(unchecked: "nope")] }
        #expect(unknown?.kind == .usage)
    }

    @Test func `what could not be put back is named before the command runs, which a demanded rollback forbids`()
        async throws
    {
        var files = ScriptedSource("files")
        files.placing = { _ throws(SourceError) in .whole([LivePlace.Path(restored: "/tree", live: "/srv/files")]) }
        let sources = [ScriptedSource("db"), files]
        let point = try await secure(sources)
        #expect(point.leftOut.count == 1 && point.leftOut[0].hasPrefix("db /data: "), "\(point.leftOut)")
        let refused = await refusal(sources) { $0.demandsRollback = true }
        #expect(refused?.description.contains("a rollback would leave out db /data") == true, "\(refused)")
        #expect(
            await refusal(sources) {
                $0.demandsRollback = true
                $0.backup.sources = [SourceName(unchecked: "files")]
            } == nil)
    }

    @Test func `a good point that is young enough is used again, and an older one is not`() async throws {
        let first = await bench.backup([ScriptedSource("db"), ScriptedSource("files")])
        let again = try await secure(younger: .seconds(2 * 3600))
        #expect(again.isReused && again.run == first.id)
        let new = try await secure(younger: .seconds(600))
        #expect(!new.isReused && new.run != first.id)
    }

    @Test func `a point is not used again that lacks anything of what is guarded`() async throws {
        await bench.backup([ScriptedSource("db"), failing("files")])
        #expect(try await !secure(younger: .seconds(7200)).isReused)
        bench.clock.advance(by: .seconds(7200))
        await bench.backup([ScriptedSource("db")]) { $0.sources = [SourceName(unchecked: "db")] }
        let only = SourceName(unchecked: "db")
        let narrow = try await secure(younger: .seconds(7200)) { $0.backup.sources = [only] }
        #expect(narrow.isReused && narrow.only == [only])
        // The other source's newest part is as old as the first run.
        #expect(try await !secure(younger: .seconds(7200)).isReused)
    }

    @Test func `a partial point is used again only where partial ones will do`() async throws {
        await bench.backup([partial("db")])
        #expect(await refusal([partial("db")], younger: .seconds(7200)) != nil)
        let point = try await secure([partial("db")], younger: .seconds(86_400)) { $0.acceptsPartial = true }
        #expect(point.isReused && point.doubts.count == 1, "\(point)")
    }

    @Test func `a point of another version of the profile is not used again`() async throws {
        let run = await bench.backup([ScriptedSource("db")])
        var changed = run
        changed.profileDigest = "an older one"
        try bench.store.update(changed)
        #expect(try await !secure([ScriptedSource("db")], younger: .seconds(7200)).isReused)
    }

    private func settle(
        _ end: CommandEnd, wanted: Bool, restore: @escaping @Sendable (RunID, [SourceName]?) throws -> Outcome
    ) async throws -> (Rollback, [String]) {
        let calls = Mutex<[String]>([])
        let point = try await secure { $0.backup.sources = [SourceName(unchecked: "db")] }
        let engine = bench.engine()
        let result = await GuardRun(engine, GuardRequest(BackupRequest())).settle(point, after: end) {
            calls.withLock { $0.append("asked") }
            return wanted
        } rollback: { run, only in
            calls.withLock { $0.append("restore \(run == point.run) \(only ?? [])") }
            var record = engine.newRecord(.restore)
            record.outcome = try restore(run, only)
            return record
        }
        return (result, calls.withLock { $0 })
    }

    @Test func `the way back is taken after a failure alone, and only when it is wanted`() async throws {
        let (fine, none) = try await settle(CommandEnd(exitCode: 0), wanted: true) { _, _ in .succeeded }
        guard case .notNeeded = fine else { throw Failure("\(fine)") }
        #expect(none.isEmpty)
        let (offered, asked) = try await settle(CommandEnd(exitCode: 3), wanted: false) { _, _ in .succeeded }
        guard case .offered = offered else { throw Failure("\(offered)") }
        #expect(asked == ["asked"])
        let (done, restored) = try await settle(CommandEnd(exitCode: 130, signal: 2), wanted: true) { _, _ in .succeeded
        }
        guard case .done = done else { throw Failure("\(done)") }
        #expect(restored == ["asked", "restore true [db]"])
    }

    @Test(arguments: [Outcome.failed, .partial, .interrupted, .skipped, nil])
    func `a restore that did not go through is a failed one, whatever kept it`(_ outcome: Outcome?) async throws {
        let (result, _) = try await settle(CommandEnd(exitCode: 1), wanted: true) { _, _ in
            guard let outcome else { throw Failure("the disk is gone") }
            return outcome
        }
        guard case .failed(let failure, let record) = result else { throw Failure("\(result)") }
        #expect(outcome == nil ? failure.description == "the disk is gone" : record?.outcome == outcome)
    }
}
