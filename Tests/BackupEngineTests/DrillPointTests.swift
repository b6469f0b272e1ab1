import BackupModel
import Foundation
import TestSupport
import Testing

@testable import BackupEngine

@Suite("The point that a drill is told")
struct DrillPointTests {
    private func look(_ bench: Bench, _ point: DrillRequest.Point) async throws(RestorePointError) {
        try await DrillPlan.requirePoint(bench.engine(), DrillRequest(point: point))
    }

    @Test(arguments: ["1999", "2999-01-01", "ffffffff", "20250101T020000Z-000001"])
    func `that is none is told before anything begins`(word: String) async throws {
        let bench = try Bench()
        await bench.backup()
        await #expect(throws: RestorePointError.self) { try await look(bench, .named(word)) }
        #expect(try bench.store.runs(RunQuery(profile: Bench.profile, operation: .drill)).isEmpty)
    }

    @Test func `that is one, or is not named, is left to the drill`() async throws {
        let bench = try Bench()
        let backup = await bench.backup()
        try await look(bench, .named(backup.id.rawValue))
        try await look(bench, .latest)
        try await look(bench, .random)
    }

    @Test(arguments: [DrillRequest.Point.latest, .named("latest"), .named("yesterday")])
    func `where there is no restore point at all, the drill fails and that is recorded`(point: DrillRequest.Point)
        async throws
    {
        let bench = try Bench()
        await bench.backup()
        _ = try await bench.repository.forget(bench.repository.contents.map(\.id))
        try await look(bench, point)
        let run = await DrillRun(bench.engine(), DrillRequest(point: point)).run()
        #expect(run.outcome == .failed, "\(run)")
        #expect(try bench.store.runs(RunQuery(profile: Bench.profile, operation: .drill)).map(\.id) == [run.id])
    }

    @Test func `a repository that cannot be read is for the drill to find`() async throws {
        let bench = try Bench()
        await bench.backup()
        bench.repository.change { $0.failures[.inspect] = .wrongPassword(location: "/backups/home") }
        try await look(bench, .named("1999"))
    }
}
