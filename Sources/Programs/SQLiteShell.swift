package import BackupModel

/// The `sqlite3` command-line shell: how it is called, and what its messages mean. All SQL goes in by standard input; file
/// names go in as URIs or as names that we made up ourselves, never spliced into SQL from outside.
///
/// - Source: https://www.sqlite.org/cli.html, https://www.sqlite.org/uri.html (sqlite3 3.40.1)
package enum SQLiteShell {
    package static let program = "sqlite3"

    /// How a database is opened.
    package enum Access: Sendable, Equatable {
        /// Read-only; the file must exist. Reading a WAL database may leave a -shm and an empty -wal beside it.
        case readOnly
        /// Read-only and without any locks or side files: only for a file that nobody can be writing.
        case immutable
        /// May be written, must exist. A journal that a crashed writer left is played back.
        case existing

        fileprivate var query: String {
            switch self {
            case .readOnly: "mode=ro"
            case .immutable: "mode=ro&immutable=1"
            case .existing: "mode=rw"
            }
        }
    }

    /// A command that runs `script` in the database at `path`, which must be absolute.
    /// - Parameter stopsAtError: otherwise every statement is tried, and the exit code says nothing.
    package static func command(
        _ path: String, _ access: Access, script: [String], stopsAtError: Bool = true
    ) -> ToolCommand {
        var command = ToolCommand(
            program,
            ["-batch", "-init", "/dev/null", "-noheader", "-list"] + (stopsAtError ? ["-bail"] : []) + [
                uri(path, access)
            ])
        command.input = .bytes(Array((script.joined(separator: "\n") + "\n").utf8))
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .signal(.terminate)
        return command
    }

    package static let version: ToolCommand = ToolCommand(program, ["-version"])

    /// `3.40.1` out of what `-version` prints.
    package static func parseVersion(_ text: String) -> String? {
        guard let word = text.split(whereSeparator: \.isWhitespace).first, word.contains("."),
            word.allSatisfy({ $0.isNumber || $0 == "." })
        else { return nil }
        return String(word)
    }

    /// Every byte that is not plainly harmless is escaped, so that no name can end the path or begin a query.
    package static func uri(_ path: String, _ access: Access) -> String {
        var text = "file://"
        for byte in path.utf8 {
            switch byte {
            case 47, 48...57, 65...90, 97...122, 45, 46, 95: text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                text += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return text + "?" + access.query
    }

    /// Waits up to `duration` for somebody else's lock.
    package static func busyTimeout(_ duration: Duration) -> String {
        ".timeout \(max(0, Int(duration.inSeconds * 1000)))"
    }

    /// Copies into `name`, a plain file name in the working directory, which must not exist or be empty.
    ///
    /// The shell's `.backup` alone copies a hundred pages at a time and begins anew whenever somebody else commits, so under
    /// a steady writer it never ends. The read transaction before it pins one state of the database.
    /// - Source: https://www.sqlite.org/c3ref/backup_finish.html (measured with sqlite3 3.40.1)
    package static func backupScript(to name: String, busyTimeout duration: Duration, pinned: Bool = true) -> [String] {
        let pin = pinned ? ["BEGIN;", "SELECT count(*) FROM sqlite_master;"] : []
        return [busyTimeout(duration)] + pin + [".backup main \(name)"]
    }

    /// - Source: https://www.sqlite.org/lang_vacuum.html#vacuuminto (sqlite3 3.27 and newer)
    package static func vacuumScript(to name: String, busyTimeout duration: Duration) -> [String] {
        [busyTimeout(duration), "VACUUM INTO \(literal(name));"]
    }

    /// Plays back what a writer left, and puts all of it into the database itself. The last one to close it then removes what
    /// lies beside it.
    /// - Source: https://www.sqlite.org/pragma.html#pragma_wal_checkpoint, https://www.sqlite.org/wal.html (3.40.1)
    package static let closeScript = [
        busyTimeout(.seconds(2)), "SELECT count(*) FROM sqlite_master;", "PRAGMA wal_checkpoint(TRUNCATE);",
    ]

    /// Prints `ok`, or up to twenty lines of what is wrong.
    package static let integrityScript = ["PRAGMA integrity_check(20);"]

    /// One line each: what ``SQLiteRows/description(_:)`` reads.
    package static let describeScript =
        ["user_version", "application_id", "page_size", "page_count", "encoding"].map {
            "SELECT '\($0)', \($0) FROM pragma_\($0);"
        }

    /// Prints the name (hexadecimal) and `1` for a virtual table, of every table but SQLite's own.
    package static let tablesScript = [
        "SELECT hex(name), sql LIKE 'create virtual %' FROM sqlite_master WHERE type = 'table' "
            + "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name;"
    ]

    /// Prints the name (hexadecimal) and the number of rows, a line per table as soon as it is counted.
    package static func countScript(_ tables: [String]) -> [String] {
        tables.map { "SELECT '\(hexadecimal($0))', count(*) FROM \(identifier($0));" }
    }

    /// `'it''s'`
    package static func literal(_ text: String) -> String { "'" + doubled(text, "'") + "'" }
    /// `"a ""table"""`
    package static func identifier(_ name: String) -> String { "\"" + doubled(name, "\"") + "\"" }

    private static func doubled(_ text: String, _ quote: Character) -> String {
        var result = ""
        for character in text.unicodeScalars {
            result.unicodeScalars.append(character)
            if Character(character) == quote { result.unicodeScalars.append(character) }
        }
        return result
    }

    private static func hexadecimal(_ text: String) -> String {
        text.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    }
}
