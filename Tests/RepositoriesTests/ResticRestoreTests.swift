import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

@Suite(.enabled(if: !RealTools.restics.isEmpty, "run scripts/install-tools --tests"))
struct ResticRestoreTests {
    @Test(arguments: RealTools.restics)
    func `only what is asked for is restored`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        let reader = repository.reader(for: try await bench.storeFiles(repository).snapshot)
        let odd = bench.source + "/sub/b [1]*.txt"
        let report = try await reader.extract(include: [odd], into: bench.scratch["out"], exact: false) { _ in }
        #expect(report == ExtractReport(files: 1, bytes: 4))
        let restored = try FileManager.default.subpathsOfDirectory(atPath: bench.scratch["out"] + bench.source)
        #expect(Set(restored) == ["sub", "sub/b [1]*.txt"])

        let error = await #expect(throws: RepositoryError.self) {
            try await reader.extract(include: ["/not/there"], into: bench.scratch["none"], exact: false) { _ in }
        }
        guard case .notFound = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: RealTools.restics)
    func `a link in the way is not followed`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        let reader = repository.reader(for: try await bench.storeFiles(repository).snapshot)
        let outside = bench.scratch["outside"]
        let target = bench.scratch["out"]
        try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: target + bench.source, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: target + bench.source + "/sub", withDestinationPath: outside)
        await #expect(throws: RepositoryError.self) {
            try await reader.extract(include: [], into: target, exact: false) { _ in }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: outside).isEmpty)
    }

    @Test(arguments: RealTools.restics)
    func `what the snapshot does not have goes where that is wanted and possible`(restic: RealTools.Restic) async throws
    {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        let reader = repository.reader(for: try await bench.storeFiles(repository).snapshot)
        let stray = try bench.scratch.write("stray", to: "out\(bench.source)/stray")
        let attempt = { try await reader.extract(include: [], into: bench.scratch["out"], exact: true) { _ in } }
        if restic.version == "0.14.0" {
            let error = await #expect(throws: RepositoryError.self) { try await attempt() }
            guard case .toolTooOld = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(FileManager.default.fileExists(atPath: stray))
        } else {
            #expect(try await attempt().errors.isEmpty)
            #expect(!FileManager.default.fileExists(atPath: stray))
        }
    }

    @Test(arguments: RealTools.restics)
    func `a damaged pack fails the restore and is called damage`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        let snapshot = try await bench.storeFiles(repository).snapshot
        try bench.damage(try bench.largestPack()) { $0[1000] ^= 1 }
        let error = await #expect(throws: RepositoryError.self) {
            try await repository.reader(for: snapshot)
                .extract(include: [], into: bench.scratch["out"], exact: false) { _ in }
        }
        guard case .damaged = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: RealTools.restics)
    func `a snapshot that is not there is not found`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let reader = try bench.repository().reader(for: SnapshotID(rawValue: String(repeating: "d", count: 64)))
        for attempt in [
            { try await reader.entries { _ in } },
            { _ = try await reader.content(of: PartPath(rawValue: "/x"), limit: 100) },
        ] {
            let error = await #expect(throws: RepositoryError.self) { try await attempt() }
            guard case .notFound = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `more than the limit is not taken into memory`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        let reader = repository.reader(for: try await bench.storeFiles(repository).snapshot)
        await #expect(throws: RepositoryError.self) {
            try await reader.content(of: PartPath(rawValue: bench.source + "/big.bin"), limit: 299_999)
        }
        let path = PartPath(rawValue: bench.source + "/big.bin")
        #expect(try await reader.content(of: path, limit: 300_000).count == 300_000)
    }

    @Test func `the whole machine is no place for a restore`() async throws {
        let bench = try TestBench.prepared(RealTools.restics[0])
        let reader = try bench.repository().reader(for: SnapshotID(rawValue: String(repeating: "d", count: 64)))
        for place in ["/", "//", "", "relative"] {
            await #expect(throws: RepositoryError.self) {
                try await reader.extract(include: [], into: place, exact: false) { _ in }
            }
        }
    }
}
