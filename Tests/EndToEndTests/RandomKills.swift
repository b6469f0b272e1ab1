import Foundation
import TestSupport
import Testing

/// Kills at random times over runs with files, a live database and a slow command, and in every fifth also PostgreSQL.
@Suite("Kills at random times", .enabled(if: !RealTools.restics.isEmpty))
struct RandomKills {
    /// In all of CI's runs together many, each from a seed of its own; more at a time with `HOLDFAST_TEST_KILLS`.
    private static let kills = ProcessInfo.processInfo.environment["HOLDFAST_TEST_KILLS"].flatMap { Int($0) } ?? 10

    @Test(arguments: RealTools.oldestAndNewest)
    func `whenever a run is killed, nothing counts that is not whole, and the next one makes up for it`(
        restic: RealTools.Restic
    ) async throws {
        let environment = ProcessInfo.processInfo.environment["HOLDFAST_TEST_SEED"]
        let seed = environment.flatMap(UInt64.init) ?? UInt64.random(in: 0...0xFFFF_FFFF)
        print("random kills with restic \(restic.version): HOLDFAST_TEST_SEED=\(seed)")
        var random = SeededGenerator(seed: seed)
        let scene = try await InterruptionScene(restic, isLive: true, extra: try postgresSource(restic))
        var known: [String: InterruptionScene.State] = [:]
        known[try await scene.backUp()] = try scene.present()
        let begun = ContinuousClock.now
        known[try await scene.backUp()] = try scene.present()
        let whole = begun.duration(to: .now)

        var ended = 0
        for number in 1...RandomKills.kills {
            try scene.change(to: number)
            let stop = [Stop.kill, .kill, .term, .int].randomElement(using: &random) ?? .kill
            let fraction = Double.random(in: 0...1, using: &random)
            let running = try scene.program.start(number % 5 == 0 ? ["backup"] : ["backup", "docs", "db", "stream"])
            try await Task.sleep(for: whole * fraction)
            if running.isRunning { running.signal(stop.number) }
            let result = await running.result()
            let comment: Comment = "seed \(seed), kill \(number) (\(stop) after \(whole * fraction)): \(result)"
            // Before the program watches its signals they end it as they end any other.
            #expect([0, stop.exitCode, -stop.number].contains(result.code), comment)
            if result.code == 0 { ended += 1 }
            try await scene.waitForChildren()

            let points = try await scene.points()
            for run in points where known[run] == nil { known[run] = try scene.present() }
            #expect(result.code != 0 || points.count > 0, comment)
            #expect(try await scene.outcomes().allSatisfy { $0.outcome != "failed" }, comment)
            guard number % 5 == 0 else { continue }
            known[try await scene.backUp()] = try scene.present()
            try await scene.expectNothingLeft()
            // Of older ones retention has left only what the server's dumps still need.
            let newest = try await scene.points(havingDocuments: true).prefix(3)
            let chosen = try #require(newest.randomElement(using: &random))
            try await scene.check(chosen, holds: try #require(known[chosen]))
        }
        #expect(ended < RandomKills.kills, "no run was ever hit")
        try await scene.expectSoundRepository()
        let runs = try await scene.outcomes().filter { $0.operation == "backup" }
        #expect(runs.allSatisfy { ["succeeded", "interrupted"].contains($0.outcome) }, "seed \(seed): \(runs)")
        #expect(runs.contains { $0.outcome == "interrupted" })
    }

    private func postgresSource(_ restic: RealTools.Restic) throws -> String {
        guard PrivatePostgres.programs != nil else { return "" }
        let postgres = try PrivatePostgres.shared.get()
        let name = "kills_" + restic.version.replacingOccurrences(of: ".", with: "_")
        try postgres.makeDatabase(name, "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 20000) i;")
        return "  pg: { postgres: { database: \(name), host: \(postgres.socketFolder), user: \(postgres.superuser) } }"
    }
}
