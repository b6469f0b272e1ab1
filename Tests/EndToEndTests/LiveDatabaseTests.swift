import Foundation
import TestSupport
import Testing

/// Live SQLite databases inside a folder that is backed up.
struct LiveDatabaseTests {
    private static let profile = """
        sources:
          app: { files: { paths: [DATA] } }
        repositories:
          local: { restic: REPOSITORY, password: "env:RESTIC_PASSWORD" }
        """

    /// A folder with a text file, and a database that is written to until the value goes.
    private func prepare(_ program: HoldfastProgram) throws {
        try program.folder.write("text", to: "data/readme.txt")
        try QuickRepository.lay(at: program.repository)
        try program.writeProfile(
            LiveDatabaseTests.profile.replacingOccurrences(of: "DATA", with: program.folder["data"])
                .replacingOccurrences(of: "REPOSITORY", with: program.repository))
    }

    private func check(_ program: HoldfastProgram, in target: String) async throws {
        let place = target + "/app" + program.folder["data"]
        let database = place + "/live.db"
        let integrity = try await program.runTool(
            "sqlite3", database, "pragma integrity_check; select count(*) > 0 from ledger")
        #expect(integrity.output == "ok\n1\n", "\(integrity)")
        // Money moves between the rows in each transaction: a torn copy has another sum.
        let sum = try await program.runTool("sqlite3", database, "select sum(amount) from ledger")
        #expect(sum.output == "0\n")
        for suffix in ["-wal", "-shm", "-journal"] {
            #expect(!FileManager.default.fileExists(atPath: database + suffix))
        }
        #expect(try String(contentsOfFile: place + "/readme.txt", encoding: .utf8) == "text")
    }

    private func writer(_ path: String) -> [String] {
        [
            "python3", "-c",
            """
            import sqlite3, sys
            c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
            c.execute("pragma journal_mode=wal")
            c.execute("create table if not exists ledger (amount integer)")
            print("ready", flush=True)
            n = 0
            while True:
                n += 1
                c.execute("begin")
                c.execute("insert into ledger values (?)", (n,))
                c.execute("insert into ledger values (?)", (-n,))
                c.execute("commit")
            """, path,
        ]
    }

    private func untilThere(_ path: String) async throws {
        for _ in 0..<200 where !FileManager.default.fileExists(atPath: path) {
            try await Task.sleep(for: .milliseconds(50))
        }
        try #require(FileManager.default.fileExists(atPath: path))
    }

    @Test(.enabled(if: geteuid() == 0), arguments: RealTools.oldestAndNewest)
    func `a consistent copy lies at the database's own path in the same snapshot`(restic: RealTools.Restic) async throws
    {
        let program = try HoldfastProgram("live", restic: restic)
        try prepare(program)
        let busy = try program.startTool(writer(program.folder["data/live.db"]))
        try await untilThere(program.folder["data/live.db-wal"])
        let backup = try await program.run("backup")
        #expect(backup.code == 0, "\(backup)")
        busy.signal(SIGKILL)
        _ = await busy.result()

        let listed = try await program.run("ls", "latest")
        let names = listed.output.split(separator: "\n").filter { $0.contains("live.db") }
        #expect(names == [Substring(program.folder["data/live.db"])], "\(listed)")
        let restore = try await program.run("restore", "latest", "--to", program.folder["restored"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        try await check(program, in: program.folder["restored"])
        let scratch = try FileManager.default.subpathsOfDirectory(atPath: program.state).filter { $0.hasSuffix(".db") }
        #expect(scratch.isEmpty, "\(scratch)")
    }

    @Test(.enabled(if: geteuid() == 0))
    func `an ordinary user's copy is a part of its own and is restored to its path`() async throws {
        var program = try HoldfastProgram("live-user")
        try prepare(program)
        _ = try await program.runTool("chown", "-R", "nobody:nogroup", program.folder.path)
        program.prefix = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        let busy = try program.startTool(program.prefix + writer(program.folder["data/live.db"]))
        try await untilThere(program.folder["data/live.db-wal"])
        let backup = try await program.run("backup")
        #expect(backup.code == 0, "\(backup)")
        busy.signal(SIGKILL)
        _ = await busy.result()
        let restore = try await program.run("restore", "latest", "--to", program.folder["restored"], "--yes")
        #expect(restore.code == 0, "\(restore)")
        try await check(program, in: program.folder["restored"])
    }
}
