import BackupModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Mounting what has to be unpacked")
struct MountRunTests {
    private let bench: Bench
    private static let two = [ScriptedSource("db"), ScriptedSource("web")]

    init() async throws {
        bench = try Bench()
        await bench.backup(Self.two)
    }

    private func mount(
        _ sources: [ScriptedSource] = MountRunTests.two, show: @escaping MountRun.Show,
        failpoint: @escaping @Sendable (RunStep) async -> Void = { _ in }
    ) async throws -> RunRecord {
        let engine = bench.engine(sources, failpoint: failpoint)
        let list = try await PointList(engine).load(loadingManifests: true)
        let point = try list.restorePoints.resolve("latest", now: bench.clock.now, timeZone: .gmt)
        return await MountRun(engine, try RestorePlan(point, RestoreOptions(directory: "/mnt"))) { folder, parts in
            try await show(folder, parts)
        }.run()
    }

    @Test func `all of it is there while it is looked at, the repository is free, and nothing stays`() async throws {
        let seen = Mutex<[String]>([])
        let run = try await mount(show: { folder, parts in
            #expect(bench.locks.isEmpty)
            seen.withLock { $0 = parts.map { "\($0.part.source): \($0.path), \($0.isClosed)" } }
            #expect(FileManager.default.fileExists(atPath: folder + "/db"))
            // Another run's sweeping spares it.
            let record = try #require(bench.store.unfinished(profile: Bench.profile).first)
            #expect(record.operation == .mount && record.reason?.hasSuffix("at /mnt") == true)
        })
        #expect(run.outcome == .succeeded, "\(run.failures)")
        #expect(seen.withLock { $0 }.allSatisfy { $0.hasSuffix(", false") && !$0.contains("holdfast-") })
        #expect(seen.withLock { $0.count } == 2)
        #expect(try bench.isClean)
    }

    @Test func `a part that is not what was captured keeps all of it from being shown`() async throws {
        var db = ScriptedSource("db")
        db.restoring = { _, _ throws(SourceError) in
            throw .mismatch(what: "table account", expected: "1001 rows", found: "1000 rows")
        }
        let run = try await mount([db, ScriptedSource("web")], show: { _, _ in Issue.record("it was shown") })
        #expect(run.outcome == .failed && run.says("table account"), "\(run.failures)")
        #expect(try bench.isClean)
    }

    @Test func `that it cannot be shown is a failure, and nothing stays`() async throws {
        let run = try await mount(show: { _, _ in throw Failure("there is no FUSE", kind: .toolMissing) })
        #expect(run.outcome == .failed && run.kind == .toolMissing)
        #expect(try bench.isClean)
    }

    @Test func `an end asked for while it is looked at is how it ends`() async throws {
        let run = try await Task { [self] in
            try await mount(show: { _, _ in
                withUnsafeCurrentTask { $0?.cancel() }
            })
        }.value
        #expect(run.outcome == .succeeded, "\(run.failures)")
        #expect(try bench.isClean)
    }

    @Test func `an end asked for before is an interruption`() async throws {
        let run = try await Task { [self] in
            try await mount(show: { _, _ in Issue.record("it was shown") }) { step in
                if step == .restore { withUnsafeCurrentTask { $0?.cancel() } }
            }
        }.value
        #expect(run.outcome == .interrupted, "\(run.failures)")
        #expect(try bench.isClean)
    }
}
