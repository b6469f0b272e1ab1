import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Repositories

/// Disks that are full, for bytes or for files, and read-only ones.
@Suite(.enabled(if: geteuid() == 0, "needs root to mount a disk")) struct RsyncDiskTests {
    private let bench: RsyncBench

    init() async throws {
        bench = try await RsyncBench()
        try bench.fillSource()
    }

    private func restore(_ repository: RsyncRepository, _ part: StoredPart, to place: String) async -> RepositoryError?
    {
        await #expect(throws: RepositoryError.self) {
            _ = try await repository.reader(for: part.snapshot).extract(include: [], into: place, exact: false) { _ in }
        }
    }

    @Test func `that a restore fills are told, and nothing of it stays`() async throws {
        _ = try await bench.archive.shell("head -c 20000000 /dev/urandom > source/large.bin")
        let repository = try await bench.created()
        let tree = try await bench.storeTree(repository)
        let dump = try await bench.storeDump(repository, "head -c 20000000 /dev/zero")
        try await bench.finish(repository)
        try await SmallDisk.mounted(at: bench.scratch["small"], megabytes: 8) { disk in
            for part in [tree, dump] {
                let error = await restore(repository, part, to: disk.path + "/restored")
                #expect(error?.kind == .destinationFull && error?.hint != nil, "\(String(describing: error))")
                let left = try FileManager.default.contentsOfDirectory(atPath: disk.path)
                #expect(left.isEmpty)
            }
            try await disk.makeReadOnly()
            let error = await restore(repository, tree, to: disk.path + "/restored")
            #expect(error?.kind == .destinationReadOnly, "\(String(describing: error))")
        }
    }

    @Test func `that take no further file are told as full, by a backup and by a restore`() async throws {
        _ = try await bench.archive.shell("mkdir source/many && cd source/many && touch $(seq 1 200)")
        let repository = try await bench.created()
        let tree = try await bench.storeTree(repository)
        try await bench.finish(repository)
        let before = try bench.names()
        try await SmallDisk.mounted(at: bench.scratch["small"], megabytes: 8, inodes: 60) { disk in
            let error = await restore(repository, tree, to: disk.path + "/restored")
            #expect(error?.kind == .destinationFull, "\(String(describing: error))")
            let small = try await bench.created(["rsync": .string(disk.path + "/drive")])
            let full = await #expect(throws: RepositoryError.self) { try await bench.storeTree(small, run: 1) }
            #expect(full?.kind == .destinationFull && full?.hint != nil, "\(String(describing: full))")
        }
        #expect(try bench.names() == before)
    }

    @Test func `that have room and no inodes are told so`() {
        let room = Room(free: .mebibytes(500), total: .mebibytes(600), freeInodes: 0)
        #expect(RestorePlace.withoutInodes(room) == "; there is room, but for 0 more files only (inodes)")
        #expect(RestorePlace.withoutInodes(Room(free: .zero, total: .mebibytes(600), freeInodes: 0)) == "")
        #expect(RestorePlace.withoutInodes(Room(free: .mebibytes(500), total: .mebibytes(600), freeInodes: nil)) == "")
    }
}
