package import BackupModel

/// How to reach one database. Everything goes to the client programs by their environment, so that no name, however it is
/// spelt, can be taken for an option or a connection string.
///
/// - Source: https://www.postgresql.org/docs/15/libpq-envars.html
package struct PostgreSQLConnection: Sendable, Equatable {
    package var database: String
    package var host: String?
    package var port: Int?
    package var user: String?
    package var password: Secret?
    package var tlsMode: String?
    package var tlsRootCertificate: String?
    /// Seen in `pg_stat_activity`; the server keeps 63 bytes of it.
    package var applicationName: String
    package var systemUser: UserIdentity?

    package init(database: String, applicationName: String) {
        self.database = database
        self.applicationName = applicationName
    }

    /// - Parameter isFar: the program runs where no memory file of ours can be seen.
    func apply(to command: inout ToolCommand, isFar: Bool = false) {
        command.environment["PGDATABASE"] = database
        command.environment["PGHOST"] = host
        command.environment["PGPORT"] = port.map(String.init)
        command.environment["PGUSER"] = user
        command.environment["PGSSLMODE"] = tlsMode
        command.environment["PGSSLROOTCERT"] = tlsRootCertificate
        command.environment["PGAPPNAME"] = applicationName
        command.environment["PGCONNECT_TIMEOUT"] = "15"
        // What a client says there must be read here.
        if isFar { command.environment["LC_ALL"] = "C" }
        if let password {
            command.secrets.append(
                isFar
                    ? .environment(variable: "PGPASSWORD", password)
                    : .memoryFile(variable: "PGPASSFILE", PostgreSQLConnection.passFile(password)))
        }
        command.user = systemUser
        // A folder that any user may enter; the programs read and write nothing in it.
        command.workingDirectory = "/"
    }

    /// A line of a password file that fits every server.
    /// - Source: https://www.postgresql.org/docs/15/libpq-pgpass.html
    static func passFile(_ password: Secret) -> Secret {
        var line = Array("*:*:*:*:".utf8)
        for byte in password.reveal(for: .childProcess) {
            if byte == 58 || byte == 92 { line.append(92) }
            line.append(byte)
        }
        return Secret(line + [10])
    }

    /// The database alone, as a connection string.
    /// - Source: https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING
    static func connectionString(database: String) -> String {
        var text = ""
        for scalar in database.unicodeScalars {
            if scalar == "'" || scalar == "\\" { text += "\\" }
            text.unicodeScalars.append(scalar)
        }
        return "dbname='\(text)'"
    }
}
