import BackupModel
import Digests
import Foundation
import TestSupport
import Testing

@testable import Repositories

@Suite struct ArchiveRestoreTests {
    /// What lies in the test's folder beside what was there before.
    private func leftovers(_ bench: ArchiveBench) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: bench.scratch.path).filter { $0.contains(".holdfast-") }
    }

    @Test func `several roots come back at their paths, all or some`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        let single = try bench.scratch.write("alone", to: "elsewhere/single.txt")
        let repository = try await bench.created()
        let sub = bench.source + "/sub"
        let stored = try await bench.storeTree(repository) { $0.roots = [sub, single] }
        let reader = repository.reader(for: stored.snapshot)
        let found = Names()
        try await reader.entries { found.add($0.path) }
        #expect(found.all.isSuperset(of: [sub, sub + "/b [1]*.txt", single]))

        let all = bench.scratch["all"]
        #expect(try await reader.extract(include: [], into: all, exact: false) { _ in }.files == stored.files)
        #expect(try String(contentsOfFile: all + single, encoding: .utf8) == "alone")
        let some = bench.scratch["some"]
        let wanted = sub + "/b [1]*.txt"
        #expect(try await reader.extract(include: [wanted], into: some, exact: false) { _ in }.files == 1)
        #expect(try String(contentsOfFile: some + wanted, encoding: .utf8) == "beta")
        #expect(!FileManager.default.fileExists(atPath: some + single))

        let none = bench.scratch["none"]
        await #expect {
            _ = try await reader.extract(include: [sub + "/missing"], into: none, exact: false) { _ in }
        } throws: { error in
            guard case .notFound? = error as? RepositoryError else { return false }
            return true
        }
        #expect(!FileManager.default.fileExists(atPath: none))
        #expect(try leftovers(bench).isEmpty)
        // One file, by a chain of programs.
        let content = try await reader.content(of: PartPath(rawValue: single), limit: .kibibytes(1))
        #expect(String(decoding: content, as: UTF8.self) == "alone")
    }

    @Test func `what is in the way stays as it is, and nothing is restored`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        let repository = try await bench.created()
        let stored = try await bench.storeTree(repository)
        let target = bench.scratch["target"]
        let mine = try bench.scratch.write("mine", to: "target" + bench.source + "/sub/back\\nslash")
        await #expect(throws: RepositoryError.self) {
            _ = try await repository.reader(for: stored.snapshot).extract(include: [], into: target, exact: false) {
                _ in
            }
        }
        #expect(try String(contentsOfFile: mine, encoding: .utf8) == "mine")
        #expect(!FileManager.default.fileExists(atPath: target + bench.source + "/a.txt"))
        #expect(try leftovers(bench).isEmpty)
        // What is beside it stays too.
        try FileManager.default.removeItem(atPath: mine)
        try bench.scratch.write("beside", to: "target" + bench.source + "/sub/beside")
        let report = try await repository.reader(for: stored.snapshot).extract(
            include: [], into: target, exact: false
        ) { _ in }
        #expect(report.files == stored.files)
        #expect(FileManager.default.fileExists(atPath: target + bench.source + "/sub/beside"))
    }

    @Test(arguments: ["dots", "absolute", "link", "device"])
    func `a tree that would leave the target is refused, whoever made it`(way: String) async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        let repository = try await bench.created()
        let stored = try await bench.storeRun(repository)
        // Made by somebody who has the password, and so a good manifest too.
        let making =
            switch way {
            case "dots": "echo x > evil && mkdir in && tar -C in -cPf bad.tar ../evil"
            case "absolute": "echo x > evil && tar -cPf bad.tar $PWD/evil"
            case "link":
                "ln -s $PWD l && echo x > evil && tar -cPf bad.tar l && tar --transform 's,^evil,l/evil2,' -rPf bad.tar evil"
            default: "mknod null c 1 3 && tar -cPf bad.tar null"
            }
        if way == "device", geteuid() != 0 { return }
        let path = try bench.path(ending: ".tar.gz.enc")
        _ = try await bench.shell(
            "\(making) && gzip -c bad.tar | openssl enc -aes-256-cbc -salt -pbkdf2 -pass file:password > '\(path)' && rm -f evil"
        )
        let digest = try await bench.shell("sha256sum < '\(path)'").prefix(64)
        let runs = ArchiveRuns(access: repository.access)
        let run = try #require(try runs.all().first)
        var manifest = run.manifest
        let index = try #require(manifest.files.firstIndex { $0.sha256 == stored[0].snapshot.rawValue })
        manifest.files[index].sha256 = String(digest)
        manifest.files[index].bytes = try #require(
            try repository.access.folder.size(of: "\(run.folder)/\(manifest.files[index].name)"))
        let seal = ArchiveSeal(access: repository.access, keys: try await repository.access.keys())
        try repository.access.folder.write(try await seal.sealed(manifest), to: "\(run.folder)/\(run.file)")

        let before = try FileManager.default.contentsOfDirectory(atPath: bench.scratch.path).sorted()
        let error = await #expect(throws: RepositoryError.self) {
            _ = try await repository.reader(for: SnapshotID(rawValue: String(digest))).extract(
                include: [], into: bench.scratch["restored"], exact: false
            ) { _ in }
        }
        guard case .damaged = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.scratch.path).sorted() == before)
        #expect(try await !repository.verify(.allData) { _ in }.isSound)
    }
}
