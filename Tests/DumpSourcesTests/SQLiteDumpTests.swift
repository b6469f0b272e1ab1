import BackupModel
import DumpSources
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct `SQLite databases` {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func sqlite(_ path: String, _ sql: String) throws -> String {
        try shell("printf '%s' \"$2\" | sqlite3 -batch -bail -init /dev/null \"$1\"", path, sql)
    }

    private func make(_ name: String, _ sql: String) throws -> String {
        let path = bench.folder[name]
        _ = try sqlite(path, sql)
        return path
    }

    private func dump(_ path: String, _ more: (String, Any)...) throws -> any DumpSource {
        var value = settings(("path", path))
        guard case .map(var entries) = value.content else { return try bench.source("sqlite", value) }
        for (key, text) in more { entries += settings((key, text)).entries }
        value.content = .map(entries)
        return try bench.source("sqlite", value)
    }

    @Test(arguments: ["backup", "vacuum"])
    func `a database under a writer that commits all the time is copied in one of its states`(method: String)
        async throws
    {
        let database = try BusySQLite(at: bench.folder["busy.db"], bytes: 20 << 20)
        let source = try dump(database.path, ("method", method))
        let started = ContinuousClock.now
        let report = try #require(try await bench.capture(source).first)
        #expect(ContinuousClock.now - started < .seconds(60))
        #expect(report.condition == .clean)
        #expect(report.path.rawValue == "/sqlite/busy.db")
        let copy = bench.store.file(report.path)
        #expect(
            try sqlite(copy, "PRAGMA integrity_check; SELECT sum(balance) FROM account;") == "ok\n\(BusySQLite.total)")
        let moves = try #require(report.facts.rows?["move"])
        #expect(moves > 0)
        #expect(report.facts.rows?["account"] == Int64(BusySQLite.accounts))
        #expect(report.facts.rowCounting == .exact)
        #expect(try sqlite(copy, "SELECT count(*) FROM move;") == "\(moves)")
        #expect(bench.scratchContent.isEmpty, "the copy is gone once it is stored")

        let restored = try await bench.restore(report, with: source)
        #expect(restored.proofs.contains("integrity check passed"))
        #expect(restored.place == bench.folder["restored/busy.db"])
        #expect(try sqlite(restored.place, "SELECT count(*) FROM move;") == "\(moves)")
    }

    @Test func `what is only in the wal of a writer that was killed is in the copy`() async throws {
        let database = try BusySQLite(at: bench.folder["killed.db"], bytes: 4000)
        database.stop()
        let report = try #require(try await bench.capture(dump(database.path)).first)
        #expect(try #require(report.facts.rows?["move"]) >= 20)
        #expect(try sqlite(bench.store.file(report.path), "SELECT sum(balance) FROM account") == "\(BusySQLite.total)")
    }

    @Test func `names with quotes, blanks, newlines and percent signs work`() async throws {
        try FileManager.default.createDirectory(
            atPath: bench.folder["ro'ng \"d%3f#?\n"], withIntermediateDirectories: true)
        let path = try make(
            "ro'ng \"d%3f#?\n/a'b;%20 \n.db",
            "CREATE TABLE \"t'\"\"\n|x\" (a); INSERT INTO \"t'\"\"\n|x\" VALUES (1), (2);")
        let source = try dump(path)
        let report = try #require(try await bench.capture(source).first)
        #expect(report.facts.rows == ["t'\"\n|x": 2])
        let restored = try await bench.restore(report, with: source)
        #expect(restored.proofs.contains("1 table, 2 rows"))
    }

    @Test func `a database that is not there is an error and is not made`() async throws {
        let path = bench.folder["typo.db"]
        let source = try dump(path)
        await #expect { try await source.preflight(bench.context) } throws: { isCase($0, "missing") }
        await #expect { try await bench.capture(source) } throws: { isCase($0, "missing") }
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(bench.store.parts.isEmpty)
        #expect(bench.scratchContent.isEmpty)
    }

    @Test func `a folder, junk, an encrypted or an empty file is no database`() async throws {
        let junk = try bench.folder.write(Data((0..<8192).map { _ in UInt8.random(in: 1...255) }), to: "junk.db")
        let empty = try bench.folder.write("", to: "empty.db")
        for (path, name) in [(bench.folder.path, "notADatabase"), (junk, "notADatabase"), (empty, "empty")] {
            await #expect { try await bench.capture(dump(path)) } throws: { isCase($0, name) }
        }
        #expect(bench.store.parts.isEmpty)
    }

    @Test func `somebody who holds it exclusively is waited for, then it is busy`() async throws {
        let path = try make("held.db", "CREATE TABLE t (a);")
        let holder = try Holder(of: path)
        defer { holder.letGo() }
        let started = ContinuousClock.now
        await #expect { try await bench.capture(dump(path, ("busy-timeout", "1s"))) } throws: { isCase($0, "busy") }
        #expect((.milliseconds(900) ... .seconds(60)).contains(ContinuousClock.now - started))
        #expect(bench.store.parts.isEmpty)
        #expect(bench.scratchContent.isEmpty)
    }

    @Test func `a corrupt database is stored as damaged and never as clean`() async throws {
        let path = try make(
            "corrupt.db",
            "CREATE TABLE t (x); WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) "
                + "INSERT INTO t SELECT printf('%050d', i) FROM c;")
        try shell("dd if=/dev/zero of=\"$1\" bs=4096 seek=10 count=2 conv=notrunc status=none", path)
        let source = try dump(path)
        let report = try #require(try await bench.capture(source).first)
        #expect(report.condition == .damaged)
        #expect(report.notices.contains { $0.contains("damaged") })
        #expect(report.facts.notes?["integrity"]?.hasPrefix("damaged") == true)
        let restored = try await bench.restore(report, with: source)
        #expect(restored.proofs == ["\(report.stored.bytes.bytes) bytes"])
        #expect(!restored.unproven.isEmpty)
    }

    @Test(arguments: ["schema", "cut"])
    func `a database too broken for sqlite is stored byte by byte as damaged`(how: String) async throws {
        let path = try make("broken.db", "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(60000));")
        if how == "schema" {
            try shell(
                "head -c 200 /dev/zero | tr '\\0' '\\377' | dd of=\"$1\" bs=1 seek=100 conv=notrunc status=none", path)
        } else {
            try shell("truncate -s 20000 \"$1\"", path)
        }
        let report = try #require(try await bench.capture(dump(path)).first)
        #expect(report.condition == .damaged)
        #expect(report.stored.bytes > .zero)
        #expect(report.facts.rows == nil)
    }

    @Test func `a journal that a crashed writer left is played back in the copy`() async throws {
        let path = bench.folder["hot.db"]
        try shell(
            """
            python3 - "$1" <<'EOF'
            import os, sqlite3, sys
            db = sqlite3.connect(sys.argv[1])
            db.execute("CREATE TABLE t (x)")
            db.executemany("INSERT INTO t VALUES (?)", [("old" * 50,)] * 2000)
            db.commit()
            db.execute("PRAGMA cache_size = 5")
            db.execute("BEGIN")
            db.execute("UPDATE t SET x = 'new'")
            os.kill(os.getpid(), 9)
            EOF
            """, path)
        #expect(FileManager.default.fileExists(atPath: path + "-journal"))
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let report = try #require(try await bench.capture(dump(path)).first)
        #expect(report.condition == .clean)
        #expect(report.notices.contains { $0.contains("journal") })
        #expect(try sqlite(bench.store.file(report.path), "SELECT count(*) FROM t WHERE x = 'new'") == "0")
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before, "the original is not touched")
        #expect(FileManager.default.fileExists(atPath: path + "-journal"))
    }

    @Test(arguments: [1, 2])
    func `a database that is replaced while it is copied is copied anew, and then it is busy`(times: Int) async throws {
        let path = try make("swapped.db", "CREATE TABLE t (x);")
        _ = try make("next1.db", "CREATE TABLE u (x);")
        _ = try make("next2.db", "CREATE TABLE v (x);")
        // The real shell; each of the first copies is followed by somebody who puts another file there.
        try bench.folder.write(
            """
            #!/bin/sh
            cd "$(dirname "$0")/.." && n=1
            [ -e next1.db ] || n=2
            case $* in *swapped.db*) [ $n -le \(times) ] && [ -e next$n.db ] && mv next$n.db swapped.db;; esac
            cd scratch && exec /usr/bin/sqlite3 "$@"
            """, to: "bin/sqlite3", mode: 0o700)
        let swapping = try Bench(path: bench.folder["bin"] + ":/usr/bin:/bin")
        let context = CaptureContext(run: bench.context.run, scratch: bench.folder["scratch"])
        let source = try swapping.source("sqlite", settings(("path", path)))
        let store = bench.store
        let capture = { () async throws -> [PartReport] in
            try await source.capture(context) { (part) throws(RepositoryError) in try await store.store(part) }
        }
        if times == 1 {
            #expect(try await capture().first?.facts.rows == ["u": 0])
        } else {
            await #expect { try await capture() } throws: { isCase($0, "busy") }
            #expect(bench.store.parts.isEmpty)
        }
        #expect(bench.scratchContent.isEmpty)
    }

    @Test func `no room for the copy is said before anything is copied`() async throws {
        let path = try make("big.db", "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(3000000));")
        let small = try Bench(host: HostWithRoom.cramped)
        let source = try small.source("sqlite", settings(("path", path)))
        await #expect { try await small.capture(source) } throws: { isCase($0, "noRoom") }
        #expect(small.scratchContent.isEmpty)
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a full scratch disk leaves no half copy`() async throws {
        let path = try make("big.db", "CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(3000000));")
        let tiny = bench.folder["tiny"]
        try shell("mkdir \"$1\" && mount -t tmpfs -o size=1m,mode=700 none \"$1\"", tiny)
        defer { _ = try? shell("umount \"$1\"", tiny) }
        let source = try Bench(host: HostWithRoom.roomy).source("sqlite", settings(("path", path)))
        let context = CaptureContext(run: bench.context.run, scratch: tiny)
        let store = bench.store
        await #expect {
            try await source.capture(context) { (part) throws(RepositoryError) in try await store.store(part) }
        } throws: { isCase($0, "noRoom") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: tiny).isEmpty)
    }

    @Test func `counting stops at its limit and says what was left out`() async throws {
        let path = try make("slow.db", "CREATE TABLE a (x); CREATE TABLE z (x); INSERT INTO a VALUES (1), (2);")
        // The real shell, which takes its time over the second table.
        try bench.folder.write(
            """
            #!/bin/sh
            read -r first
            case $first in *count*'"a"'*) echo "$first" | /usr/bin/sqlite3 "$@"; exec sleep 30;; esac
            (echo "$first"; cat) | exec /usr/bin/sqlite3 "$@"
            """, to: "bin/sqlite3", mode: 0o700)
        let slow = try Bench(path: bench.folder["bin"] + ":/usr/bin:/bin")
        let report = try #require(
            try await slow.capture(slow.source("sqlite", settings(("path", path), ("facts-limit", "1s")))).first)
        #expect(report.condition == .clean)
        #expect(report.facts.rows == ["a": 2])
        #expect(report.facts.uncounted == ["z": "not counted within 1 s"])
    }

    @Test func `a virtual table is not counted and not held against the database`() async throws {
        let path = try make(
            "fts.db", "CREATE VIRTUAL TABLE v USING fts5 (x); INSERT INTO v VALUES ('one'); CREATE TABLE t (x);")
        let report = try #require(try await bench.capture(dump(path)).first)
        #expect(report.condition == .clean)
        #expect(report.facts.uncounted == ["v": "a virtual table"])
        #expect(report.facts.rows?["t"] == 0)
    }

    @Test func `a row that breaks a rule of the schema is mentioned and is no damage`() async throws {
        let path = try make(
            "rules.db",
            "CREATE TABLE t (b); INSERT INTO t VALUES (NULL); PRAGMA writable_schema = 1; "
                + "UPDATE sqlite_master SET sql = 'CREATE TABLE t (b NOT NULL)';")
        let report = try #require(try await bench.capture(dump(path)).first)
        #expect(report.condition == .clean)
        #expect(report.notices.contains { $0.contains("NULL value in t.b") })
    }

    @Test(.enabled(if: geteuid() == 0, "mounting needs root"))
    func `a database that ordinary users may only read in a closed folder is read, or the way out is named`()
        async throws
    {
        // As root everything may be written; the same rules are met on a file system that is mounted read-only.
        let place = bench.folder["readonly"]
        try shell("mkdir \"$1\" && mount -t tmpfs none \"$1\"", place)
        defer { _ = try? shell("umount \"$1\"", place) }
        _ = try make("readonly/rest.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1);")
        _ = try make("readonly/live.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (x);")
        try shell("cp \"$1/live.db\" \"$1/live.db-wal\" && mount -o remount,ro \"$1\"", place)
        let report = try #require(try await bench.capture(dump(place + "/rest.db")).first)
        #expect(report.facts.rows == ["t": 1])
        await #expect { try await bench.capture(dump(place + "/live.db")) } throws: {
            isCase($0, "unreadable") && "\($0)".contains("-wal")
        }
    }

    @Test func `a restore that does not have the rows of its facts fails and leaves nothing`() async throws {
        let path = try make("facts.db", "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2);")
        let source = try dump(path)
        let report = try #require(try await bench.capture(source).first)
        await #expect {
            try await bench.restore(report, with: source) { $0.facts.rows?["t"] = 3 }
        } throws: { isCase($0, "mismatch") }
        try shell("truncate -s -512 \"$1\"", bench.store.file(report.path))
        await #expect { try await bench.restore(report, with: source) } throws: { isCase($0, "mismatch") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.folder["restored"]).isEmpty)
    }

    @Test func `a restore never goes over a file, nor beside a wal that is not its own`() async throws {
        let path = try make("here.db", "CREATE TABLE t (x);")
        let source = try dump(path)
        let report = try #require(try await bench.capture(source).first)
        for name in ["here.db", "here.db-wal"] {
            let directory = bench.folder["target-\(name)"]
            try bench.folder.write("mine", to: "target-\(name)/\(name)")
            await #expect { try await bench.restore(report, with: source, into: directory) } throws: {
                isCase($0, "targetExists")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [name])
        }
    }

    @Test func `cancelling a capture ends it and leaves no copy`() async throws {
        let path = try make("held.db", "CREATE TABLE t (a);")
        let holder = try Holder(of: path)
        defer { holder.letGo() }
        let source = try dump(path)
        let task = Task { try await bench.capture(source) }
        try await Task.sleep(for: .milliseconds(300))
        task.cancel()
        await #expect { try await task.value } throws: { isCase($0, "cancelled") }
        #expect(bench.scratchContent.isEmpty)
    }
}

/// Holds a database exclusively.
private struct Holder {
    private let process = Process()
    private let leash = Pipe()

    init(of path: String) throws {
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "(echo 'BEGIN EXCLUSIVE;'; echo \"SELECT 'held';\"; read end) | sqlite3 \"$1\"", "sh", path,
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = leash
        try process.run()
        _ = output.fileHandleForReading.availableData
    }

    func letGo() {
        leash.fileHandleForWriting.closeFile()
        process.waitUntilExit()
    }
}

/// Whether an error is the case of ``SourceError`` with this name.
func isCase(_ error: any Error, _ name: String) -> Bool {
    guard let error = error as? SourceError else { return false }
    let mirror = Mirror(reflecting: error)
    return (mirror.children.first?.label ?? "\(error)") == name
}
