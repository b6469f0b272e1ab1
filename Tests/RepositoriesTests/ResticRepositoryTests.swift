import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

/// The ordinary life of a repository, with every restic there is.
@Suite(.enabled(if: !RealTools.restics.isEmpty, "run scripts/install-tools --tests"))
struct ResticRepositoryTests {
    @Test(arguments: RealTools.restics)
    func `from nothing to a restored copy`(restic: RealTools.Restic) async throws {
        let bench = try TestBench(restic)
        try bench.fillSource()
        let repository = try bench.repository()
        #expect(try await repository.inspect(pin: nil) == .absent)
        let identity = try await repository.create()
        #expect(identity.id.count == 64)
        #expect(identity.keyIDs.count == 1)
        #expect(identity.configDigest?.count == 64)

        let before = repository.toolStarts
        let pin = RepositoryPin(location: repository.location, identity: identity, pinnedAt: Date())
        #expect(try await repository.inspect(pin: pin) == .present(identity))
        #expect(repository.toolStarts == before, "a pinned repository is recognised without starting anything")

        let files = try await bench.storeFiles(repository)
        #expect(files.unreadable.isEmpty)
        #expect(files.files == 4)
        #expect(files.bytes == 300_014)
        #expect(repository.toolStarts == before + 1, "one start for each part")
        #expect(try repository.snapshotIDsOnDisk() == [files.snapshot])

        let dump = try await repository.store(
            TestBench.stream("printf 'select 1;'"), as: TestBench.stamp("/postgres/a,b.sql")
        ) { _ in }
        #expect(dump.bytes == 9)
        let copy = try bench.scratch.write("a copy of a database", to: "copy.db")
        let file = try await repository.store(
            CapturedPart(path: PartPath(rawValue: "/sqlite/app.db"), content: .file(copy)),
            as: TestBench.stamp("/sqlite/app.db")
        ) { _ in }
        #expect(file.bytes == 20)

        let snapshots = try await repository.snapshots()
        #expect(Set(snapshots.map(\.id)) == [files.snapshot, dump.snapshot, file.snapshot])
        let stamps = snapshots.compactMap(\.stamp)
        #expect(Set(stamps.compactMap(\.part?.rawValue)) == ["/", "/postgres/a,b.sql", "/sqlite/app.db"])
        #expect(snapshots.allSatisfy { $0.host == "vm" })

        let reader = repository.reader(for: dump.snapshot)
        let content = try await reader.content(of: PartPath(rawValue: "/postgres/db.sql"), limit: .kibibytes(1))
        #expect(String(decoding: content, as: UTF8.self) == "select 1;")

        let target = bench.scratch["restored"]
        let report = try await repository.reader(for: files.snapshot)
            .extract(include: [], into: target, exact: false) { _ in }
        #expect(report == ExtractReport(files: 4, bytes: 300_014))
        #expect(FileManager.default.contentsEqual(atPath: bench.source, andPath: target + bench.source))
    }
}
