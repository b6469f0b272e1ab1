import BackupModel
import Foundation
import TestSupport
import Testing

/// Restores that put things where they live.
@Suite("Restoring into place", .enabled(if: !RealTools.restics.isEmpty))
struct InPlaceTests {
    func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    func content(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    func names(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    func journal(_ world: World) throws -> [String] {
        let folder = world.folder["state/journal/test"]
        return FileManager.default.fileExists(atPath: folder) ? try names(folder) : []
    }

    // MARK: Files

    @Test(.timeLimit(.minutes(5)), arguments: RealTools.restics)
    func `everything that a file is comes back, and undo brings back what was there`(restic: RealTools.Restic)
        async throws
    {
        let world = try World("inplace-files", restic: restic)
        let documents = world.documents
        let made = try await world.program.runTool(
            "python3", "-c",
            """
            import os, sys
            d = os.fsencode(sys.argv[1])
            os.chmod(d + b'/one.txt', 0o4640)
            os.link(d + b'/one.txt', d + b'/hard')
            os.symlink('one.txt', d + b'/link'); os.symlink('/nowhere', d + b'/dangling')
            for name in (b'Case', b'case', b'new\\nline', b'not-utf8-\\xff\\xfe', 'é'.encode()):
                open(d + b'/' + name, 'wb').write(name)
            os.mkdir(d + b'/empty', 0o2750)
            with open(d + b'/sparse', 'wb') as f: f.seek(30_000_000); f.write(b'end')
            os.setxattr(d + b'/one.txt', 'user.note', b'kept')
            # u::rw-,u:1234:r--,g::r--,m::r--,o::---
            acl = b'\\x02\\0\\0\\0' + b''.join(t.to_bytes(2,'little') + p.to_bytes(2,'little') + i.to_bytes(4,'little')
                for t, p, i in ((1,6,0xffffffff),(2,4,1234),(4,4,0xffffffff),(16,4,0xffffffff),(32,0,0xffffffff)))
            try: os.setxattr(d + b'/deep/two.txt', 'system.posix_acl_access', acl)
            except OSError: pass
            if os.geteuid() == 0: os.chown(d + b'/deep/two.txt', 1234, 5678)
            os.utime(d + b'/one.txt', ns=(1, 1_600_000_000_123_456_789)); os.utime(d + b'/deep', ns=(1, 1_500_000_000_000_000_000))
            """, documents)
        #expect(made.code == 0, "\(made)")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let before = world.folder["before"]
        #expect(try await world.program.runTool("cp", "-a", documents, before).code == 0)
        try write("changed\n", documents + "/one.txt")
        try FileManager.default.removeItem(atPath: documents + "/deep")
        try write("mine\n", documents + "/added")

        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(try await world.differences(before, documents) == "")
        let facts = try await world.program.runTool(
            "python3", "-c",
            """
            import os, sys
            a, b = (os.fsencode(p) for p in sys.argv[1:])
            def look(d):
                s = os.lstat(d + b'/one.txt'); t = os.lstat(d + b'/deep/two.txt')
                return (s.st_mode, s.st_nlink, s.st_mtime_ns, os.lstat(d + b'/hard').st_ino == s.st_ino, t.st_uid, t.st_gid,
                    sorted((x, os.getxattr(p, x)) for p in (d + b'/one.txt', d + b'/deep/two.txt') for x in os.listxattr(p)),
                    os.lstat(d + b'/empty').st_mode, os.lstat(d).st_mode, sorted(os.listdir(d)))
            x, y = look(a), look(b)
            print('same' if x == y else (x, y))
            """, before, documents)
        #expect(facts.output.trimmingCharacters(in: .whitespacesAndNewlines) == "same", "\(facts)")
        if restic.version != "0.14.0" {
            let blocks = try await world.program.runTool("stat", "--format", "%b", documents + "/sparse")
            #expect(Int(blocks.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .max < 1000, "\(blocks)")
        }
        let undone = try await world.program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0, "\(undone)")
        #expect(content(documents + "/one.txt") == "changed\n" && content(documents + "/added") == "mine\n")
        let kept = try await world.program.run("restore", "--kept", "--json")
        let first = try #require(try kept.document().objects("kept").first)
        #expect(first.objects("places").first?.text("place") == documents)
        let discarded = try await world.program.run("restore", "--discard", first.text("run"), "--yes")
        #expect(discarded.code == 0, "\(discarded)")
        #expect(try names(world.folder.path).filter { $0.contains(".before-") || $0.contains(".holdfast-") }.isEmpty)
        #expect(try journal(world).isEmpty)
        let none = try await world.program.run("restore", "--undo", "--yes")
        #expect(none.code == 1 && none.errors.contains("nothing is kept aside"), "\(none)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `one file alone is put back, and what is not in the restore point is refused`() async throws {
        let world = try World("inplace-path")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let file = world.documents + "/deep/two.txt"
        try write("changed\n", file)
        try write("changed too\n", world.documents + "/one.txt")
        let plan = try await world.program.run("restore", "latest", "--path", file, "--dry-run", "--json")
        #expect(try plan.lines().first?.texts("paths") == [file], "\(plan)")
        let restored = try await world.program.run("restore", "latest", "--path", file, "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(content(file) == "two\n" && content(world.documents + "/one.txt") == "changed too\n")
        let none = try await world.program.run("restore", "latest", "--path", "/elsewhere/x", "--yes")
        #expect(
            none.code == 1 && none.errors.contains("nothing in this restore point lives at /elsewhere/x"), "\(none)")
        let gone = try await world.program.run("restore", "latest", "--path", world.documents + "/no", "--yes")
        #expect(gone.code == 1 && gone.errors.contains("has nothing at"), "\(gone)")
        let beside = try await world.program.run(
            "restore", "latest", "--path", file, "--to", world.folder["r"], "--yes")
        #expect(beside.code == 0, "\(beside)")
        #expect(content(world.folder["r/documents"] + file) == "two\n")
    }

    @Test(.timeLimit(.minutes(5)))
    func `nobody is asked where nobody is, and what does not go together is refused`() async throws {
        let world = try World("inplace-words")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let unasked = try await world.program.run("restore", "latest")
        #expect(unasked.code == 64 && unasked.errors.contains("--yes"), "\(unasked)")
        #expect(unasked.output.contains("INTO PLACE"), "the plan is seen all the same")
        for words in [
            ["--undo", "--kept"], ["--undo", "--to", "/x"], ["--kept", "RUN"], ["latest", "--exact"],
            ["latest", "--path", "relative"], ["latest", "--to", "/x", "--while-in-use"],
        ] {
            let result = try await world.program.run(["restore"] + words)
            #expect(result.code == 64, "\(words): \(result)")
        }
        let unpicked = try await world.program.run("restore", "--yes")
        #expect(unpicked.code == 64 && unpicked.errors.contains("which restore point?"), "\(unpicked)")
    }

    @Test(.timeLimit(.minutes(5)))
    func `a program that has a file there open stops it`() async throws {
        let world = try World("inplace-open")
        try world.writeDocumentsProfile()
        try await world.backUp()
        let file = world.documents + "/one.txt"
        let writer = try Process.run(
            URL(fileURLWithPath: "/bin/sh"), arguments: ["-c", "exec sleep 60 >>'\(file)'"])
        defer { writer.terminate() }
        try await Task.sleep(for: .milliseconds(200))
        let refused = try await world.program.run("restore", "latest", "--yes")
        #expect(refused.code == 1 && refused.errors.contains("sleep (process"), "\(refused)")
        #expect(try names(world.folder.path).allSatisfy { !$0.contains(".before-") && !$0.hasPrefix(".holdfast") })
        let forced = try await world.program.run("restore", "latest", "--yes", "--while-in-use")
        #expect(forced.code == 0, "\(forced)")
    }

    @Test(.timeLimit(.minutes(5)), .enabled(if: geteuid() == 0, "needs root"))
    func `a full disk leaves everything as it was`() async throws {
        let world = try World("inplace-full")
        let disk = try TemporaryFileSystem(at: world.folder["disk"], kibibytes: 3000)
        defer { disk.unmount() }
        try FileManager.default.createDirectory(atPath: world.folder["disk/live"], withIntermediateDirectories: true)
        try Data((0..<2_000_000).map { _ in UInt8.random(in: 0...255) })
            .write(to: URL(fileURLWithPath: world.folder["disk/live/big"]))
        try world.writeProfile("  data: { files: \"\(world.folder["disk/live"])\" }")
        try await world.backUp()
        let told = try await world.program.run("restore", "latest", "--yes")
        #expect(told.code == 74 && told.errors.contains("are needed beside what is there"), "\(told)")
        // The room goes while it restores: the plan could not know.
        try FileManager.default.removeItem(atPath: world.folder["disk/live/big"])
        try write("small", world.folder["disk/live/note"])
        let restic = try #require(RealTools.restics.last).path
        try world.program.writeTool(
            "restic",
            "case \"$*\" in *restore*) head -c 2400000 /dev/zero >\"\(world.folder["disk/filler"])\" ;; esac; exec \(restic) \"$@\""
        )
        let result = try await world.program.run("restore", "latest", "--yes")
        #expect(result.code != 0, "\(result)")
        #expect(content(world.folder["disk/live/note"]) == "small")
        #expect(try names(world.folder["disk"]) == ["filler", "live"])
    }

    // MARK: Killed

    static let moments: [RunMoment] = [.staged, .settlementJournaled, .besidePlace, .settled, .allSettled]

    @Test(.timeLimit(.minutes(5)), arguments: moments)
    func `killed at any moment, all is as it was or the next command makes all of it new`(moment: RunMoment)
        async throws
    {
        let world = try World("inplace-kill")
        let database = world.folder["app.db"]
        _ = try await world.program.runTool("sqlite3", database, "CREATE TABLE t(x); INSERT INTO t VALUES (1),(2);")
        try world.writeProfile(
            "  documents: { files: \"\(world.documents)\" }\n  state: { sqlite: \"\(database)\" }")
        try await world.backUp()
        try write("changed\n", world.documents + "/one.txt")
        _ = try await world.program.runTool("sqlite3", database, "DELETE FROM t")
        let killed = try await world.program.run(
            "restore", "latest", "--yes", environment: ["HOLDFAST_FAILPOINT": "\(moment.rawValue):kill"])
        #expect(killed.code == -SIGKILL, "\(killed)")
        let recovered = try await world.program.run("recover")
        #expect(recovered.code == 0, "\(recovered)")
        let rows = try await world.program.runTool("sqlite3", database, "SELECT count(*) FROM t")
        let isNew = [RunMoment.settled, .allSettled].contains(moment)
        #expect(content(world.documents + "/one.txt") == (isNew ? "one\n" : "changed\n"))
        #expect(rows.output.contains(isNew ? "2" : "0"), "\(rows)")
        #expect(try names(world.folder.path).filter { $0.hasPrefix(".holdfast") }.isEmpty)
        #expect(try journal(world).allSatisfy { isNew && $0.hasPrefix("kept-") })
        if isNew {
            let undone = try await world.program.run("restore", "--undo", "--yes")
            #expect(undone.code == 0, "\(undone)")
            #expect(content(world.documents + "/one.txt") == "changed\n")
        }
        let again = try await world.program.run("restore", "latest", "--yes")
        #expect(again.code == 0, "\(again)")
        #expect(content(world.documents + "/one.txt") == "one\n")
    }
}
