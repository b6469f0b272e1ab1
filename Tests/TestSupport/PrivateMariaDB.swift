import Foundation

/// A MariaDB server of the tests' own, on a Unix socket in a folder of its own, that is gone when the tests are, however they end.
/// As root it runs as `nobody`, for the server refuses root.
package final class PrivateMariaDB: Sendable {
    /// Where the server is; `nil` when there is none.
    package static let program: String? = {
        ["/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd"].first {
            FileManager.default.isExecutableFile(atPath: $0)
                && FileManager.default.isExecutableFile(atPath: "/usr/bin/mariadb-install-db")
        }
    }()

    /// The one that suites share; each test makes databases of its own in it.
    package static let shared = Result { try PrivateMariaDB() }

    private static var other: [String] {
        geteuid() == 0 ? ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"] : []
    }

    private let folder: String
    package let socket: String
    private let watcher: Process

    /// - Parameter restarts: when it dies before it is told to.
    package init(restarts: Bool = true) throws {
        guard let program = PrivateMariaDB.program else { throw Failure("MariaDB is not installed") }
        folder = "/tmp/holdfast-my-\(UUID().uuidString.prefix(8))"
        socket = folder + "/s.sock"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if geteuid() == 0 { try PrivateMariaDB.run(["chown", "nobody", folder]) }
        try PrivateMariaDB.run(
            PrivateMariaDB.other + [
                "mariadb-install-db", "--no-defaults", "--datadir=\(folder)/data",
                "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
                "--innodb-log-file-size=4M", "--innodb-flush-method=nosync",
            ])

        // The shell ends the server when it is told to, or when we are gone, even by kill -9.
        let script = """
            folder=$1 tests=$2 restarts=$3 server=; shift 3
            trap 'tests=none' TERM
            while [ -d "/proc/$tests" ]; do
                # MariaDB 10.11 crashed once in a day of tests, and took all tests that came after it along.
                if [ -z "$server" ] || { [ "$restarts" = true ] && ! kill -0 "$server" 2>/dev/null; }; then
                    "$@" >>"$folder/log" 2>&1 & server=$!
                fi
                sleep 0.5
            done
            kill -KILL "$(cat "$folder/data/pid")"; wait; rm -rf "$folder"
            """
        watcher = Process()
        watcher.executableURL = URL(fileURLWithPath: "/bin/sh")
        watcher.arguments =
            ["-c", script, "sh", folder, String(getpid()), String(restarts)] + PrivateMariaDB.other + [
                program, "--no-defaults", "--datadir=\(folder)/data", "--socket=\(socket)", "--skip-networking",
                "--pid-file=\(folder)/data/pid", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M",
                "--innodb-flush-method=nosync", "--log-bin=bin", "--server-id=1", "--max-connections=60",
                "--performance-schema=off",
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

    /// As if the machine had lost its power.
    package func kill() throws {
        try PrivateMariaDB.run(["sh", "-c", "kill -KILL $(cat \"$1/data/pid\")", "sh", folder])
    }

    /// Runs statements as the superuser and returns what they print, without the last newline.
    @discardableResult
    package func sql(_ statements: String, database: String? = nil) throws -> String {
        try PrivateMariaDB.run(
            [
                "mariadb", "--no-defaults", "--socket=\(socket)", "--user=root", "--batch", "--raw", "--binary-mode",
                "--skip-column-names", "--default-character-set=utf8mb4",
            ] + (database.map { ["--database=\($0)"] } ?? []), input: statements)
    }

    /// Makes a database, fills it, and returns its name.
    @discardableResult
    package func makeDatabase(_ name: String? = nil, _ statements: String = "") throws -> String {
        let name = name ?? "db_" + UUID().uuidString.prefix(8).lowercased()
        try sql("CREATE DATABASE \(PrivateMariaDB.quoted(name)) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        if !statements.isEmpty { try sql(statements, database: name) }
        return name
    }

    /// Makes a user with a password, who may do what the statement grants.
    package func makeUser(_ name: String, password: String, _ grants: String...) throws {
        let text = password.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "''")
        try sql("CREATE OR REPLACE USER \(name)@localhost IDENTIFIED BY '\(text)'")
        for grant in grants { try sql("GRANT \(grant) TO \(name)@localhost") }
    }

    package static func quoted(_ name: String) -> String {
        "`" + name.replacingOccurrences(of: "`", with: "``") + "`"
    }

    /// Sessions in a database, or those of a user.
    package func sessions(in database: String) throws -> Int {
        Int(
            try sql(
                "SELECT COUNT(*) FROM information_schema.processlist WHERE db = "
                    + "'\(database.replacingOccurrences(of: "'", with: "''"))'")) ?? -1
    }

    @discardableResult
    private static func run(_ arguments: [String], input: String = "") throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
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

    package struct Failure: Error, CustomStringConvertible {
        package var description: String
        init(_ description: String) { self.description = description }
    }
}
