import BackupModel
import Foundation
import TestSupport
import Testing

@testable import Repositories

@Suite struct ArchiveRepositoryTests {
    @Test(arguments: ArchiveBench.Way.allCases)
    func `what is stored is listed, and restored as it was`(way: ArchiveBench.Way) async throws {
        let bench = try await ArchiveBench(way)
        try bench.fillSource()
        let repository = try await bench.created()
        let stored = try await bench.storeRun(repository)
        #expect(stored[0].unreadableCount == 0)
        #expect(stored[0].files == 8)

        let snapshots = try await bench.repository().snapshots()
        #expect(Set(snapshots.map(\.id)) == Set(stored.map(\.snapshot)))
        #expect(try repository.snapshotIDsOnDisk() == Set(stored.map(\.snapshot)))
        #expect(snapshots.compactMap(\.stamp).count == 3)

        let target = bench.scratch["restored"]
        let report = try await bench.repository().reader(for: stored[0].snapshot).extract(
            include: [], into: target, exact: false
        ) { _ in }
        #expect(report.errors.isEmpty)
        #expect((report.files, report.bytes) == (stored[0].files ?? 0, stored[0].bytes))
        #expect(try await bench.differences(target + bench.source) == "")

        let dump = bench.scratch["dump"]
        _ = try await repository.reader(for: stored[1].snapshot).extract(include: [], into: dump, exact: false) { _ in }
        let text = try String(contentsOfFile: dump + "/postgres/app.sql", encoding: .utf8)
        #expect(text.split(separator: "\n").count == 20000)

        let bytes = try await repository.reader(for: stored[2].snapshot).content(
            of: PartPath(rawValue: Manifest.fileName), limit: .mebibytes(1))
        #expect(String(decoding: bytes, as: UTF8.self).contains(ArchiveBench.run))

        let report2 = try await repository.verify(.allData) { _ in }
        #expect(report2.isSound, "\(report2)")
        #expect(report2.damagedFiles.isEmpty)
    }

