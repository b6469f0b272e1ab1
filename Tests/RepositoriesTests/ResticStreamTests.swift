import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

/// A dump that is not whole must never become a snapshot.
@Suite(.enabled(if: !RealTools.restics.isEmpty, "run scripts/install-tools --tests"))
struct ResticStreamTests {
    static let failures = [
        "exit 3", "printf begin; exit 3", "head -c 3000000 /dev/zero; exit 3", "printf begin; kill -9 $$",
        "printf begin; sleep 0.3; printf end; exit 3",
    ]

    @Test(arguments: RealTools.restics)
    func `a producer that fails at any moment leaves no snapshot and no lock`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let repository = try bench.repository()
        for script in Self.failures {
            let error = await #expect(throws: RepositoryError.self) {
                try await repository.store(TestBench.stream(script), as: TestBench.stamp("/postgres/db.sql")) { _ in }
            }
            guard case .producerFailed(let tool, _, _, let void) = error else {
                Issue.record("\(script): \(String(describing: error))")
                continue
            }
            #expect(tool == "sh" && void == nil)
            #expect(try repository.snapshotIDsOnDisk() == [], "\(script)")
            #expect(try bench.files("locks").isEmpty, "\(script)")
        }
    }

    @Test(arguments: RealTools.restics)
    func `an empty stream is a failure and leaves no snapshot`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let repository = try bench.repository()
        let error = await #expect(throws: RepositoryError.self) {
            try await repository.store(TestBench.stream("true"), as: TestBench.stamp("/postgres/db.sql")) { _ in }
        }
        guard case .producedNothing("sh", nil) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try repository.snapshotIDsOnDisk() == [])
    }

    @Test(arguments: RealTools.restics)
    func `a count that disagrees is a failure and the snapshot is dropped`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let repository = try bench.repository()
        // The child of the shell writes elsewhere too, so its account is larger than what went down the pipe.
        var part = TestBench.stream("printf elsewhere > \(bench.scratch["other"]); printf data")
        part.bytesAreExact = true
        let error = await #expect(throws: RepositoryError.self) {
            try await repository.store(part, as: TestBench.stamp("/postgres/db.sql")) { _ in }
        }
        guard case .miscounted(_, let produced, let stored, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(stored == 4)
        #expect(produced > stored)
        #expect(try repository.snapshotIDsOnDisk() == [])
    }

    @Test(arguments: RealTools.restics)
    func `an exact count that agrees is accepted`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        var command = ToolCommand("/usr/bin/head", ["-c", "2000000", "/dev/zero"])
        command.whenOrphaned = .leave
        let stored = try await bench.repository().store(
            CapturedPart(path: PartPath(rawValue: "/zero"), content: .stream(command)), as: TestBench.stamp("/zero")
        ) { _ in }
        #expect(stored.bytes == 2_000_000)
        #expect(stored.notices.isEmpty)
        #expect(Set(stored.usage.keys) == ["head", "restic"])
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `cancelling a stream leaves no snapshot, no lock and no child`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let repository = try bench.repository()
        let task = Task {
            try await repository.store(
                TestBench.stream("printf begin; sleep 600"), as: TestBench.stamp("/postgres/db.sql")
            ) { _ in }
        }
        try await bench.waitForLock()
        task.cancel()
        await #expect(throws: RepositoryError.self) { try await task.value }
        #expect(try repository.snapshotIDsOnDisk() == [])
        #expect(try bench.files("locks").isEmpty)
    }

    /// restic goes on trying for minutes to put into its cache what it reads.
    @Test(.enabled(if: geteuid() == 0), .timeLimit(.minutes(1)), arguments: RealTools.restics.suffix(1))
    func `a stream that is cancelled while the cache's disk is full ends at once`(restic: RealTools.Restic) async throws
    {
        let bench = try TestBench.prepared(restic)
        let repository = try bench.repository()
        try await SmallDisk.mounted(at: bench.scratch["cache"], megabytes: 1) { disk in
            _ = try await repository.store(TestBench.stream("echo a", as: "/a"), as: TestBench.stamp("/a")) { _ in }
            let task = Task {
                try await repository.store(
                    TestBench.stream("printf begin; sleep 600"), as: TestBench.stamp("/postgres/db.sql")
                ) { _ in }
            }
            try await bench.waitForLock()
            // Another part of the run is stored meanwhile, so that the folder alone does not tell whose snapshot is new.
            let other = try bench.repository(cache: "other-cache")
            _ = try await other.store(TestBench.stream("echo b", as: "/b"), as: TestBench.stamp("/b")) { _ in }
            try await disk.fill()
            task.cancel()
            await #expect(throws: RepositoryError.self) { try await task.value }
            #expect(try repository.snapshotIDsOnDisk()?.count == 2)
        }
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `an empty file is refused before anything is started`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let repository = try bench.repository()
        let path = try bench.scratch.write("", to: "empty.db")
        await #expect(throws: RepositoryError.self) {
            try await repository.store(
                CapturedPart(path: PartPath(rawValue: "/x"), content: .file(path)), as: TestBench.stamp("/x")
            ) { _ in }
        }
        #expect(try repository.snapshotIDsOnDisk() == [])
    }
}
