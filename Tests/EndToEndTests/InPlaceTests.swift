import BackupModel
import Foundation
import TestSupport
import Testing

/// Restores that put things where they live.
@Suite("Restoring into place", .enabled(if: !RealTools.restics.isEmpty))
struct InPlaceTests {
    private func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private func content(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    private func names(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    private func journal(_ world: World) throws -> [String] {
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
        #expect(gone.code == 1 && gone.errors.contains("was not found"), "\(gone)")
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

    // MARK: SQLite

    @Test(.timeLimit(.minutes(5)))
    func `a live database that somebody has open is refused, and its log goes aside with it`() async throws {
        let world = try World("inplace-sqlite")
        let database = world.folder["app.db"]
        _ = try await world.program.runTool(
            "sqlite3", database, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1);")
        _ = try await world.program.runTool("chmod", "660", database)
        try world.writeProfile("  state: { sqlite: \"\(database)\" }")
        try await world.backUp()
        let script = """
            import sqlite3, sys, os, time
            c = sqlite3.connect(sys.argv[1], isolation_level=None)
            c.execute('INSERT INTO t VALUES (2)')
            open(sys.argv[2], 'w').close()
            time.sleep(60)
            """
        let ready = world.folder["ready"]
        let user = try Process.run(
            URL(fileURLWithPath: "/usr/bin/python3"), arguments: ["-c", script, database, ready])
        for _ in 0..<200 where !FileManager.default.fileExists(atPath: ready) {
            try await Task.sleep(for: .milliseconds(50))
        }
        let refused = try await world.program.run("restore", "latest", "--yes")
        #expect(refused.code == 1 && refused.errors.contains("is writing"), "\(refused)")
        kill(user.processIdentifier, SIGKILL)
        user.waitUntilExit()
        // What it committed is in the log alone.
        #expect(FileManager.default.fileExists(atPath: database + "-wal"))
        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(!FileManager.default.fileExists(atPath: database + "-wal"))
        #expect(try await world.program.runTool("sqlite3", database, "SELECT count(*) FROM t").output == "1\n")
        let mode = try FileManager.default.attributesOfItem(atPath: database)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o660)
        let undone = try await world.program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0, "\(undone)")
        #expect(try await world.program.runTool("sqlite3", database, "SELECT count(*) FROM t").output == "2\n")
    }

    @Test(.timeLimit(.minutes(5)), arguments: [RunMoment.settlementJournaled, .besidePlace])
    func `killed beside a database with a log, what is written afterwards is not lost`(moment: RunMoment) async throws {
        let world = try World("inplace-log")
        let database = world.folder["app.db"]
        func sql(_ text: String) async throws -> String {
            try await world.program.runTool("sqlite3", database, text).output
        }
        _ = try await sql("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES (1);")
        try world.writeProfile("  state: { sqlite: \"\(database)\" }")
        try await world.backUp()
        // A writer that dies leaves what it committed in the log.
        _ = try await world.program.runTool(
            "python3", "-c",
            """
            import os, sqlite3, sys
            c = sqlite3.connect(sys.argv[1], isolation_level=None)
            for i in range(100): c.execute('INSERT INTO t VALUES (2)')
            os._exit(0)
            """, database)
        #expect(FileManager.default.fileExists(atPath: database + "-wal"))
        let killed = try await world.program.run(
            "restore", "latest", "--yes", environment: ["HOLDFAST_FAILPOINT": "\(moment.rawValue):kill"])
        #expect(killed.code == -SIGKILL, "\(killed)")
        #expect(try await sql("SELECT count(*) FROM t") == "101\n", "all of it is there")
        _ = try await sql("INSERT INTO t VALUES (3),(3),(3)")
        let recovered = try await world.program.run("recover")
        #expect(recovered.code == 0, "\(recovered)")
        #expect(try await sql("SELECT count(*) FROM t") == "104\n")
        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(try await sql("SELECT count(*) FROM t") == "1\n")
        let undone = try await world.program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0, "\(undone)")
        #expect(try await sql("SELECT count(*) FROM t; PRAGMA integrity_check") == "104\nok\n")
    }

