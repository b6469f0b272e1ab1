import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Repositories

@Suite(.enabled(if: geteuid() == 0, "needs root to mount a disk")) struct ArchiveDiskTests {
    private func failure(_ work: () async throws -> Void) async -> FailureKind? {
        do { try await work() } catch { return (error as? RepositoryError)?.kind }
        return nil
    }

    @Test func `a full disk is told, and what was stored before stays whole`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try await SmallDisk.mounted(at: bench.scratch["disk"], megabytes: 8) { disk in
            let repository = try await bench.created(["archive": .string(disk.path + "/archives")])
            try bench.fillSource()
            _ = try await bench.storeRun(repository)
            let before = try FileManager.default.subpathsOfDirectory(atPath: disk.path).sorted()
            _ = try await bench.shell("head -c 20000000 /dev/urandom > source/large.bin")
            let error = await #expect(throws: RepositoryError.self) {
                try await bench.storeTree(repository, run: "20261122T023000Z-000004")
            }
            guard case .full(_, _, let free) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(free == 42)
            #expect(try FileManager.default.subpathsOfDirectory(atPath: disk.path).sorted() == before)
            #expect(try await repository.verify(.allData) { _ in }.isSound)
        }
    }

    @Test func `a disk that a restore fills is told, and nothing of it stays`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        _ = try await bench.shell("head -c 20000000 /dev/urandom > source/large.bin")
        let repository = try await bench.created()
        let stored = try await bench.storeTree(repository)
        try await SmallDisk.mounted(at: bench.scratch["small"], megabytes: 8) { disk in
            let error = await #expect(throws: RepositoryError.self) {
                _ = try await repository.reader(for: stored.snapshot).extract(
                    include: [], into: disk.path + "/restored", exact: false
                ) { _ in }
            }
            #expect(error?.kind == .destinationFull && error?.hint != nil, "\(String(describing: error))")
            let left = try FileManager.default.contentsOfDirectory(atPath: disk.path)
            #expect(left.isEmpty)
        }
    }

    @Test func `a read-only disk is told before anything starts and can be restored from`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try await SmallDisk.mounted(at: bench.scratch["disk"], megabytes: 8) { disk in
            let repository = try await bench.created(["archive": .string(disk.path + "/archives")])
            try bench.fillSource()
            let stored = try await bench.storeRun(repository)
            try await disk.makeReadOnly()
            let starts = repository.toolStarts
            #expect(
                await failure { try await bench.storeTree(repository, run: "20261122T023000Z-000004") }
                    == .destinationReadOnly)
            #expect(repository.toolStarts == starts)
            #expect(await failure { _ = try await repository.forget([stored[0].snapshot]) } == .destinationReadOnly)
            #expect(try await repository.verify(.allData) { _ in }.isSound)
            let report = try await repository.reader(for: stored[0].snapshot).extract(
                include: [], into: bench.scratch["restored"], exact: false
            ) { _ in }
            #expect(report.files == stored[0].files)
        }
    }

    @Test func `a disk that is not mounted is told from an empty one`() async throws {
        let bench = try await ArchiveBench(.openssl)
        let place = bench.scratch["disk"]
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let repository = try bench.repository(
            ["archive": .string(place + "/archives"), "must-be-mounted": .string(place)])
        for work in [
            { _ = try await repository.inspect(pin: nil) }, { _ = try await repository.create() },
            { _ = try await bench.storeTree(repository) },
        ] as [() async throws -> Void] {
            #expect(await failure(work) == .noRepository)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
        try await SmallDisk.mounted(at: place, megabytes: 4) { _ in
            let state = try await repository.inspect(pin: nil)
            #expect(state == .absent)
        }
    }

    @Test func `an archive on the disk that it backs up is refused where that matters`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        let repository = try await bench.created(["other-device-than-sources": .boolean(true)])
        #expect(await failure { try await bench.storeTree(repository) } == .noRepository)
        #expect(try bench.names() == [])
    }

    @Test func `holes and attributes come back`() async throws {
        let bench = try await ArchiveBench(.age)
        try bench.scratch.write("x", to: "source/x")
        let kept = try await bench.shell(
            """
            truncate -s 40M source/hole && printf end >> source/hole && \
            python3 -c 'import os; os.setxattr("source/x", "user.note", b"kept")' 2>/dev/null && echo yes || echo no
            """)
        let repository = try await bench.created()
        let stored = try await bench.storeTree(repository)
        #expect(stored.bytes == ByteCount((40 << 20) + 4))
        #expect((stored.addedBytes ?? 0) < .kibibytes(64))
        let target = bench.scratch["restored"]
        _ = try await repository.reader(for: stored.snapshot).extract(include: [], into: target, exact: false) { _ in }
        #expect(try await bench.differences(target + bench.source) == "")
        let blocks = try await bench.shell("stat -c %b '\(target + bench.source)/hole'")
        #expect(Int(blocks.dropLast()) ?? .max < 1000)
        if kept == "yes\n" {
            let note = try await bench.shell(
                "python3 -c 'import os; print(os.getxattr(\"\(target + bench.source)/x\", \"user.note\").decode(), end=\"\")'"
            )
            #expect(note == "kept")
        }
    }
}
