package import BackupModel
import Foundation

/// The client programs of one family and version, and how they are called.
///
/// - Source: https://mariadb.com/kb/en/mariadb-dump/ and `mariadb-dump --help` (10.11.19),
///   https://dev.mysql.com/doc/refman/8.0/en/mysqldump.html
package struct MySQLClients: Sendable, Equatable {
    /// The folder they are in; `nil` is the search path.
    package var folder: String?
    package var family: MySQLFamily
    /// Whether they go by the names of MySQL, as older MariaDB's do too.
    package var hasOldNames: Bool
    /// Where they run; `nil` is here.
    package var passage: Passage?

    package init(
        folder: String? = nil, family: MySQLFamily = .mariadb, hasOldNames: Bool = false, passage: Passage? = nil
    ) {
        self.folder = folder
        self.family = family
        self.hasOldNames = hasOldNames
        self.passage = passage
    }

    package var dumpProgram: String { program(hasOldNames ? "mysqldump" : "mariadb-dump") }
    package var shellProgram: String { program(hasOldNames ? "mysql" : "mariadb") }
    private func program(_ name: String) -> String { folder.map { "\($0)/\(name)" } ?? name }

    package var versionCommand: ToolCommand { question(["--version"]) }

    /// The options that the option files of another place add; ``foreignOptions(_:)`` reads the answer.
    package var defaultsCommand: ToolCommand { question(["--print-defaults"]) }

    private func question(_ arguments: [String]) -> ToolCommand {
        var command = ToolCommand(dumpProgram, arguments)
        command.limits = ToolCommand.Limits(total: .seconds(60), stall: nil)
        command.teardown = TeardownStep.terminateFirst
        return passage?.enclose(command) ?? command
    }

    package struct DumpOptions: Sendable, Equatable {
        package var database: String
        /// Locks all tables against writing while they are dumped, in place of one consistent view.
        package var locks = false
        package var hasRoutines = true
        package var hasEvents = true
        package var hasTriggers = true
        /// Notes the place in the binary log that the dump corresponds to. With MariaDB this takes no lock.
        package var hasPosition = false
        package var withoutData = false
        /// By their names, without patterns.
        package var excludedTables: [String] = []
        /// The server is of the other family.
        package var isForeign = false
        package init(database: String) { self.database = database }
    }

    /// Writes the dump to standard output.
    package func dump(_ connection: MySQLConnection, _ options: DumpOptions) -> ToolCommand {
        var arguments = [options.locks ? "--lock-tables" : "--single-transaction"]
        if options.locks { arguments.append("--skip-single-transaction") }
        arguments += [
            "--quick", "--hex-blob", "--default-character-set=utf8mb4", "--no-tablespaces", "--comments",
            // A row may be as large as the protocol allows; and two dumps of the same data are the same bytes.
            "--max-allowed-packet=1G", "--skip-dump-date",
        ]
        for (name, isOn) in [
            ("routines", options.hasRoutines), ("events", options.hasEvents), ("triggers", options.hasTriggers),
        ] { arguments.append(isOn ? "--\(name)" : "--skip-\(name)") }
        if options.withoutData { arguments.append("--no-data") }
        if options.hasPosition { arguments.append("--master-data=2") }
        if family == .mysql {
            // Statements of these would stand in the way of a restore into another server.
            arguments.append("--set-gtid-purged=OFF")
            if options.isForeign { arguments.append("--column-statistics=0") }
        }
        arguments += options.excludedTables.map { "--ignore-table=\(options.database).\($0)" }
        return producer(arguments + ["--", options.database], connection)
    }

    /// Users, roles and grants as SQL that leaves alone what is there. Only MariaDB's knows how, since 10.5.
    package func users(_ connection: MySQLConnection) -> ToolCommand {
        producer(
            [
                "--system=users", "--insert-ignore", "--default-character-set=utf8mb4", "--comments",
                "--skip-dump-date",
            ], connection)
    }

    /// Runs statements and stops at the first that fails. Prints rows without any decoration.
    package func shell(
        _ connection: MySQLConnection, script: String,
        limits: ToolCommand.Limits = ToolCommand.Limits(total: .seconds(600), stall: nil)
    ) -> ToolCommand {
        var command = client(
            connection, ["--batch", "--raw", "--skip-column-names", "--unbuffered", "--connect-timeout=15"],
            input: .bytes(Array(("SET SESSION sql_mode='';\n" + script).utf8)))
        command.limits = limits
        command.keptOutput = .mebibytes(16)
        return command
    }

    /// Runs a dump from standard input, and stops at the first statement that fails. In this mode the program obeys nothing in
    /// the stream but statements and `DELIMITER`: no data, however it is spelt, can make it run a program.
    /// - Source: https://mariadb.com/kb/en/mariadb-command-line-client/#-binary-mode
    package func load(_ connection: MySQLConnection, database: String) -> ToolCommand {
        client(
            connection,
            [
                "--batch", "--binary-mode", "--connect-timeout=15", "--max-allowed-packet=1G", "--database=\(database)",
            ])
    }

    /// Drops the first line of a dump where that is the one by which newer dumps lock the client in, for older clients
    /// and those of MySQL stumble over it. ``load(_:database:)`` is locked in without it.
    /// - Source: https://mariadb.org/mariadb-dump-file-compatibility-change/
    package static var withoutSandboxLine: ToolCommand {
        var command = ToolCommand("sed", ["-e", "1{/^\\/\\*[!M]*999999.*sandbox mode/d;}"])
        command.environment["LC_ALL"] = "C"
        command.whenOrphaned = .leave
        return command
    }

    private func client(
        _ connection: MySQLConnection, _ options: [String], input: ToolInput? = nil
    ) -> ToolCommand {
        var command = ToolCommand(
            shellProgram, ["--default-character-set=utf8mb4", "--no-auto-rehash"] + options)
        connection.apply(to: &command, family, isFar: passage != nil)
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .signal(.terminate)
        guard let passage else {
            if let input { command.input = input }
            return command
        }
        // What comes through a pipe of ours must not be taken for no input.
        command.input = input ?? .bytes([])
        command = passage.enclose(command)
        if input == nil { command.input = .none }
        return command
    }

    private func producer(_ arguments: [String], _ connection: MySQLConnection) -> ToolCommand {
        var command = ToolCommand(dumpProgram, arguments)
        connection.apply(to: &command, family, isFar: passage != nil)
        // It must end by SIGPIPE, after its consumer: dying first would look like the end of the dump.
        command.whenOrphaned = .leave
        return passage?.enclose(command) ?? command
    }

    /// Names of options out of option files that change what is dumped.
    /// - Parameter text: what ``defaultsCommand`` prints: a sentence, and a line of arguments.
    package static func foreignOptions(_ text: String) -> [String] {
        let words = text.split { $0.isWhitespace }.filter { $0.hasPrefix("--") }
        let names = words.map { word in
            word.dropFirst(2).prefix { $0 != "=" }.replacingOccurrences(of: "_", with: "-")
        }
        let changing: Set<String> = [
            "where", "no-data", "no-create-info", "no-create-db", "ignore-table", "ignore-table-data",
            "ignore-database", "force", "compact", "xml", "tab", "result-file", "tables", "databases", "all-databases",
            "skip-opt", "skip-comments", "skip-extended-insert", "skip-add-locks", "skip-create-options",
            "skip-quote-names", "insert-ignore", "replace", "compatible", "fields-terminated-by", "dump-slave",
            "delete-master-logs", "flush-logs", "lock-all-tables", "system", "ignore-error", "skip-hex-blob",
        ]
        return names.filter(changing.contains)
    }
}
