import BackupModel
import Foundation
import Programs
import Synchronization
import TestSupport
import Testing

@testable import DumpSources

@Suite(.serialized) struct `Folders and files` {
    let bench: Bench
    let root: String

    init() throws {
        bench = try Bench()
        root = bench.folder["root"]
        try bench.folder.write("hello", to: "root/a.txt")
        try bench.folder.write("world!", to: "root/deep/er/b.txt")
    }

    private func files(_ entries: (String, Any)..., tolerating: [String] = []) throws -> any DumpSource {
        var value = settings(("paths", [root]))
        let more = entries.flatMap { settings($0).entries }
        value.content = .map(value.entries.filter { entry in !more.contains { $0.key == entry.key } } + more)
        return try bench.source("files", value, tolerating: tolerating)
    }

    private func sqlite(_ path: String, _ sql: String) throws -> String {
        try shell("printf '%s' \"$2\" | sqlite3 -batch -bail -init /dev/null \"$1\"", path, sql)
    }

    @Test func `a preview counts what there is and names excludes that match nothing`() async throws {
        try bench.folder.write("x", to: "root/c.tmp")
        let preview = try await files(("exclude", ["*.tmp", "*.never", "/nowhere/else"])).preflight(bench.context)
        #expect(preview.estimatedFiles == 2)
        #expect(preview.estimatedBytes == 11)
        #expect(preview.paths == [root])
        #expect(preview.parts == [PartPath(rawValue: "/")])
        #expect(
            preview.notices == ["the exclude `*.never` matches nothing", "the exclude `/nowhere/else` matches nothing"])
    }

    @Test func `one path may stand for the whole source`() async throws {
        let value = ConfigValue(.string(root + "/"), at: SourceLocation(file: "", line: 1, column: 1))
        let source = try bench.source("files", value)
        _ = try await bench.capture(source)
        #expect(bench.store.selection == FileSelection(roots: [root]))
    }

    @Test func `what restores have put aside is left out, databases and all, and nothing else that is called alike`()
        async throws
    {
        let kept = root + "/deep.before-20261121T020000Z-000001"
        try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: true)
        _ = try sqlite(kept + "/live.db", "PRAGMA journal_mode=wal; CREATE TABLE t (x); INSERT INTO t VALUES (1);")
        try bench.folder.write("mine", to: "root/a.txt.before-20261121T020000Z-000001")
        var context = bench.context
        context.keptAside = [kept, kept + "-wal", "/elsewhere/a.before-20261121T020000Z-000001"]
        let preview = try await files().preflight(context)
        #expect(preview.estimatedFiles == 3 && preview.scratchBytes == .zero)
        let report = try #require(try await bench.capture(files(), keptAside: context.keptAside).first)
        #expect(bench.store.selection?.excludedPaths == [kept, kept + "-wal"])
        #expect(bench.store.selection?.substitutes.isEmpty == true)
        #expect(
            report.notices == ["left out what restores have put aside: \(kept) (see `holdfast restore --kept`)"],
            "what is not there is not said to be left out")
        // Who names it means it.
        let named = try await bench.capture(files(("paths", [kept])), keptAside: [kept])
        #expect(bench.store.selection?.excludedPaths.contains(kept) == false && named[0].notices.count <= 1)
    }

    @Test func `what runs work in, and backups that are mounted, are no part of anything`() async throws {
        for folder in ["scratch", "mounted"] { try bench.folder.write("secret", to: "root/\(folder)/token") }
        _ = try sqlite(root + "/scratch/copy.db", "CREATE TABLE t (x)")
        let report = try #require(
            try await bench.capture(files()) { context in
                context.workedIn = [root + "/scratch", "/elsewhere"]
                context.shown = [root + "/mounted"]
            }.first)
        #expect(bench.store.selection?.excludedPaths.sorted() == [root + "/mounted", root + "/scratch"])
        #expect(bench.store.selection?.substitutes.isEmpty == true)
        #expect(report.notices == ["left out where a backup is mounted: \(root)/mounted"])
    }

    @Test func `a source that is missing, empty or a link is caught before anything runs`() async throws {
        let empty = bench.folder["empty"]
        try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: true)
        let link = bench.folder["link"]
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: root)
        for (path, name) in [(bench.folder["gone"], "missing"), (empty, "empty"), (link, "unsupported")] {
            let source = try files(("paths", [root, path]))
            await #expect { try await source.preflight(bench.context) } throws: { isCase($0, name) }
            await #expect { try await bench.capture(source) } throws: { isCase($0, name) }
        }
        #expect(bench.store.parts.isEmpty)
        _ = try await files(("paths", [empty]), ("allow-empty", true)).preflight(bench.context)
        await #expect { try await files(("paths", [link])).preflight(bench.context) } throws: {
            ($0 as? SourceError)?.hint?.contains(root) == true
        }
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a source whose disk is not mounted is refused`() async throws {
        let source = try files(("mounted", true))
        await #expect { try await source.preflight(bench.context) } throws: { isCase($0, "unmounted") }
        await #expect { try await bench.capture(source) } throws: { isCase($0, "unmounted") }
        try shell("mount -t tmpfs none \"$1\" && echo x > \"$1/x\"", root)
        defer { _ = try? shell("umount \"$1\"", root) }
        _ = try await source.preflight(bench.context)
        _ = try await files(("paths", [bench.folder.path]), ("mounted", root)).preflight(bench.context)
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func `a folder that may not be read is caught before anything runs`() async throws {
        try shell("chmod 000 \"$1\"", root)
        defer { _ = try? shell("chmod 700 \"$1\"", root) }
        await #expect { try await files().preflight(bench.context) } throws: { isCase($0, "unreadable") }
    }

    @Test func `what the system refuses is told apart`() {
        #expect(isCase(SystemError(EACCES).reading("/x"), "unreadable"))
        #expect("\(SystemError(EACCES).reading("/x"))" == "/x cannot be read: Permission denied")
        #expect(isCase(SystemError(ENOTDIR).reading("/x"), "missing"))
    }

    @Test func `a live database is stored as a consistent copy at its own path`() async throws {
        let busy = try BusySQLite(at: root + "/app.db", bytes: 10 << 20)
        let source = try files()
        let preview = try await source.preflight(bench.context)
        #expect(preview.scratchBytes > .mebibytes(9))
        #expect(preview.tools["sqlite3"] != nil)
        let kept = bench.folder["kept.db"]
        bench.store.before.withLock {
            $0 = { part in
                guard case .files(let selection) = part.content, let copy = selection.substitutes[busy.path] else {
                    return
                }
                try? FileManager.default.copyItem(atPath: copy, toPath: kept)
            }
        }
        let report = try #require(try await bench.capture(source).first)
        #expect(report.condition == .clean)
        #expect(report.restoreNotes["roots"] == "[\"\(root)\"]")
        let selection = try #require(bench.store.selection)
        #expect(selection.substitutes.keys.sorted() == [busy.path])
        #expect(selection.excludedPaths.sorted() == [busy.path + "-journal", busy.path + "-shm", busy.path + "-wal"])
        #expect(
            try sqlite(kept, "PRAGMA integrity_check; SELECT sum(balance) FROM account;") == "ok\n\(BusySQLite.total)")
        #expect(bench.scratchContent.isEmpty)
    }

    @Test func `the copy has the mode, the owner and the time of the newest file of its set`() async throws {
        let path = root + "/app.db"
        let busy = try BusySQLite(at: path, bytes: 10_000)
        busy.stop()
        try shell("chmod 640 \"$1\"; touch -d 2020-01-02 \"$1\"; touch -d 2021-03-04 \"$1-wal\"", path)
        if geteuid() == 0 { try shell("chown nobody \"$1\"", path) }
        let seen = bench.folder["seen"]
        bench.store.before.withLock {
            $0 = { part in
                guard case .files(let selection) = part.content, let copy = selection.substitutes[path] else { return }
                _ = try? shell("stat -c '%a %U %y' \"$1\" > \"$2\"", copy, seen)
            }
        }
        _ = try await bench.capture(files())
        let text = try String(contentsOfFile: seen, encoding: .utf8)
        #expect(text.hasPrefix(geteuid() == 0 ? "640 nobody 2021-03-04" : "640 "))
    }

    @Test func `a database at rest is left alone, one that a process has open is not`() async throws {
        let resting = root + "/rest.db"
        let open = root + "/open.db"
        for path in [resting, open] {
            _ = try sqlite(path, "CREATE TABLE t (x);")
            try shell("touch -d 2020-01-02 \"$1\"", path)
        }
        let reader = Process()
        reader.executableURL = URL(fileURLWithPath: "/bin/sh")
        reader.arguments = ["-c", "exec 5<\"$1\"; read end", "sh", open]
        let leash = Pipe()
        reader.standardInput = leash
        try reader.run()
        defer { leash.fileHandleForWriting.closeFile() }
        try await Task.sleep(for: .milliseconds(200))
        _ = try await bench.capture(files())
        #expect(bench.store.selection?.substitutes.keys.sorted() == [open])
    }

    @Test func `a database at rest that is written while it is read makes the part partial`() async throws {
        let path = root + "/rest.db"
        _ = try sqlite(path, "CREATE TABLE t (x);")
        try shell("touch -d 2020-01-02 \"$1\"", path)
        bench.store.before.withLock { $0 = { _ in _ = try? shell("touch \"$1\"", path) } }
        let report = try #require(try await bench.capture(files()).first)
        #expect(report.condition == .partial)
        #expect(report.notices.contains { $0.contains("rest.db") })
    }

    @Test func `a database that cannot be copied makes the part partial, a damaged one damaged`() async throws {
        let holder = root + "/held.db"
        _ = try sqlite(holder, "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(60000));")
        try shell("dd if=/dev/zero of=\"$1\" bs=4096 seek=3 count=2 conv=notrunc status=none", holder)
        let damaged = try #require(try await bench.capture(files()).first)
        #expect(damaged.condition == .damaged)

        let cramped = try Bench(host: HostWithRoom.cramped)
        let source = try cramped.source("files", settings(("paths", [root])))
        let partial = try #require(try await cramped.capture(source).first)
        #expect(partial.condition == .partial)
        #expect(cramped.store.selection?.substitutes.isEmpty == true)
        #expect(partial.notices.contains { $0.contains("could not be copied consistently") })
    }

    @Test func `excluded databases are not copied, and other ways to handle them are kept to`() async throws {
        let busy = try BusySQLite(at: root + "/deep/app.db", bytes: 4000)
        defer { busy.stop() }
        _ = try await bench.capture(files(("exclude", ["deep/*.db"])))
        #expect(bench.store.selection?.substitutes.isEmpty == true)
        let warned = try #require(try await bench.capture(files(("sqlite", "warn"))).first)
        #expect(bench.store.selection?.substitutes.isEmpty == true)
        #expect(warned.notices.contains { $0.contains("app.db") })
        let raw = try #require(try await bench.capture(files(("sqlite", "raw"))).first)
        #expect(raw.notices.isEmpty)
    }

    @Test func `what restic leaves out is not counted`() async throws {
        try bench.folder.write("Signature: 8a477f597d28d172789f06886806bc55\n", to: "root/cache/CACHEDIR.TAG")
        try bench.folder.write("junk", to: "root/cache/junk")
        try bench.folder.write("not a tag", to: "root/other/CACHEDIR.TAG")
        try bench.folder.write(Data(count: 5000), to: "root/large")
        let preview = try await files(("exclude-caches", true), ("larger-than", "4K")).preflight(bench.context)
        #expect(preview.estimatedFiles == 3)
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `other file systems below a path are entered unless the profile says no`() async throws {
        let inner = root + "/inner"
        try shell("mkdir \"$1\" && mount -t tmpfs none \"$1\" && echo x > \"$1/x\"", inner)
        defer { _ = try? shell("umount \"$1\"", inner) }
        #expect(try await files().preflight(bench.context).estimatedFiles == 3)
        #expect(try await files(("one-file-system", true)).preflight(bench.context).estimatedFiles == 2)
    }

    @Test func `live server folders are warned about`() async throws {
        try bench.folder.write("15", to: "root/pg/PG_VERSION")
        try bench.folder.write("1", to: "root/pg/postmaster.pid")
        try bench.folder.write("", to: "root/neo/neostore")
        try bench.folder.write("", to: "root/neo/neostore.nodestore.db")
        let notices = try await files().preflight(bench.context).notices
        #expect(notices.contains { $0.contains("root/pg is the data folder of a running PostgreSQL") })
        #expect(notices.contains { $0.contains("root/neo is a Neo4j store") })
    }

    @Test func `a pipe in the tree blocks nobody, and names that are no UTF-8 are counted`() async throws {
        try shell("mkfifo \"$1/pipe\"; cd \"$1\"; touch \"$(printf 'n\\377\\376')\"", root)
        let preview = try await files().preflight(bench.context)
        #expect(preview.estimatedFiles == 3)
    }

    @Test func `a live database whose name is no UTF-8 makes the part partial`() async throws {
        _ = try sqlite(root + "/tmp.db", "CREATE TABLE t (x);")
        try shell("cd \"$1\"; mv tmp.db \"$(printf 'n\\377.db')\"", root)
        let report = try #require(try await bench.capture(files()).first)
        #expect(report.condition == .partial)
    }

    @Test func `unreadable items are tolerated only where the profile says so`() async throws {
        bench.store.unreadable.withLock { $0 = [UnreadableItem(path: root + "/run/lock.sock", reason: "no")] }
        #expect(try await bench.capture(files()).first?.condition == .partial)
        #expect(try await bench.capture(files(tolerating: ["*.sock"])).first?.condition == .tolerated)
        bench.store.unreadable.withLock { $0.append(UnreadableItem(path: root + "/other", reason: "no")) }
        #expect(try await bench.capture(files(tolerating: ["*.sock"])).first?.condition == .partial)
    }

    @Test func `a restore that brings back another number of files than were captured fails`() async throws {
        let source = try files()
        let report = try #require(try await bench.capture(source).first)
        let good = try await bench.restore(report, with: source)
        #expect(good.proofs.contains("1 file"))
        await #expect {
            try await bench.restore(report, with: source) { $0.facts.files = 2 }
        } throws: { isCase($0, "mismatch") }
    }
}

@Suite struct `Exclude patterns` {
    @Test(arguments: [
        ("*.tmp", "/a/b/c.tmp", true), ("*.tmp", "/a/b/tmp", false), ("cache", "/a/cache", true),
        ("/a/b", "/a/b", true), ("/a/b", "/x/a/b", false), ("b/c", "/a/b/c", true), ("b/c", "/b/a/c", false),
        ("/a/**/z", "/a/z", true), ("/a/**/z", "/a/q/r/z", true), ("/a/*/z", "/a/q/r/z", false), ("**/x", "/q/x", true),
        ("dir/", "/a/dir", true), ("h?llo", "/hello", true), ("[ab].c", "/b.c", true),
    ])
    func `match as restic matches`(_ pattern: String, _ path: String, _ expected: Bool) throws {
        let components = path.split(separator: "/").map(String.init)
        #expect(try #require(ExcludePattern(pattern)).matches(components) == expected)
    }

    @Test func `what cannot be judged is not judged`() {
        for pattern in ["", "!keep", "[!a]", "a\\*b", "../x"] { #expect(ExcludePattern(pattern) == nil) }
    }
}
