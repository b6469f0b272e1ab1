package import BackupModel

/// The server programs of one version of PostgreSQL, for a server that lives as long as a drill.
///
/// - Source: https://www.postgresql.org/docs/15/app-initdb.html, https://www.postgresql.org/docs/15/app-postgres.html (15.18)
package struct PostgreSQLServerPrograms: Sendable, Equatable {
    package var folder: String
    package var major: Int

    package init(folder: String, major: Int) {
        self.folder = folder
        self.major = major
    }

    /// The only role that there is at first; nobody's dump knows it.
    package static let superuser = "holdfast_drill"
    package static let port = 5432

    package func program(_ name: String) -> String { "\(folder)/\(name)" }

    /// Whose file of this name lies in the data folder, once it is there.
    package static let processFile = "postmaster.pid"

    /// - Parameter user: as whom it runs; `nil` where we are not root, whom the server refuses.
    package func create(at data: String, as user: UserIdentity?) -> ToolCommand {
        var command = ToolCommand(
            program("initdb"),
            [
                "--pgdata=\(data)", "--username=\(PostgreSQLServerPrograms.superuser)", "--auth=trust", "--no-sync",
                "--encoding=UTF8", "--locale=C", "--no-instructions",
            ])
        command.limits = ToolCommand.Limits(total: .seconds(300), stall: nil)
        return alone(command, user)
    }

    /// A server that nobody can reach over a network, that starts nothing by itself, and whose files need not outlive it. Its
    /// socket is in its data folder, by a relative path, for paths of sockets are short.
    package func serve(_ data: String, as user: UserIdentity?) -> ToolCommand {
        let settings = [
            "listen_addresses": "", "unix_socket_directories": ".", "unix_socket_permissions": "0700",
            "port": String(PostgreSQLServerPrograms.port),
            "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "wal_level": "minimal",
            "max_wal_senders": "0", "max_wal_size": "1GB", "autovacuum": "off", "max_connections": "20",
            "shared_buffers": "64MB", "maintenance_work_mem": "128MB", "logging_collector": "off", "lc_messages": "C",
            // A subscription in the dump must not begin to follow its publisher.
            "max_logical_replication_workers": "0",
        ]
        var command = ToolCommand(
            program("postgres"),
            ["-D", data] + settings.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0.key)=\($0.value)"] })
        command.limits = ToolCommand.Limits(total: nil, stall: nil)
        // By SIGINT it ends at once and in order, whoever is connected.
        command.teardown = TeardownStep.interruptFirst
        command.whenOrphaned = .signal(.interrupt)
        return alone(command, user)
    }

    /// Without writing back what nobody needs.
    package func stop(_ data: String, as user: UserIdentity?) -> ToolCommand {
        var command = ToolCommand(program("pg_ctl"), ["stop", "--pgdata=\(data)", "--mode=immediate", "--silent"])
        command.limits = ToolCommand.Limits(total: .seconds(60), stall: nil)
        return alone(command, user)
    }

    private func alone(_ command: ToolCommand, _ user: UserIdentity?) -> ToolCommand {
        var command = command
        command.user = user
        command.workingDirectory = "/"
        // Nothing of the operator's own settings for clients and servers.
        command.environment["LC_ALL"] = "C"
        return command
    }

    /// The number of the process, once the server takes connections.
    /// - Parameter text: of ``processFile``: its eighth line says how far it is.
    /// - Source: src/include/utils/pidfile.h, PostgreSQL 10 to 17
    package static func readyProcess(_ text: String) -> Int32? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 8, lines[7].hasPrefix("ready") else { return nil }
        return lines.first.flatMap { Int32($0) }
    }
}

