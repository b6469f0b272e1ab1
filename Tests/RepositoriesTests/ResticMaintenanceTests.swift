import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

/// Forget, prune, verify and scrub.
@Suite(.enabled(if: !RealTools.restics.isEmpty, "run scripts/install-tools --tests"))
struct ResticMaintenanceTests {
    @Test(arguments: RealTools.restics)
    func `forgetting drops what is named and nothing else, and pruning frees its room`(
        restic: RealTools.Restic
    ) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        let first = try await bench.storeFiles(repository).snapshot
        try bench.scratch.write("changed", to: "source/a.txt")
        let second = try await bench.storeFiles(repository, run: "20261122T023000Z-000001").snapshot
        let unknown = SnapshotID(rawValue: String(repeating: "e", count: 64))
        let report = try await repository.forget([first, unknown])
        #expect(report == ForgetReport(removed: [first, unknown], remaining: []))
        #expect(try repository.snapshotIDsOnDisk() == [second])

        let packs = try bench.files("data").count
        let plan = try await repository.prune(dryRun: true)
        #expect(!plan.isEmpty)
        #expect(try bench.files("data").count == packs)
        _ = try await repository.prune(dryRun: false)
        #expect(try bench.files("data").count <= packs)
        #expect(try await repository.verify(.allData) { _ in }.isSound)
    }

    @Test func `only whole ids are forgotten`() async throws {
        let bench = try TestBench.prepared(RealTools.restics[0])
        try bench.fillSource()
        let repository = try bench.repository()
        let snapshot = try await bench.storeFiles(repository).snapshot
        for id in ["", "a", snapshot.short, "latest"] {
            await #expect(throws: RepositoryError.self) { try await repository.forget([SnapshotID(rawValue: id)]) }
        }
        #expect(try repository.snapshotIDsOnDisk() == [snapshot])
    }

    @Test(arguments: RealTools.restics)
    func `damage is found by reading the data and named by both tests`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        _ = try await bench.storeFiles(repository)
        #expect(try await repository.scrub { _ in }.isSound)
        let pack = try bench.largestPack()
        let intact = try Data(contentsOf: URL(fileURLWithPath: "\(bench.folder)/\(pack)"))

        try bench.damage(pack) { $0[$0.count / 2] ^= 1 }
        let read = try await repository.verify(.allData) { _ in }
        #expect(!read.isSound)
        #expect(read.damagedFiles == [pack])
        #expect(try await repository.scrub { _ in }.damaged == [pack])

        try bench.damage(pack) { $0 = intact.dropLast(100) }
        let truncated = try await repository.verify(.structure) { _ in }
        #expect(truncated.damagedFiles == [pack])
        #expect(try await repository.scrub { _ in }.damaged == [pack])

        try FileManager.default.removeItem(atPath: "\(bench.folder)/\(pack)")
        let missing = try await repository.verify(.structure) { _ in }
        #expect(!missing.isSound)
        #expect(missing.damagedFiles == [pack])
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `the slices together read everything`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        _ = try await bench.storeFiles(repository)
        let pack = try bench.largestPack()
        try bench.damage(pack) { $0[10] ^= 1 }
        var finders = 0
        for index in 1...3 {
            let report = try await repository.verify(.data(index: index, count: 3)) { _ in }
            if report.damagedFiles.contains(pack) { finders += 1 }
        }
        #expect(finders == 1)
        await #expect(throws: RepositoryError.self) { try await repository.verify(.data(index: 4, count: 3)) { _ in } }
    }

    @Test(arguments: RealTools.restics)
    func `a snapshot that cannot be read is damage and not a shorter list`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        let first = try await bench.storeFiles(repository).snapshot
        _ = try await bench.storeFiles(repository)
        try bench.damage("snapshots/" + first.rawValue) { $0 = Data() }
        let error = await #expect(throws: RepositoryError.self) { try await bench.repository().snapshots() }
        guard case .damaged(_, let detail) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(detail.contains(first.rawValue))
    }
}
