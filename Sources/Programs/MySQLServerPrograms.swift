package import BackupModel

/// The server programs of MariaDB or MySQL, for a server that lives as long as a drill.
///
/// - Source: https://mariadb.com/kb/en/mariadb-install-db/, https://mariadb.com/kb/en/mariadbd-options/ (10.11),
///   https://dev.mysql.com/doc/refman/8.0/en/server-options.html
package struct MySQLServerPrograms: Sendable, Equatable {
    package var server: String
    /// MariaDB's; MySQL's server makes its data folder itself.
    package var installer: String?
    package var version: MySQLVersion

    package init(server: String, installer: String?, version: MySQLVersion) {
        self.server = server
        self.installer = installer
        self.version = version
    }

    /// In the data folder, which is the server's working folder: paths of sockets are short.
    package static let socketFile = "s.sock"
    package static let processFile = "pid"
    package static let superuser = "root"

    /// - Parameter user: as whom it runs; `nil` where we are not root, whom the server refuses.
    package func create(at data: String, as user: UserIdentity?) -> ToolCommand {
        var command: ToolCommand
        if let installer {
            command = ToolCommand(
                installer,
                [
                    "--no-defaults", "--datadir=\(data)", "--auth-root-authentication-method=normal", "--skip-test-db",
                    "--skip-name-resolve", "--innodb-log-file-size=16M",
                ])
        } else {
            command = ToolCommand(server, ["--no-defaults", "--datadir=\(data)", "--initialize-insecure"])
        }
        command.limits = ToolCommand.Limits(total: .seconds(300), stall: nil)
        return alone(command, user)
    }

    /// A server that nobody can reach over a network, that starts nothing by itself, and whose files need not outlive it.
    package func serve(_ data: String, as user: UserIdentity?) -> ToolCommand {
        var options = [
            "--no-defaults", "--datadir=\(data)", "--socket=\(MySQLServerPrograms.socketFile)",
            "--pid-file=\(MySQLServerPrograms.processFile)", "--skip-networking",
            // Events of the dump must not run here, and no replica must begin to follow its primary.
            "--event-scheduler=OFF", "--skip-slave-start",
            "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--max-allowed-packet=1G",
            "--max-connections=20", "--performance-schema=OFF", "--log-bin-trust-function-creators=ON",
        ]
        options += version.family == .mariadb ? ["--innodb-flush-method=nosync"] : ["--mysqlx=OFF", "--skip-log-bin"]
        var command = ToolCommand(server, options)
        command.limits = ToolCommand.Limits(total: nil, stall: nil)
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .signal(.terminate)
        return alone(command, user)
    }

    private func alone(_ command: ToolCommand, _ user: UserIdentity?) -> ToolCommand {
        var command = command
        command.user = user
        command.workingDirectory = "/"
        return command
    }
}
