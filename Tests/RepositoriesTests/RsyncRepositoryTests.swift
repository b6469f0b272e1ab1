import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Repositories

@Suite("Trees of hard links") struct RsyncRepositoryTests {
    @Test func `a tree and a dump are stored as they are, and come back`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created()
        let stored = try await bench.storeRun(repository)
        #expect(stored[0].unreadable == [])
        #expect(try await bench.archive.differences(try bench.tree(0)) == "")
        let dump = try Data(contentsOf: URL(fileURLWithPath: try bench.folder(ofRun: 0) + "/db-app.sql"))
        #expect(dump.count == Int(stored[1].bytes.bytes))
        // Without Holdfast.
        #expect(try await bench.sums(ofRun: 0) == "")
        #expect(
            try await bench.archive.differences(try await bench.restore(repository, stored[0]) + bench.source) == "")
        let ids = try repository.snapshotIDsOnDisk()
        #expect(ids == Set(stored.map(\.snapshot)))
        #expect(
            try await repository.snapshots().map(\.id.rawValue).sorted() == stored.map(\.snapshot.rawValue).sorted())
        let report = try await repository.verify(.allData) { _ in }
        #expect(report.isSound && report.notices == [], "\(report)")
    }

    @Test func `what did not change is one file with the run before, and what changed never touches it`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created()
        try await bench.storeRun(repository)
        let before = try await bench.digests(ofRun: 0)
        try bench.scratch.write("ALPHA is other now", to: "source/sub/b [1]*.txt")
        try FileManager.default.removeItem(atPath: bench.source + "/-dash")
        let second = try await bench.storeTree(repository, run: 1)
        try await bench.finish(repository, run: 1)
        for name in ["a.txt", "sub/new\nline", "deep/er/zeta", "empty"] {
            #expect(try bench.inode(bench.tree(0) + "/" + name) == bench.inode(bench.tree(1) + "/" + name), "\(name)")
        }
        let changed = "/sub/b [1]*.txt"
        #expect(try bench.inode(bench.tree(0) + changed) != bench.inode(bench.tree(1) + changed))
        #expect(!FileManager.default.fileExists(atPath: try bench.tree(1) + "/-dash"))
        let after = try await bench.digests(ofRun: 0)
        #expect(before == after)
        #expect(try await bench.archive.differences(try bench.tree(1)) == "")
        #expect((second.addedBytes ?? 0) <= .kibibytes(8))
        let report = try await repository.verify(.allData) { _ in }
        #expect(report.isSound, "\(report)")
        #expect(try await bench.sums(ofRun: 1) == "")
    }

    @Test func `what was changed in the same second, and has the same size, is seen`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        _ = try await bench.archive.shell("touch -d '2026-11-21 10:00:00.1' source/a.txt")
        let repository = try await bench.created()
        try await bench.storeRun(repository)
        _ = try await bench.archive.shell(
            "printf ALPHA > source/a.txt && touch -d '2026-11-21 10:00:00.2' source/a.txt")
        try await bench.storeRun(repository, run: 1)
        #expect(try String(contentsOfFile: bench.tree(0) + "/a.txt", encoding: .utf8) == "alpha")
        #expect(try String(contentsOfFile: bench.tree(1) + "/a.txt", encoding: .utf8) == "ALPHA")
    }

    @Test func `the digest of what did not change is taken over and not computed anew`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created()
        try await bench.storeRun(repository)
        // Nobody would tell it from the original by its size and time.
        _ = try await bench.archive.shell(
            """
            cd '\(try bench.tree(0))' && printf X | dd of=deep/er/zeta conv=notrunc status=none
            touch -r '\(bench.source)/deep/er/zeta' deep/er/zeta
            """)
        try await bench.storeRun(repository, run: 1)
        let place = "/deep/er/zeta"
        #expect(try bench.inode(bench.tree(0) + place) == bench.inode(bench.tree(1) + place))
        let report = try await repository.verify(.allData) { _ in }
        #expect(report.errors.count == 1, "\(report)")
        #expect(report.errors.first?.contains("the same file in") == true, "\(report)")
        // Contents are compared where that is asked for, and the file is taken anew.
        try await bench.storeRun(try bench.repository(["checksum": .boolean(true)]), run: 2)
        #expect(try bench.inode(bench.tree(0) + place) != bench.inode(bench.tree(2) + place))
        #expect(try String(contentsOfFile: bench.tree(2) + place, encoding: .utf8) == "zeta")
    }

    @Test func `a damaged, a missing, a shortened and a strange file are named, with the runs that have them`()
        async throws
    {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created()
        try await bench.storeRun(repository)
        let second = try await bench.storeRun(repository, run: 1)
        let runs = try [0, 1].map { (try bench.folder(ofRun: $0) as NSString).lastPathComponent }
        // In place: both runs have it.
        _ = try await bench.archive.shell(
            "printf X | dd of='\(try bench.tree(1))/deep/er/zeta' conv=notrunc status=none")
        let shallow = try await repository.verify(.structure) { _ in }
        #expect(shallow.isSound, "\(shallow)")
        let deep = try await repository.verify(.allData) { _ in }
        #expect(
            deep.errors == [
                "\(runs[1])/tree/source/deep/er/zeta: its content is not what was stored (the same file in \(runs[0]))"
            ])
        let slices = try await [1, 2].asyncMap { try await repository.verify(.data(index: $0, count: 2)) { _ in } }
        #expect(slices.count { !$0.isSound } == 1)
        let scrub = try await repository.scrub { _ in }
        #expect(scrub.damaged.count == 1 && !scrub.isSound, "\(scrub)")

        try FileManager.default.removeItem(atPath: try bench.tree(0) + "/a.txt")
        _ = try await bench.archive.shell(
            "cd '\(try bench.tree(1))' && rm -- -dash && echo x > -dash && echo y > stranger && truncate -s 1 ../../db-app.sql"
        )
        let report = try await repository.verify(.structure) { _ in }
        #expect(!report.isSound)
        #expect(
            Set(report.errors) == [
                "\(runs[0])/tree/source/a.txt: it is missing",
                "\(runs[1])/tree/source/-dash: it has 2 bytes instead of 7",
                "\(runs[1])/db-app.sql: it has 1 bytes instead of \(second[1].bytes.bytes)",
            ])
        #expect(report.notices == ["\(runs[1])/tree/source/stranger is no file of its run"])
    }

    @Test func `a tree with a damaged file is not restored, and what is whole of it is`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created()
        let stored = try await bench.storeRun(repository)
        _ = try await bench.archive.shell(
            "printf X | dd of='\(try bench.tree(0))/deep/er/zeta' conv=notrunc status=none")
        let error = await #expect(throws: RepositoryError.self) { _ = try await bench.restore(repository, stored[0]) }
        #expect(error?.kind == .damaged)
        #expect(error?.description.contains("deep/er/zeta") == true)
        let left = try FileManager.default.contentsOfDirectory(atPath: bench.scratch["."])
        #expect(left.allSatisfy { !$0.hasPrefix("restored") }, "\(left)")
        let target = try await bench.restore(repository, stored[0], [bench.source + "/sub"])
        let found = try FileManager.default.contentsOfDirectory(atPath: target + bench.source)
        #expect(found == ["sub"])
        #expect(try await bench.archive.shell("diff -r '\(bench.source)/sub' '\(target + bench.source)/sub'") == "")
        await #expect(throws: RepositoryError.self) {
            _ = try await repository.reader(for: stored[0].snapshot).content(
                of: PartPath(rawValue: bench.source + "/deep/er/zeta"), limit: .kibibytes(1))
        }
        let whole = try await repository.reader(for: stored[0].snapshot).content(
            of: PartPath(rawValue: bench.source + "/a.txt"), limit: .kibibytes(1))
        #expect(String(decoding: whole, as: UTF8.self) == "alpha")
    }

    @Test func `forgotten runs count no more at once, and pruning frees their room`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created()
        let first = try await bench.storeRun(repository)
        let second = try await bench.storeRun(repository, run: 1)
        let report = try await repository.forget(first.map(\.snapshot))
        #expect(report.remaining == [] && report.removed.count == 3)
        #expect(try repository.snapshotIDsOnDisk() == Set(second.map(\.snapshot)))
        #expect(try await repository.prune(dryRun: true).count == 1)
        let said = try await repository.prune(dryRun: false)
        #expect(said.count == 1 && said[0].contains("freed"), "\(said)")
        #expect(try bench.names().count == 1)
        #expect(try await repository.verify(.allData) { _ in }.isSound)
        #expect(try await bench.archive.differences(try bench.tree(1)) == "")

        // One of several parts.
        _ = try await repository.forget([second[0].snapshot])
        #expect(try repository.snapshotIDsOnDisk() == Set(second.dropFirst().map(\.snapshot)))
        #expect(try await bench.sums(ofRun: 1) == "")
        _ = try await repository.prune(dryRun: false)
        let sound = try await repository.verify(.allData) { _ in }
        #expect(sound.isSound && sound.notices == [], "\(sound)")
    }

    @Test func `the runs of a process that is dead are swept, those of one that lives are not`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created()
        let pending = try await bench.storeTree(repository)
        _ = try await repository.clearDeadLocks()
        #expect(try repository.snapshotIDsOnDisk() == [pending.snapshot])
        let entries = Names()
        try await repository.reader(for: pending.snapshot).entries { entries.add($0.path) }
        #expect(entries.all.contains(bench.source + "/a.txt"))
        let owner = bench.folder + "/.partial-\(RsyncBench.runs[0])/.owner.json"
        let text = try String(contentsOfFile: owner, encoding: .utf8)
        let dead = text.replacing(/"startTime" : [0-9]+/, with: "\"startTime\" : 1")
        try dead.write(toFile: owner, atomically: true, encoding: .utf8)
        _ = try await repository.clearDeadLocks()
        #expect(try bench.names() == [])
    }

    @Test func `holes, attributes and hard links are kept, there and back`() async throws {
        let bench = try await RsyncBench()
        try bench.scratch.write("x", to: "source/x")
        let kept = try await bench.archive.shell(
            """
            truncate -s 40M source/hole && printf end >> source/hole && ln source/hole source/other
            python3 -c 'import os; os.setxattr("source/x", "user.note", b"kept")' 2>/dev/null && echo yes || echo no
            """)
        let repository = try await bench.created()
        let stored = try await bench.storeTree(repository)
        try await bench.finish(repository)
        #expect(stored.bytes == ByteCount((40 << 20) + 4) && stored.files == 2)
        #expect((stored.addedBytes ?? 0) < .kibibytes(64))
        let restored = try await bench.restore(repository, stored) + bench.source
        for tree in [try bench.tree(0), restored] {
            #expect(try await bench.archive.differences(tree) == "")
            let blocks = try await bench.archive.shell("stat -c %b '\(tree)/hole'")
            #expect(Int(blocks.dropLast()) ?? .max < 1000)
            #expect(try bench.inode(tree + "/hole") == bench.inode(tree + "/other"))
            guard kept == "yes\n" else { continue }
            let note = try await bench.archive.shell(
                "python3 -c 'import os; print(os.getxattr(\"\(tree)/x\", \"user.note\").decode(), end=\"\")'")
            #expect(note == "kept")
        }
    }

    @Test func `excluded files, sockets and the repository itself are left out`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        _ = try await bench.archive.shell("mkfifo source/pipe && echo x > source/scrap.tmp")
        let repository = try await bench.created(["rsync": .string(bench.source + "/drive")])
        let stored = try await bench.storeTree(repository) { $0.excludes = ["*.tmp"] }
        #expect(stored.unreadable == [])
        #expect(stored.notices == ["left out 1 socket, pipe or device"])
        let entries = Names()
        try await repository.reader(for: stored.snapshot).entries { entries.add($0.path) }
        #expect(entries.all.contains(bench.source + "/a.txt"))
        #expect(entries.all.allSatisfy { !$0.contains("drive") && !$0.contains("pipe") && !$0.contains(".tmp") })
    }

    @Test func `a disk without hard links is refused with what to use instead`() async throws {
        let bench = try await RsyncBench()
        let folder = RsyncFolder(path: bench.scratch["."])
        let before = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        try folder.requireHardLinks()
        let error = #expect(throws: RepositoryError.self) {
            try folder.requireHardLinks { _, _ in
                errno = EPERM
                return -1
            }
        }
        #expect(error?.kind == .badProfile)
        #expect(error?.description.contains("`archive`") == true, "\(String(describing: error))")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == before)
    }

    @Test func `a place that has something else is left alone, and one without its own file too`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created()
        #expect(await failure { _ = try await repository.create() } == .failed)
        try await bench.storeRun(repository)
        let mode = try FileManager.default.attributesOfItem(atPath: bench.folder)[.posixPermissions] as? Int
        #expect(mode == 0o700)
        try FileManager.default.removeItem(atPath: bench.folder + "/.holdfast-rsync.json")
        guard case .occupied(let what) = try await repository.inspect(pin: nil) else {
            Issue.record("taken for a new place")
            return
        }
        #expect(what.contains("restore points"))
        #expect(await failure { try await bench.storeTree(repository, run: 1) } == .damaged)
    }

    @Test func `a tree on the disk that it backs up is refused where that matters`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created(["other-device-than-sources": .boolean(true)])
        #expect(await failure { try await bench.storeTree(repository) } == .noRepository)
        #expect(try bench.names() == [])
    }

    @Test func `a run that lost its manifest is told of and moved aside`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created()
        try await bench.storeRun(repository)
        let second = try await bench.storeRun(repository, run: 1)
        try bench.archive.change(try bench.folder(ofRun: 0) + "/manifest.json") { $0.removeLast(40) }
        #expect(await failure { _ = try await repository.snapshots() } == .damaged)
        let report = try await repository.verify(.structure) { _ in }
        #expect(report.errors.count == 1 && report.errors[0].contains("manifest.json"), "\(report)")
        try FileManager.default.moveItem(atPath: try bench.folder(ofRun: 0), toPath: bench.scratch["aside"])
        #expect(try await repository.snapshots().count == 3)
        #expect(try await repository.verify(.allData) { _ in }.isSound)
        #expect(
            try await bench.archive.differences(try await bench.restore(repository, second[0]) + bench.source) == "")
    }

    @Test func `a list that was changed proves nothing and is told of`() async throws {
        let bench = try await RsyncBench()
        try bench.fillSource()
        let repository = try await bench.created()
        let stored = try await bench.storeRun(repository)
        try bench.archive.change(try bench.folder(ofRun: 0) + "/SHA256SUMS") { $0[$0.count - 30] ^= 1 }
        let report = try await repository.verify(.structure) { _ in }
        #expect(report.errors.count == 1 && report.errors[0].contains("SHA256SUMS"), "\(report)")
        #expect(await failure { _ = try await bench.restore(repository, stored[0]) } == .damaged)
        // The next run does not build on it.
        try await bench.storeRun(repository, run: 1)
        #expect(try await bench.sums(ofRun: 1) == "")
        #expect(try await repository.verify(.allData) { _ in }.errors == report.errors)
    }

    private func failure(_ work: () async throws -> Void) async -> FailureKind? {
        do { try await work() } catch { return (error as? RepositoryError)?.kind }
        return nil
    }

    @Test func `what cannot be named is refused with what to do instead`() async throws {
        let bench = try await RsyncBench()
        for (key, value, word) in [
            ("rsync", "nas:/backup", "sftp"), ("rsync", "rsync://nas/backup", "sftp"),
            ("follows", "main", "follows no other"),
        ] {
            let error = #expect(throws: RepositoryError.self) { _ = try bench.repository([key: .string(value)]) }
            #expect(error?.kind == .badProfile)
            #expect(error?.description.contains(word) == true, "\(String(describing: error))")
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}
