package import BackupModel

/// PostgreSQL's client programs of one version, and how they are called.
///
/// - Source: https://www.postgresql.org/docs/15/reference-client.html (15.18)
package struct PostgreSQLClients: Sendable, Equatable {
    /// The folder they are in; `nil` is the search path.
    package var folder: String?
    /// Where they run; `nil` is here.
    package var passage: Passage?

    package init(folder: String?, passage: Passage? = nil) {
        self.folder = folder
        self.passage = passage
    }

    package func program(_ name: String) -> String { folder.map { "\($0)/\(name)" } ?? name }

    package var versionCommand: ToolCommand {
        var command = ToolCommand(program("pg_dump"), ["--version"])
        command.limits = ToolCommand.Limits(total: .seconds(60), stall: nil)
        command.teardown = TeardownStep.terminateFirst
        return enclosed(command)
    }

    /// The command, where the clients run.
    private func enclosed(_ command: ToolCommand) -> ToolCommand { passage?.enclose(command) ?? command }

    private func apply(_ connection: PostgreSQLConnection, to command: inout ToolCommand) {
        connection.apply(to: &command, isFar: passage != nil)
    }

    package struct DumpOptions: Sendable, Equatable {
        package var isCustom = false
        package var snapshot: String?
        package var lockWait: Duration = .seconds(60)
        package var excludedTables: [String] = []
        package var excludedTableData: [String] = []
        package init() {}
    }

    /// Writes the dump to standard output. Custom archives are left uncompressed, for the repository compresses and
    /// deduplicates better itself.
    package func dump(_ connection: PostgreSQLConnection, _ options: DumpOptions) -> ToolCommand {
        var arguments = ["--no-password", "--lock-wait-timeout=\(Int(options.lockWait.inSeconds * 1000))"]
        arguments.append(options.isCustom ? "--format=custom" : "--format=plain")
        if options.isCustom { arguments.append("--compress=0") }
        if let snapshot = options.snapshot { arguments.append("--snapshot=\(snapshot)") }
        arguments += options.excludedTables.map { "--exclude-table=\($0)" }
        arguments += options.excludedTableData.map { "--exclude-table-data=\($0)" }
        return producer("pg_dump", arguments, connection)
    }

    /// Roles and tablespaces as SQL.
    /// - Parameter withPasswords: needs to read `pg_authid`, which only superusers may.
    package func globals(_ connection: PostgreSQLConnection, withPasswords: Bool) -> ToolCommand {
        producer(
            "pg_dumpall",
            [
                "--globals-only", "--no-password",
                "--database=" + PostgreSQLConnection.connectionString(database: connection.database),
            ]
                + (withPasswords ? [] : ["--no-role-passwords"]), connection)
    }

    /// Runs statements and stops at the first that fails. Prints rows without any decoration.
    package func shell(_ connection: PostgreSQLConnection, script: String) -> ToolCommand {
        var command = psql(
            connection, ["--set=ON_ERROR_STOP=1", "--tuples-only", "--no-align", "--file=-"],
            input: .bytes(Array(script.utf8)))
        command.limits = ToolCommand.Limits(total: .seconds(120), stall: nil)
        command.keptOutput = .mebibytes(1)
        return command
    }

    /// A session that is talked to; it goes on after errors.
    package func session(_ connection: PostgreSQLConnection) -> ToolCommand {
        unhurried(psql(connection, ["--tuples-only", "--no-align"]))
    }

    /// Runs a plain dump from standard input, and stops at the first statement that fails. What it prints is for
    /// ``PostgreSQLLoadedRows``.
    package func load(_ connection: PostgreSQLConnection) -> ToolCommand {
        unhurried(psql(connection, ["--set=ON_ERROR_STOP=1", "--set=QUIET=off", "--echo-queries", "--file=-"]))
    }

    /// A client waits without a sign of life while its server builds an index, which may take hours.
    private func unhurried(_ command: ToolCommand) -> ToolCommand {
        var command = command
        command.limits = ToolCommand.Limits(total: nil, stall: nil)
        return command
    }

    /// Prints how many rows each of the tables has, one a line, however long that takes.
    package func count(_ tables: [String], _ connection: PostgreSQLConnection) -> ToolCommand {
        unhurried(shell(connection, script: tables.map { PostgreSQLQueries.count($0) + "\n" }.joined()))
    }

    /// Runs an archive in the custom format from standard input.
    package func loadArchive(_ connection: PostgreSQLConnection) -> ToolCommand {
        var command = ToolCommand(
            program("pg_restore"),
            [
                "--exit-on-error", "--no-password",
                "--dbname=" + PostgreSQLConnection.connectionString(database: connection.database),
            ])
        apply(connection, to: &command)
        command.whenOrphaned = .signal(.terminate)
        return unhurried(readingPipe(command))
    }

    /// Decodes the whole of an archive and throws the result away: what succeeds is complete and readable. Listing it
    /// proves nothing of the kind.
    package func decodeArchive(_ path: String) -> ToolCommand {
        guard passage != nil else { return ToolCommand(program("pg_restore"), ["--file=/dev/null", "--", path]) }
        var command = ToolCommand(program("pg_restore"), ["--file=/dev/null"])
        command.input = .file(path)
        return enclosed(command)
    }

    /// Encloses a command whose input comes from a pipe of ours, so that it is not taken for one without any.
    private func readingPipe(_ command: ToolCommand) -> ToolCommand {
        guard passage != nil else { return command }
        var command = command
        command.input = .bytes([])
        command = enclosed(command)
        command.input = .none
        return command
    }

    private func psql(
        _ connection: PostgreSQLConnection, _ options: [String], input: ToolInput? = nil
    ) -> ToolCommand {
        var command = ToolCommand(
            program("psql"), ["--no-psqlrc", "--no-password", "--quiet", "--no-readline"] + options)
        apply(connection, to: &command)
        command.environment["PGCLIENTENCODING"] = "UTF8"
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .signal(.terminate)
        guard let input else { return readingPipe(command) }
        command.input = input
        return enclosed(command)
    }

    private func producer(_ name: String, _ arguments: [String], _ connection: PostgreSQLConnection) -> ToolCommand {
        var command = ToolCommand(program(name), arguments)
        apply(connection, to: &command)
        // It must end by SIGPIPE, after its consumer: dying first would look like the end of the dump.
        command.whenOrphaned = .leave
        return enclosed(command)
    }
}

/// `15.18`, out of what a client prints or a server says.
package struct PostgreSQLVersion: Sendable, Equatable, Comparable, CustomStringConvertible {
    package var major: Int
    package var description: String

    /// - Parameter text: `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, or `15.18 (Debian …)`.
    package init?(_ text: String) {
        let words = text.split { $0.isWhitespace || $0 == "(" || $0 == ")" }
        guard let word = words.first(where: { $0.first?.isNumber ?? false }),
            let major = Int(word.prefix { $0.isNumber })
        else { return nil }
        self.major = major
        description = String(word)
    }

    package static func < (left: Self, right: Self) -> Bool { left.major < right.major }
}
