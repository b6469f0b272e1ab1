import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

/// A stage that a dump passes through, and that may find it not whole.
@Suite(.enabled(if: !RealTools.restics.isEmpty, "run scripts/install-tools --tests"))
struct WitnessTests {
    private func part(_ witness: String, as path: String = "/mysql/app.sql") -> CapturedPart {
        var part = TestBench.stream("seq 1 20000", as: path)
        var command = ToolCommand("/bin/sh", ["-c", witness])
        command.whenOrphaned = .leave
        part.witness = command
        part.bytesAreExact = true
        return part
    }
    private static let objection = "cat; echo 'it is not whole' >&2; exit 1"

    private func expectRefusal(_ store: (CapturedPart) async throws -> StoredPart) async {
        await #expect {
            _ = try await store(part(Self.objection))
        } throws: { error in
            guard case .producerFailed(_, _, let detail, _)? = error as? RepositoryError else { return false }
            return detail.contains("not whole")
        }
    }

    @Test func `restic stores what its witness lets pass, and nothing of what it does not`() async throws {
        let bench = try TestBench.prepared(try #require(RealTools.restics.last))
        let repository = try bench.repository()
        let stamp = TestBench.stamp("/mysql/app.sql")
        await expectRefusal { try await repository.store($0, as: stamp) { _ in } }
        #expect(try repository.snapshotIDsOnDisk() == [])
        #expect(try await repository.store(part("cat"), as: stamp) { _ in }.bytes == 108_894)
        // One that keeps something back is found by the count.
        await #expect(throws: RepositoryError.self) {
            try await repository.store(part("head -c 100000; cat >/dev/null"), as: stamp) { _ in }
        }
        #expect(try repository.snapshotIDsOnDisk()?.count == 1)
    }

    @Test func `an archive too`() async throws {
        let bench = try await ArchiveBench()
        let repository = try await bench.created()
        let stamp = ArchiveBench.stamp("db", "/mysql/app.sql", run: ArchiveBench.run)
        await expectRefusal { try await repository.store($0, as: stamp) { _ in } }
        #expect(try await repository.store(part("cat"), as: stamp) { _ in }.bytes == 108_894)
    }

    @Test func `a tree of hard links too`() async throws {
        let bench = try await RsyncBench()
        let repository = try await bench.created()
        let stamp = ArchiveBench.stamp("db", "/mysql/app.sql", run: RsyncBench.runs[0])
        await expectRefusal { try await repository.store($0, as: stamp) { _ in } }
        #expect(try await repository.store(part("cat"), as: stamp) { _ in }.bytes == 108_894)
    }
}
