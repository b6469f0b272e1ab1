import BackupModel
import Foundation
import Repositories
import TestSupport
import Testing

@Suite(.enabled(if: !RealTools.restics.isEmpty && geteuid() == 0, "needs root to mount"))
struct ResticOverlayTests {
    @Test(arguments: RealTools.restics)
    func `a copy stands in for its original, at the original's path`(restic: RealTools.Restic) async throws {
        let bench = try TestBench.prepared(restic)
        try bench.scratch.write("the live database", to: "source/sub/app [1].db")
        try bench.scratch.write("neighbour", to: "source/sub/a.txt")
        let copy = try bench.scratch.write("a consistent copy", to: "copies/1")
        let live = bench.source + "/sub/app [1].db"
        var selection = FileSelection(roots: [bench.source])
        selection.substitutes = [live: copy]
        let repository = try bench.repository()
        let stored = try await repository.store(
            CapturedPart(path: PartPath(rawValue: "/"), content: .files(selection)), as: TestBench.stamp("/")
        ) { _ in }
        #expect(stored.files == 2)
        let reader = repository.reader(for: stored.snapshot)
        let content = try await reader.content(of: PartPath(rawValue: live), limit: .kibibytes(1))
        #expect(String(decoding: content, as: UTF8.self) == "a consistent copy")
        #expect(try String(contentsOfFile: live, encoding: .utf8) == "the live database")
    }
}
