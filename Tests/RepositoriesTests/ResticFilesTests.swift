import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

@Suite(.enabled(if: !RealTools.restics.isEmpty, "run scripts/install-tools --tests"))
struct ResticFilesTests {
    @Test(arguments: RealTools.restics)
    func `what cannot be read is listed and the rest is stored`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.fillSource()
        var selection = FileSelection(roots: [bench.source, "/proc/self/mem", bench.scratch["nowhere"]])
        selection.oneFileSystem = false
        let stored = try await bench.repository().store(
            CapturedPart(path: PartPath(rawValue: "/"), content: .files(selection)), as: TestBench.stamp("/")
        ) { _ in }
        let paths = stored.unreadable.map(\.path)
        #expect(paths.contains(bench.scratch["nowhere"]))
        #expect(stored.unreadableCount == paths.count)
        #expect(stored.unreadable.allSatisfy { !$0.reason.isEmpty })
        #expect(try #require(stored.files) >= 4)
    }

    @Test(arguments: RealTools.restics)
    func `a source of which nothing is there is no backup`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        let repository = try bench.repository()
        let error = await #expect(throws: RepositoryError.self) {
            try await repository.store(
                CapturedPart(
                    path: PartPath(rawValue: "/"), content: .files(FileSelection(roots: [bench.scratch["nowhere"]]))),
                as: TestBench.stamp("/")
            ) { _ in }
        }
        guard case .sourceUnreadable = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try repository.snapshotIDsOnDisk() == [])
    }

    @Test(arguments: RealTools.restics)
    func `excluded paths are matched by the letter`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        for name in ["[a]", "a", "x*", "xy", "q?", "qq", "back\\slash", "backslash", "$HOME", "!not"] {
            try bench.scratch.write("12", to: "source/\(name)")
        }
        var selection = FileSelection(roots: [bench.source])
        selection.excludedPaths = ["[a]", "x*", "q?", "back\\slash", "$HOME", "!not"].map { "\(bench.source)/\($0)" }
        let repository = try bench.repository()
        let stored = try await repository.store(
            CapturedPart(path: PartPath(rawValue: "/"), content: .files(selection)), as: TestBench.stamp("/")
        ) { _ in }
        let kept = Names()
        try await repository.reader(for: stored.snapshot).entries { if $0.type == .file { kept.add($0.path) } }
        #expect(kept.all == Set(["a", "xy", "qq", "backslash"].map { "\(bench.source)/\($0)" }))
    }

    @Test(arguments: RealTools.restics)
    func `patterns, cache folders and large files are left out`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.scratch.write("x", to: "source/keep.txt")
        try bench.scratch.write("x", to: "source/drop.tmp")
        try bench.scratch.write(
            "Signature: 8a477f597d28d172789f06886806bc55\n", to: "source/cache/CACHEDIR.TAG")
        try bench.scratch.write("x", to: "source/cache/junk")
        try bench.scratch.write(Data(count: 2_000_000), to: "source/large.bin")
        var selection = FileSelection(roots: [bench.source])
        selection.excludes = ["*.tmp"]
        selection.excludesCacheDirectories = true
        selection.excludesLargerThan = .mebibytes(1)
        let repository = try bench.repository()
        let stored = try await repository.store(
            CapturedPart(path: PartPath(rawValue: "/"), content: .files(selection)), as: TestBench.stamp("/")
        ) { _ in }
        let kept = Names()
        try await repository.reader(for: stored.snapshot).entries { if $0.type == .file { kept.add($0.path) } }
        #expect(kept.all == ["\(bench.source)/keep.txt", "\(bench.source)/cache/CACHEDIR.TAG"])
    }

    @Test(arguments: RealTools.oldestAndNewest)
    func `names that are no ordinary names are stored and restored`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.scratch.write("x", to: "source/-rf /with space/\u{1F600}\n\"'.txt")
        let repository = try bench.repository()
        let stored = try await bench.storeFiles(repository)
        let target = bench.scratch["out"]
        let report = try await repository.reader(for: stored.snapshot)
            .extract(include: [], into: target, exact: false) { _ in }
        #expect(report.errors.isEmpty)
        #expect(FileManager.default.contentsEqual(atPath: bench.source, andPath: target + bench.source))
    }
}
