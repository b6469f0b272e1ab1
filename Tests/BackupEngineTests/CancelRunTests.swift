import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("Choosing what to cancel")
struct CancelRunTests {
    private let bench: Bench
    private var work: CancelRun {
        CancelRun(profile: Bench.profile, store: bench.store, host: bench.host, clock: bench.clock)
    }

    init() throws {
        bench = try Bench()
        bench.host.change { $0.processes[77] = (5, "holdfast") }
    }

    /// A run without an end.
    @discardableResult
    private func begin(pid: Int32, startTime: UInt64) throws -> RunRecord {
        var run = bench.engine().newRecord(.backup)
        run.process = ProcessIdentity(pid: pid, startTime: startTime, bootID: bench.host.bootID)
        try bench.store.begin(run)
        bench.clock.advance(by: .seconds(1))
        return run
    }

    @Test func `a process that merely has the number of a run that was killed is nobody's to end`() async throws {
        let dead = try begin(pid: 77, startTime: 4)
        let ours = bench.host.currentProcess()
        try begin(pid: ours.pid, startTime: ours.startTime)
        #expect(try work.live().isEmpty)
        #expect(try await work.end(dead, within: .seconds(1), force: true) == .gone(dead))
    }

    @Test func `of several runs one must be named, and a beginning that means two is refused`() throws {
        bench.host.change { $0.processes[78] = (6, "holdfast") }
        let first = try begin(pid: 77, startTime: 5)
        let second = try begin(pid: 78, startTime: 6)
        let refusal = #expect(throws: Failure.self) { try work.chosen(nil, all: false) }
        #expect(refusal?.kind == .usage && refusal?.description.contains(second.id.rawValue) == true)
        #expect(try work.chosen(nil, all: true) == [first, second])
        #expect(try work.chosen(second.id.rawValue, all: false) == [second])
        #expect(throws: Failure.self) { try work.chosen("2026", all: false) }
        #expect(#expect(throws: Failure.self) { try work.chosen("1999", all: false) }?.kind == .notFound)
    }

    @Test func `a run of somebody else is refused, and nothing is waited for`() async throws {
        let run = try begin(pid: 77, startTime: 5)
        let refusal = await #expect(throws: Failure.self) {
            try await work.end(run, within: .seconds(60), force: false)
        }
        #expect(refusal?.kind == .notPermitted)
    }
}
