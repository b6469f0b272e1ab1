import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

/// A restic that says it did its work and did not.
@Suite(.enabled(if: !RealTools.restics.isEmpty, "run scripts/install-tools --tests"))
struct ResticEvidenceTests {
    private let restic = RealTools.restics[RealTools.restics.count - 1]

    /// - Parameter script: what becomes of `step`, in shell; everything else is done by the real one.
    private func liar(_ step: String, _ script: String) async throws -> (TestBench, ResticRepository) {
        let bench = try TestBench.prepared(restic)
        let real = "'\(restic.path)'"
        let lie = script.replacingOccurrences(of: "REAL", with: real)
            .replacingOccurrences(of: "SNAPSHOTS", with: "'\(bench.folder)/snapshots'")
        let path = try bench.scratch.write(
            "#!/bin/sh\ncase \" $* \" in *' \(step) '*) \(lie) ;; esac\nexec \(real) \"$@\"\n", to: "liar/restic",
            mode: 0o755)
        return (bench, try bench.repository(["program": .string(path)]))
    }

    private func storing(_ repository: ResticRepository, of bench: TestBench) async throws -> RepositoryError? {
        let error = await #expect(throws: RepositoryError.self) {
            try await repository.store(TestBench.stream("printf data"), as: TestBench.stamp("/postgres/db.sql")) { _ in
            }
        }
        // The bench keeps the repository's folder.
        #expect(FileManager.default.fileExists(atPath: bench.folder))
        return error
    }

    @Test func `a snapshot that is named and not there is no success`() async throws {
        let (bench, repository) = try await liar("backup", "REAL \"$@\" || exit 1; rm -f SNAPSHOTS/*; exit 0")
        let error = try await storing(repository, of: bench)
        guard case .noEvidence = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `a summary that is missing is no success, although a snapshot is there`() async throws {
        let (bench, repository) = try await liar("backup", "REAL \"$@\" | grep -v summary; exit 0")
        let error = try await storing(repository, of: bench)
        guard case .noEvidence = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: [3, 4, 77]) func `an exit code that is not 0 is a failure of a stream, and drops its snapshot`(
        code: Int
    ) async throws {
        let (bench, repository) = try await liar("backup", "REAL \"$@\"; exit \(code)")
        _ = try await storing(repository, of: bench)
        #expect(try repository.snapshotIDsOnDisk() == [])
    }

    @Test func `snapshots that stay although forgetting went well are said to be there`() async throws {
        let (bench, repository) = try await liar("forget", "exit 0")
        try bench.fillSource()
        let stored = try await bench.storeFiles(repository)
        let report = try await repository.forget([stored.snapshot])
        #expect(report.remaining == [stored.snapshot])
        #expect(report.removed.isEmpty)
    }
}
