package import BackupModel

/// How to reach one server.
///
/// Here, the client programs read no option files but ours: what stands in `~/.my.cnf` (`where=`, `no-data`) would change what
/// is dumped, and nobody would see it. Our file is a memory file with nothing in it but the password. In another place, where no
/// memory file of ours can be seen, the password is a variable of the environment, and the option files of that place are read.
///
/// - Source: https://mariadb.com/kb/en/configuring-mariadb-with-option-files/ (10.11),
///   https://dev.mysql.com/doc/refman/8.0/en/option-files.html
package struct MySQLConnection: Sendable, Equatable {
    package enum TLS: String, Sendable, CaseIterable { case off, require, verify }

    package var host: String?
    package var port: Int?
    package var socket: String?
    package var user: String?
    package var password: Secret?
    package var tls: TLS?
    package var certificates: String?
    package var systemUser: UserIdentity?

    package init() {}

    /// Puts the way to the server before the other arguments.
    /// - Parameters:
    ///   - family: of the client.
    ///   - isFar: the program runs where no memory file of ours can be seen.
    func apply(to command: inout ToolCommand, _ family: MySQLFamily, isFar: Bool) {
        var arguments: [String] = []
        if !isFar, password == nil { arguments.append("--no-defaults") }
        if let host { arguments.append("--host=\(host)") }
        if let port { arguments.append("--port=\(port)") }
        if let socket { arguments.append("--socket=\(socket)") }
        if let user { arguments.append("--user=\(user)") }
        // `localhost` alone means the socket to these programs, whatever the port.
        if host != nil, socket == nil, port != nil { arguments.append("--protocol=tcp") }
        arguments += encryption(family)
        command.arguments = arguments + command.arguments
        if let password {
            command.secrets.append(
                isFar
                    ? .environment(variable: "MYSQL_PWD", password)
                    : .memoryFileFirstArgument("--defaults-file=", MySQLConnection.optionFile(password)))
        }
        // What a client says there must be read here.
        if isFar { command.environment["LC_ALL"] = "C" }
        command.user = systemUser
        // A folder that any user may enter; the programs read and write nothing in it.
        command.workingDirectory = "/"
    }

    /// - Source: https://mariadb.com/kb/en/mariadb-dump/ (10.11),
    ///   https://dev.mysql.com/doc/refman/8.0/en/connection-options.html#option_general_ssl-mode
    private func encryption(_ family: MySQLFamily) -> [String] {
        let mode: [String] =
            switch (tls, family) {
            case (nil, _): []
            case (.off?, .mariadb): ["--skip-ssl"]
            case (.require?, .mariadb): ["--ssl"]
            case (.verify?, .mariadb): ["--ssl", "--ssl-verify-server-cert"]
            case (.off?, .mysql): ["--ssl-mode=DISABLED"]
            case (.require?, .mysql): ["--ssl-mode=REQUIRED"]
            case (.verify?, .mysql): ["--ssl-mode=VERIFY_IDENTITY"]
            }
        return mode + (certificates.map { ["--ssl-ca=\($0)"] } ?? [])
    }

    /// Between double quotes, where `#` begins no comment and a backslash escapes.
    /// - Source: https://dev.mysql.com/doc/refman/8.0/en/option-files.html#option-file-syntax; tried with 10.11.19
    static func optionFile(_ password: Secret) -> Secret {
        var text = Array("[client]\npassword=\"".utf8)
        for byte in password.reveal(for: .childProcess) {
            switch byte {
            case 10: text += [92, 110]
            case 13: text += [92, 114]
            case 9: text += [92, 116]
            case 34, 92: text += [92, byte]
            default: text.append(byte)
            }
        }
        return Secret(text + Array("\"\n".utf8))
    }
}