    // MARK: PostgreSQL

    @Test(.timeLimit(.minutes(5)), .enabled(if: PrivatePostgres.programs != nil, "PostgreSQL is not installed"))
    func `a database is proven under another name and takes its own, on a server that lacks its roles too`()
        async throws
    {
        let postgres = try PrivatePostgres()
        let name = "shop"
        _ = try postgres.sql("CREATE ROLE keeper LOGIN PASSWORD 'opensesame'; CREATE DATABASE \(name) OWNER keeper")
        _ = try postgres.sql(
            "CREATE TABLE t AS SELECT generate_series(1, 500) AS x; ALTER TABLE t OWNER TO keeper", database: name)
        let world = try World("inplace-postgres")
        try world.writeProfile(
            "  db: { postgres: { database: \(name), host: \"\(postgres.socketFolder)\", user: \(postgres.superuser) } }"
        )
        try await world.backUp()
        _ = try postgres.sql("DELETE FROM t WHERE x > 3", database: name)
        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0 && restored.said.contains("500 rows"), "\(restored)")
        #expect(try postgres.sql("SELECT count(*) FROM t", database: name) == "500")
        let undone = try await world.program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0, "\(undone)")
        #expect(try postgres.sql("SELECT count(*) FROM t", database: name) == "3")
        let discarded = try await world.program.run("restore", "--discard", "--yes")
        #expect(discarded.code == 0, "\(discarded)")
        #expect(try postgres.sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'shop%'") == "1")

        // A new machine.
        _ = try postgres.sql("DROP DATABASE \(name)")
        _ = try postgres.sql("DROP ROLE keeper")
        let anew = try await world.program.run("restore", "latest", "--yes")
        #expect(anew.code == 0 && anew.said.contains("made the role keeper"), "\(anew)")
        #expect(!anew.said.contains("opensesame") && !anew.said.contains("SCRAM"))
        #expect(try postgres.sql("SELECT count(*) FROM t", database: name) == "500")
        #expect(try postgres.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'shop'") == "keeper")
        #expect(try postgres.sql("SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'keeper'") == "t")
    }

    // MARK: Services

    @Test(.timeLimit(.minutes(5)))
    func `a service rests only while things change places, and is started again whatever happens`() async throws {
        let scene = try HookScene("inplace-hook", more: "for: [restore]")
        let backup = try await scene.program.run("backup")
        #expect(backup.code == 0, "\(backup)")
        #expect(scene.log.isEmpty, "not for a backup: \(scene.log)")
        let plan = try await scene.program.run("restore", "latest", "--dry-run")
        #expect(plan.output.contains("stopped meanwhile: app"), "\(plan)")
        let restored = try await scene.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(
            scene.log.map { $0.split(separator: " ")[0] } == [
                "resource.inspect", "resource.acquire", "resource.release",
            ])
        #expect(scene.isServing)
        let killed = try await scene.program.run(
            "restore", "latest", "--yes", environment: ["HOLDFAST_FAILPOINT": "settlementJournaled:kill"])
        #expect(killed.code == -SIGKILL && !scene.isServing, "\(killed)")
        let recovered = try await scene.program.run("recover")
        #expect(recovered.code == 0 && scene.isServing, "\(recovered)")
    }

    // MARK: Git

    @Test(.timeLimit(.minutes(5)))
    func `untracked files go back among those that git keeps, which stay`() async throws {
        let world = try World("inplace-git")
        let tree = world.folder["tree"]
        let made = try await world.program.runTool(
            "bash", "-c",
            """
            git init -q '\(tree)' && cd '\(tree)' && git config user.email a@b && git config user.name a && echo tracked > t &&
            git add t && git commit -qm x && mkdir -p plans && echo plan > plans/p.md && echo env > .env
            """)
        #expect(made.code == 0, "\(made)")
        try world.writeProfile("  plans: { git-untracked: \"\(tree)\" }")
        try await world.backUp()
        try write("tracked and newer", tree + "/t")
        try write("changed", tree + "/plans/p.md")
        try FileManager.default.removeItem(atPath: tree + "/.env")
        let restored = try await world.program.run("restore", "latest", "--yes")
        #expect(restored.code == 0, "\(restored)")
        #expect(content(tree + "/plans/p.md") == "plan\n" && content(tree + "/.env") == "env\n")
        #expect(content(tree + "/t") == "tracked and newer" && FileManager.default.fileExists(atPath: tree + "/.git"))
    }

    // MARK: The dialogue

    /// What is kept aside lies in the folder that is backed up.
    @Test(.timeLimit(.minutes(5)))
    func `what is kept aside is not backed up again, is told with its size, and can be taken back`() async throws {
        let world = try World("inplace-kept")
        let (program, file) = (world.program, world.documents + "/one.txt")
        try world.writeDocumentsProfile()
        try await world.backUp()
        try write("changed, and more of it\n", file)
        let restored = try await program.run("restore", "latest", "--path", file, "--yes")
        #expect(restored.code == 0 && content(file) == "one\n", "\(restored)")
        let kept = try #require(try names(world.documents).first { $0.hasPrefix("one.txt.before-") })
        try write("mine\n", file + ".before-now")
        let second = try await program.run("backup")
        #expect(second.code == 0 && second.errors.contains("left out what restores have put aside: "), "\(second)")
        let listed = try await program.run("ls", "latest")
        #expect(listed.output.contains("one.txt.before-now") && !listed.output.contains(kept), "\(listed)")
        let shown = try await program.run("restore", "--kept")
        #expect(shown.output.contains("\(kept), 24 B\n1 restore kept 24 B aside"), "\(shown)")
        let document = try await program.run("restore", "--kept", "--json").document()
        let places = document.objects("kept").flatMap { $0.objects("places") }
        #expect(document.number("bytes") == 24 && places.map { $0.number("bytes") } == [24], "\(document)")
        #expect(places.map { $0["there"] as? Bool } == [true])
        let undone = try await program.run("restore", "--undo", "--yes")
        #expect(undone.code == 0 && content(file) == "changed, and more of it\n", "\(undone)")
        #expect(try await program.run("restore", "--discard", "--yes").code == 0)
        #expect(try names(world.documents) == ["deep", "one.txt", "one.txt.before-now"])
    }

    @Test(.timeLimit(.minutes(5)))
    func `somebody at a terminal is led from a list to one file`() async throws {
        let world = try World("inplace-tmux")
        let other = world.folder["other"]
        try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
        try write("o\n", other + "/o.txt")
        try world.writeProfile("  documents: { files: \"\(world.documents)\" }\n  other: { files: \"\(other)\" }")
        try await world.backUp()
        try write("changed\n", world.documents + "/one.txt")
        try write("changed\n", world.documents + "/deep/two.txt")
        let terminal = try Terminal(world.program)
        try await terminal.start()
        try await terminal.type("\(world.program.path) restore; echo code $?")
        #expect(try await terminal.shows("Which one?"))
        try await terminal.press("C-c")
        #expect(try await terminal.shows("code 130"), "Ctrl-C ends a question")
        try await terminal.type("clear")
        try await terminal.type("\(world.program.path) restore")
        for (question, answer) in [
            ("Which one?", ""), ("Which sources?", "1"), ("All of it?", "two"), ("Which? Numbers", "1"), ("More?", ""),
            ("Where to?", ""), ("Put this into place?", "y"),
        ] {
            let isAsked = try await terminal.shows(question)
            let screen = try await terminal.screen()
            #expect(isAsked, "\(question): \(screen)")
            try await terminal.type(answer)
        }
        let isDone = try await terminal.shows("restore succeeded")
        let screen = try await terminal.screen()
        #expect(isDone, "\(screen)")
        #expect(content(world.documents + "/deep/two.txt") == "two\n")
        #expect(content(world.documents + "/one.txt") == "changed\n")
    }
}
