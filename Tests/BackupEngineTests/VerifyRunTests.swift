import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Verify")
struct VerifyRunTests {
    private func verify(_ bench: Bench, _ depth: VerifyRequest.Depth) async -> VerifyRun.Report {
        await VerifyRun(bench.engine(), VerifyRequest(depth: depth)).run()
    }

    @Test func `successive runs read every slice, one after the other`() async throws {
        let bench = try Bench()
        await bench.backup()
        for _ in 0..<5 { #expect(await verify(bench, .data(percent: 30)).record.outcome == .succeeded) }
        #expect(bench.repository.depths == [1, 2, 3, 4, 1].map { .data(index: $0, count: 4) })
    }

    @Test(arguments: [(5.0, 20), (100, 1), (30, 4), (33.4, 3), (0.001, 256)])
    func `shares make slices`(percent: Double, count: Int) {
        #expect(VerifyRun.slices(percent: percent) == count)
    }

    @Test func `a slice that was found damaged fails the run, and the next run reads the next`() async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change { $0.verify = VerifyReport(isSound: false, damagedFiles: ["data/ab/abcd"]) }
        let report = await verify(bench, .data(percent: 50))
        #expect(report.record.outcome == .failed)
        #expect(report.record.kind == .damaged)
        #expect(report.record.says("data/ab/abcd"))
        let step = try #require(report.record.step(.verify, bench.repository.spec.name.rawValue))
        #expect(step.outcome == .failed && step.duration != nil)
        #expect(step.toolOutput["repository"]?.contains("data/ab/abcd") == true)
        _ = await verify(bench, .data(percent: 50))
        #expect(bench.repository.depths == [.data(index: 1, count: 2), .data(index: 2, count: 2)])
    }

    @Test func `a slice that could not be read is read again`() async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change { $0.failures[.verify] = .timedOut(tool: "memory", limit: "1 h") }
        #expect(await verify(bench, .data(percent: 50)).record.outcome == .failed)
        bench.repository.change { $0.failures[.verify] = nil }
        _ = await verify(bench, .data(percent: 50))
        #expect(bench.repository.depths == [.data(index: 1, count: 2)])
    }

    @Test func `it works alone, and a scrub beside backups`() async throws {
        let bench = try Bench()
        await bench.backup()
        let key = LockKey.repository(location: bench.repository.location)
        let other = try await bench.locks.acquire(key, mode: .shared, purpose: "backup", wait: .zero)
        #expect(await verify(bench, .structure).record.outcome == .skipped)
        #expect(await verify(bench, .scrub).record.outcome == .succeeded)
        other.release()
        #expect(await verify(bench, .structure).record.outcome == .succeeded)
    }

    @Test func `a scrub names what is damaged`() async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change {
            $0.scrub = ScrubReport(
                files: 3, bytes: 300, damaged: ["data/00/0011"], unreadable: ["keys/aa": "I/O error"])
        }
        let report = await verify(bench, .scrub)
        #expect(report.record.exitStatus(strict: false) == .damaged)
        #expect(report.record.says("data/00/0011, keys/aa"))
        #expect(try bench.isClean)
    }

    @Test func `it never makes a repository`() async throws {
        let bench = try Bench()
        #expect(await verify(bench, .structure).record.exitStatus(strict: false) == .noRepository)
        #expect(!bench.repository.calls.contains("create"))
    }
}