/// What a dump takes for granted: roles and tablespaces, which belong to the server and not to the database.
package struct PostgreSQLRequirements: Sendable, Equatable {
    package private(set) var roles: Set<String> = []
    package private(set) var tablespaces: Set<String> = []

    /// More than any server has; data can look like statements.
    private static let mostNames = 2000

    package init() {}

    /// Lets through the lines of a dump that name them. Data may look like one: then there is a role too many.
    package static let filter: ToolCommand = {
        var command = ToolCommand(
            "grep",
            [
                "--text", "--extended-regexp",
                "^(ALTER .* OWNER TO |GRANT |REVOKE |ALTER DEFAULT PRIVILEGES |CREATE POLICY |CREATE USER MAPPING |SET default_tablespace |SET SESSION AUTHORIZATION )",
            ])
        command.environment["LC_ALL"] = "C"
        command.acceptedExitCodes = [0, 1]
        return command
    }()

    package mutating func read(_ line: String) {
        guard roles.count + tablespaces.count < PostgreSQLRequirements.mostNames else { return }
        let words = PostgreSQLRequirements.words(line)
        func names(after keyword: [String]) -> [String] {
            guard let start = words.lastIndexOf(keyword) else { return [] }
            var names: [String] = []
            var index = start + keyword.count
            while index < words.count {
                if words[index].isKeyword("WITH", "GRANTED", "USING", "SERVER", "IN", "GRANT", "REVOKE", "CASCADE") {
                    break
                }
                if words[index].text != "," { names.append(words[index].name) }
                index += 1
            }
            return names
        }
        var found: [String] = []
        switch words.first?.text.uppercased() {
        case "SET" where words.count == 4 && words[1].isKeyword("default_tablespace"):
            if !words[3].name.isEmpty { tablespaces.insert(words[3].name) }
            return
        case "SET": found = names(after: ["AUTHORIZATION"])
        case "GRANT": found = names(after: ["TO"])
        case "REVOKE": found = names(after: ["FROM"])
        case "ALTER" where words.count > 1 && words[1].isKeyword("DEFAULT"):
            found = names(after: ["FOR", "ROLE"]) + names(after: ["TO"]) + names(after: ["FROM"])
        case "ALTER": found = names(after: ["OWNER", "TO"])
        case "CREATE" where words.count > 1 && words[1].isKeyword("USER"): found = names(after: ["FOR"])
        case "CREATE": found = names(after: ["TO"])
        default: return
        }
        for name in found where PostgreSQLRequirements.isRole(name) { roles.insert(name) }
    }

    private static func isRole(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 63 && !name.hasPrefix("pg_")
            && !["public", "current_user", "session_user", "current_role", PostgreSQLServerPrograms.superuser]
                .contains(name.lowercased())
    }

    /// Makes them, as far as they are not there. Every role may do everything: what is proven is the data, not who may see it.
    package var statements: String {
        var text = "SET client_min_messages = warning;\n"
        if !tablespaces.isEmpty { text += "SET allow_in_place_tablespaces = on;\n" }
        for role in roles.sorted() {
            text += "CREATE ROLE \(PostgreSQLQueries.identifier(role)) SUPERUSER;\n"
        }
        // In the server's own folder: where it lay is somebody's.
        for name in tablespaces.sorted() {
            text += "CREATE TABLESPACE \(PostgreSQLQueries.identifier(name)) LOCATION '';\n"
        }
        return text
    }

    fileprivate struct Word {
        var text: String
        var isQuoted: Bool
        /// As the server would read it.
        var name: String { isQuoted ? text : text.lowercased() }
        func isKeyword(_ words: String...) -> Bool {
            !isQuoted && words.contains { $0.uppercased() == text.uppercased() }
        }
    }

    /// Words of a statement; a name in quotation marks is one, without them.
    private static func words(_ line: String) -> [Word] {
        var words: [Word] = []
        var current = ""
        var rest = Substring(line)
        func end() {
            if !current.isEmpty { words.append(Word(text: current, isQuoted: false)) }
            current = ""
        }
        while let first = rest.first {
            rest = rest.dropFirst()
            switch first {
            case " ", "\t", ";", "(", ")": end()
            case ",":
                end()
                words.append(Word(text: ",", isQuoted: false))
            case "\"", "'":
                end()
                var name = ""
                while let next = rest.first {
                    rest = rest.dropFirst()
                    if next == first {
                        guard rest.first == first else { break }
                        rest = rest.dropFirst()
                    }
                    name.append(next)
                }
                words.append(Word(text: name, isQuoted: true))
            default: current.append(first)
            }
        }
        end()
        return words
    }
}

extension [PostgreSQLRequirements.Word] {
    fileprivate func lastIndexOf(_ keywords: [String]) -> Int? {
        guard count >= keywords.count else { return nil }
        return (0...(count - keywords.count)).last { start in
            zip(self[start...], keywords).allSatisfy { $0.isKeyword($1) }
        }
    }
}