    @Test func `files bear the names that people look for, and nothing of them is in the clear`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        try bench.scratch.write("needle-in-the-clear", to: "source/needle")
        let repository = try await bench.created()
        _ = try await bench.storeRun(repository)
        let stamp = RunNames.stamp(of: RunID(unchecked: ArchiveBench.run), now: Date())
        #expect(
            try bench.names()
                == [
                    stamp, "\(stamp)/hermes-backup-\(stamp).json", "\(stamp)/hermes-backup-\(stamp).tar.gz.enc",
                    "\(stamp)/hermes-backup-db-app.sql-\(stamp).gz.enc",
                ].sorted())
        #expect(try await bench.shell("grep -rlE 'needle|alpha|b \\[1' '\(bench.folder)' || true") == "")
        #expect(try await bench.shell("find '\(bench.folder)' -perm /077") == "")
        let manifest = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(fileURLWithPath: bench.path(ending: "backup-\(stamp).json"))))
        let members = try #require(manifest as? [String: Any])
        let digest = try await bench.shell("sha256sum < '\(bench.path(ending: ".tar.gz.enc"))'").prefix(64)
        #expect(members["sha256"] as? String == String(digest))
        #expect(members["archive"] as? String == "hermes-backup-\(stamp).tar.gz.enc")
    }

    @Test(arguments: ArchiveBench.Way.allCases)
    func `standard tools open an archive by hand, and its own digests prove it`(way: ArchiveBench.Way) async throws {
        let bench = try await ArchiveBench(way)
        try bench.fillSource()
        let repository = try await bench.created()
        _ = try await bench.storeRun(repository)
        let opening =
            switch way {
            case .age: "age -d -i identity '\(try bench.path(ending: ".tar.zst.age"))' | zstd -dq"
            case .agePassphrase:
                "(cat password; echo; sleep 1) | script -qec \"age -d -o plain '\(try bench.path(ending: ".tar.zst.age"))'\" "
                    + "/dev/null > said; zstd -dq < plain"
            case .gpg:
                "GNUPGHOME=$PWD gpg --batch --quiet --pinentry-mode loopback --no-autostart --passphrase-file password "
                    + "-d '\(try bench.path(ending: ".tar.zst.gpg"))' | zstd -dq"
            case .openssl:
                "openssl enc -d -aes-256-cbc -pbkdf2 -pass file:password -in '\(try bench.path(ending: ".tar.gz.enc"))' | gzip -d"
            }
        _ = try await bench.shell("mkdir byhand && \(opening) | tar -xpf - -C byhand")
        _ = try await bench.shell("cd byhand && sha256sum --quiet -c .holdfast-sha256sums && rm .holdfast-sha256sums")
        #expect(try await bench.differences(bench.scratch["byhand/source"]) == "")
    }

    @Test func `a manifest's code can be tested by hand, as the documentation says`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        _ = try await bench.storeRun(try await bench.created())
        let page = try String(contentsOfFile: RealTools.packageRoot + "/docs/archives.md", encoding: .utf8)
        let script = try #require(
            page.components(separatedBy: "```python\n").last?.components(separatedBy: "```").first
        )
        .replacing("hermes-backup-20261121-030000.json", with: try bench.path(ending: ".json"))
        for (password, verdict) in [("correct horse", "True\n"), ("wrong horse", "False\n")] {
            try bench.scratch.write(script.replacing("the password", with: password), to: "test.py")
            #expect(try await bench.shell("python3 test.py") == verdict)
        }
    }

    @Test func `a producer that fails leaves nothing anywhere`() async throws {
        let bench = try await ArchiveBench(.openssl)
        let repository = try await bench.created()
        await #expect {
            try await bench.storeDump(repository, "seq 1 100000; exit 3")
        } throws: { error in
            guard case .producerFailed(_, let how, _, nil)? = error as? RepositoryError else { return false }
            return how.contains("3")
        }
        #expect(try bench.names() == [])
        await #expect {
            try await bench.storeDump(repository, "exit 0")
        } throws: { error in
            guard case .producedNothing? = error as? RepositoryError else { return false }
            return true
        }
        #expect(try bench.names() == [])
        // What stored well before stays, and the manifest closes the run without the other.
        try await bench.storeDump(repository, as: "/a/one.sql")
        await #expect(throws: RepositoryError.self) {
            try await bench.storeDump(repository, "exit 3", as: "/b/two.sql")
        }
        _ = try await bench.finish(repository)
        #expect(try await repository.snapshots().count == 2)
    }

    @Test func `two runs of one second have a folder each, and parts with one name a file each`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        let repository = try await bench.created()
        let other = "20261121T023000Z-000001"
        let first = try await bench.storeRun(repository)
        try await bench.storeDump(repository, run: other, as: "/one/app.sql")
        try await bench.storeDump(repository, run: other, as: "/two/app.sql")
        try await bench.storeTree(repository, run: other)
        try await bench.finish(repository, run: other)
        let stamp = RunNames.stamp(of: RunID(unchecked: ArchiveBench.run), now: Date())
        #expect(
            Set(try bench.names().filter { $0.hasPrefix(stamp + "-2/") }) == [
                "\(stamp)-2/hermes-backup-\(stamp)-2.json", "\(stamp)-2/hermes-backup-\(stamp)-2.tar.gz.enc",
                "\(stamp)-2/hermes-backup-db-app.sql-\(stamp)-2.gz.enc",
                "\(stamp)-2/hermes-backup-db-app.sql-2-\(stamp)-2.gz.enc",
            ])
        #expect(try await repository.snapshots().count == first.count + 4)
        #expect(try await repository.verify(.structure) { _ in }.isSound)
    }

    @Test func `what a killed run left is never complete, and prune removes it`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        let repository = try await bench.created()
        try await bench.storeTree(repository)
        #expect(try bench.names().allSatisfy { $0.hasPrefix(".incomplete-") })
        let again = try bench.repository()
        #expect(try await again.snapshots().count == 1)
        #expect(try await again.verify(.structure) { _ in }.isSound)
        #expect(try await again.prune(dryRun: true).count == 1)
        #expect(try !bench.names().isEmpty)
        _ = try await again.prune(dryRun: false)
        #expect(try bench.names() == [])
    }

    @Test func `forgetting one part rewrites the manifest, and the last takes the folder`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        let repository = try await bench.created()
        let stored = try await bench.storeRun(repository)
        let report = try await repository.forget([stored[0].snapshot])
        #expect(report == ForgetReport(removed: [stored[0].snapshot], remaining: []))
        #expect(try await Set(repository.snapshots().map(\.id)) == Set(stored.dropFirst().map(\.snapshot)))
        #expect(try await repository.verify(.allData) { _ in }.isSound)
        // The manifest of parts that are still there stays.
        #expect(try await repository.forget([stored[2].snapshot]).remaining == [stored[2].snapshot])
        #expect(try await repository.forget([stored[1].snapshot, stored[2].snapshot]).remaining.isEmpty)
        #expect(try bench.names() == [])
    }

    @Test func `excludes, caches and the repository itself stay out`() async throws {
        let bench = try await ArchiveBench(.openssl)
        for name in ["keep.txt", "drop.tmp", "logs/x.txt", "cache/x.txt", "literal[1]"] {
            try bench.scratch.write("x", to: "source/" + name)
        }
        try bench.scratch.write("Signature: 8a477f597d28d172789f06886806bc55\n", to: "source/cache/CACHEDIR.TAG")
        let repository = try bench.repository(["archive": .string(bench.source + "/archives")])
        _ = try await repository.create()
        _ = mkfifo(bench.source + "/pipe", 0o600)
        let stored = try await bench.storeTree(repository) { selection in
            selection.excludes = ["*.tmp", "logs"]
            selection.excludesCacheDirectories = true
            selection.excludedPaths = [bench.source + "/literal[1]"]
        }
        let found = Names()
        try await repository.reader(for: stored.snapshot).entries { found.add($0.path) }
        #expect(
            found.all == Set(["", "/keep.txt", "/cache", "/cache/CACHEDIR.TAG"].map { bench.source + $0 }))
        #expect(stored.notices.contains { $0.contains("1 socket, pipe or device") })
        await #expect(throws: RepositoryError.self) {
            try await bench.storeTree(repository) { $0.excludes = ["!keep.txt"] }
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to mount"))
    func `a copy stands in for its original inside the tree`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.scratch.write("the live database", to: "source/state.db")
        let copy = try bench.scratch.write("a consistent copy", to: "copies/1")
        let repository = try await bench.created()
        let live = bench.source + "/state.db"
        let stored = try await bench.storeTree(repository) { $0.substitutes = [live: copy] }
        let content = try await repository.reader(for: stored.snapshot).content(
            of: PartPath(rawValue: live), limit: .kibibytes(1))
        #expect(String(decoding: content, as: UTF8.self) == "a consistent copy")
    }

    @Test func `the archives and logs of an older script may stay where they are`() async throws {
        let bench = try await ArchiveBench(.openssl)
        try bench.fillSource()
        let old = "20260415-030000/hermes-backup-20260415-030000"
        try bench.scratch.write("old", to: "archives/\(old).tar.gz.enc")
        try bench.scratch.write(#"{"archive_sha256": "00"}"#, to: "archives/\(old).json")
        try bench.scratch.write("log", to: "archives/logs/backup_pipeline.log")
        let repository = try bench.repository()
        #expect(try await repository.inspect(pin: nil) == .absent)
        _ = try await repository.create()
        let stored = try await bench.storeRun(repository)
        #expect(try await Set(repository.snapshots().map(\.id)) == Set(stored.map(\.snapshot)))
        #expect(try await repository.verify(.allData) { _ in }.isSound)
        _ = try await repository.prune(dryRun: false)
        #expect(try bench.names().contains("\(old).tar.gz.enc"))
        // One whose own file is lost is not made anew over its archives, nor is one made among anything else.
        try FileManager.default.removeItem(atPath: bench.folder + "/.holdfast-archive.json")
        guard case .occupied(let what) = try await bench.repository().inspect(pin: nil) else {
            Issue.record("it would be made anew")
            return
        }
        #expect(what.contains("archives"))
        let other = try bench.repository(["archive": .string(bench.source)])
        guard case .occupied = try await other.inspect(pin: nil) else {
            Issue.record("it would be made among other files")
            return
        }
    }

    @Test func `a tree as deep as paths may be goes in and comes back`() async throws {
        let bench = try await ArchiveBench(.age)
        _ = try await bench.shell(
            "python3 -c 'import os; os.mkdir(\"source\"); os.chdir(\"source\"); [(os.mkdir(\"d\"), os.chdir(\"d\")) for _ in range(1500)]; open(\"f\", \"w\").write(\"x\")'"
        )
        let repository = try await bench.created()
        let stored = try await bench.storeTree(repository)
        #expect(stored.files == 1)
        #expect(stored.unreadableCount == 0)
        let target = bench.scratch["r"]
        let report = try await repository.reader(for: stored.snapshot).extract(
            include: [], into: target, exact: false
        ) { _ in }
        #expect(report.files == 1)
        // Nothing of the names stays behind, nor what a process that was killed left of them.
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.scratch["cache/archive"]).isEmpty)
        try bench.scratch.write("x", to: "cache/archive/names-999999999-1-AAAA")
        try await bench.storeTree(repository, run: "20261122T023000Z-000005")
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.scratch["cache/archive"]).isEmpty)
        _ = try await bench.shell("rm -rf source r")
    }
}
