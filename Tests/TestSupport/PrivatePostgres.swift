import Foundation

/// A PostgreSQL server of the tests' own, on a Unix socket in a folder of its own, that is gone when the tests are, however
/// they end. As root it runs as `postgres`, for the server refuses root.
package final class PrivatePostgres: Sendable {
    /// Where the newest server programs are; `nil` when there are none.
    package static let programs: String? = {
        let base = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base))?.compactMap(Int.init).sorted() ?? []
        return versions.last.map { "\(base)/\($0)/bin" }
    }()

    /// Where those of a newer major version are, to be restored into; `nil` when there are none.
    package static let newerPrograms: String? = {
        let path = RealTools.folder + "/postgres-newest/programs"
        return (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .newlines)
    }()

    /// The one that suites share; each test makes databases of its own in it.
    package static let shared = Result { try PrivatePostgres() }

    package let socketFolder: String
    package let port = 5432
    /// Where its programs are, clients included.
    package let programs: String
    /// Its superuser, who needs no password on the socket.
    package let superuser = "tester"
    private let watcher: Process

    /// - Parameter chosen: where its programs are; by default the newest that are installed.
    package init(programs chosen: String? = PrivatePostgres.programs) throws {
        guard var programs = chosen else { throw Failure("PostgreSQL is not installed") }
        let folder = "/tmp/holdfast-pg-\(UUID().uuidString.prefix(8))"
        socketFolder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let data = folder + "/data"
        let other = geteuid() == 0 ? ["runuser", "-u", "postgres", "--"] : []
        if geteuid() == 0 { try PrivatePostgres.run(["chown", "postgres", folder]) }
        if (try? PrivatePostgres.run(other + [programs + "/postgres", "--version"])) == nil {
            // A checkout may lie where that user cannot go.
            try PrivatePostgres.run(["cp", "-a", PrivatePostgres.top(of: programs), folder + "/programs"])
            programs = folder + "/programs" + programs.dropFirst(PrivatePostgres.top(of: programs).count)
        }
        self.programs = programs
        try PrivatePostgres.run(
            other + [
                programs + "/initdb", "-D", data, "-U", superuser, "-A", "trust", "-N", "-E", "UTF8",
                "--locale=C.UTF-8",
            ])
        // A role named `guarded` must show its password; everybody else may come in.
        try PrivatePostgres.run(
            other + [
                "sh", "-c", "printf '%s\\n' 'local all guarded scram-sha-256' 'local all all trust' > \"$1\"", "sh",
                data + "/pg_hba.conf",
            ])

        // The shell ends the server when it is told to, or when we are gone, even by kill -9.
        let script = """
            folder=$1 tests=$2; shift 2
            "$@" >"$folder/log" 2>&1 &
            trap 'tests=none' TERM
            while [ -d "/proc/$tests" ]; do sleep 0.5; done
            kill -QUIT "$(head -n 1 "$folder/data/postmaster.pid")"; wait; rm -rf "$folder"
            """
        watcher = Process()
        watcher.executableURL = URL(fileURLWithPath: "/bin/sh")
        watcher.arguments =
            ["-c", script, "sh", folder, String(getpid())]
            + other + [
                programs + "/postgres", "-D", data, "-k", folder, "-p", String(port), "-c", "listen_addresses=", "-F",
                "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "max_connections=60",
                "-c", "shared_buffers=32MB", "-c", "autovacuum=off", "-c", "lc_messages=C",
            ]
        watcher.standardInput = FileHandle.nullDevice
        watcher.standardOutput = FileHandle.nullDevice
        watcher.standardError = FileHandle.nullDevice
        try watcher.run()
        for _ in 0..<600 {
            if (try? sql("SELECT 1")) != nil { return }
            usleep(50_000)
        }
        throw Failure(
            "the server did not come up: " + ((try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""))
    }

    deinit { watcher.terminate() }

    /// What all that the programs need lies below: `…/usr/lib/postgresql/VERSION/bin` without its end.
    private static func top(of programs: String) -> String {
        programs.split(separator: "/", omittingEmptySubsequences: false).dropLast(5).joined(separator: "/")
    }

    /// Runs statements as the superuser and returns what they print, unaligned, without the last newline.
    @discardableResult
    package func sql(_ statements: String, database: String = "postgres", user: String? = nil) throws -> String {
        try PrivatePostgres.run(
            [
                programs + "/psql", "-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h",
                socketFolder, "-p", String(port), "-U", user ?? superuser, "-f", "-",
            ], input: statements, environment: ["PGDATABASE": database])
    }

    /// Makes a database, fills it, and returns its name.
    @discardableResult
    package func makeDatabase(_ name: String, _ statements: String = "") throws -> String {
        try sql("CREATE DATABASE \"\(name.replacingOccurrences(of: "\"", with: "\"\""))\" TEMPLATE template0")
        if !statements.isEmpty { try sql(statements, database: name) }
        return name
    }

    /// What belongs to a database itself: owner, limit, comment, grants, settings, and by what texts are sorted.
    package func properties(of database: String) throws -> String {
        try sql(
            """
            SELECT pg_get_userbyid(datdba), datconnlimit, shobj_description(oid, 'pg_database'),
              (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a),
              (SELECT json_agg(json_build_array(setrole::regrole, setconfig) ORDER BY setrole::regrole::text)
               FROM pg_db_role_setting WHERE setdatabase = d.oid), datcollate,
              row_to_json(d) ->> 'datlocprovider', coalesce(row_to_json(d) ->> 'datlocale', row_to_json(d) ->> 'daticulocale')
            FROM pg_database d WHERE datname = '\(database.replacingOccurrences(of: "'", with: "''"))'
            """)
    }

    /// Backends of other sessions whose application name begins so.
    package func backends(named prefix: String) throws -> Int {
        Int(try sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '\(prefix)%'")) ?? -1
    }

    private static func run(
        _ arguments: [String], input: String = "", environment: [String: String] = [:]
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = environment.map { "\($0.key)=\($0.value)" } + arguments
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        try process.run()
        // A program that ended before it read all tells why by its exit code.
        do { try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8)) } catch {}
        stdin.fileHandleForWriting.closeFile()
        let output = stdout.fileHandleForReading.readDataToEndOfFile()
        let errors = stderr.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure("\(arguments[0]) \(process.terminationStatus): \(String(decoding: errors, as: UTF8.self))")
        }
        return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    private static func run(_ arguments: [String]) throws { _ = try run(arguments, input: "") }

    package struct Failure: Error, CustomStringConvertible {
        package var description: String
        init(_ description: String) { self.description = description }
    }
}
