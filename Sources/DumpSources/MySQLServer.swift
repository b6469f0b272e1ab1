import BackupModel
import Foundation
import Programs

/// One server as a profile names it: the clients that fit it, and short questions.
struct MySQLServer: Sendable {
    let settings: MySQLSettings
    let services: Services
    let clients: MySQLClients
    let clientVersion: MySQLVersion
    let connection: MySQLConnection

    /// What was learnt of a server by asking it.
    struct Survey: Sendable {
        var version: MySQLVersion
        var answer: MySQLQueries.Server
        var grants: MySQLGrants
    }

    /// Finds the clients and the password.
    init(_ settings: MySQLSettings, _ spec: SourceSpec, _ services: Services) async throws(SourceError) {
        self.settings = settings
        self.services = services
        var connection = MySQLConnection()
        connection.host = settings.host
        connection.port = settings.port
        connection.socket = settings.socket
        connection.user = settings.user
        connection.tls = settings.tls
        connection.certificates = settings.certificates
        if let reference = settings.password {
            do {
                connection.password = try await services.secrets.resolve(reference, environment: spec.environment)
            } catch { throw .secret(error) }
        }
        if let name = settings.through?.localUser {
            guard let user = services.host.user(named: name) else {
                throw .missing("the user \(name)", hint: "correct `through:`, or create that user")
            }
            connection.systemUser = user
        }
        self.connection = connection
        (clients, clientVersion) = try await MySQLClientSearch(settings: settings, services: services)
            .find(passage: try await services.passage(settings.through), connection)
    }

    /// A client that talks to another place writes more than the dump, so that its bytes cannot be compared.
    func stream(_ command: ToolCommand, as part: PartPath, report: String) -> CapturedPart {
        // Over a network the client writes what it asks for to the server too.
        var captured = CapturedPart(path: part, content: .stream(command), bytesAreExact: false)
        captured.witness = services.prepared(OwnStreams(program: services.program).witnessMySQL(report: report))
        captured.witness?.limits = ToolCommand.Limits(total: nil, stall: nil)
        return captured
    }

    func survey() async throws(SourceError) -> Survey {
        let lines = try await ask(MySQLQueries.server)
        let answers = try decode(MySQLQueries.Server.self, lines.filter { $0.hasPrefix("{") })
        guard let answer = answers.first, let version = MySQLVersion(answer.version) else {
            throw .toolFailed(
                tool: clients.shellProgram, how: "exit code 0", detail: "the server said nothing about itself")
        }
        return Survey(version: version, answer: answer, grants: MySQLGrants(lines))
    }

    /// The databases that are to be dumped, as of now.
    func databases() async throws(SourceError) -> [String] {
        switch settings.databases {
        case .named(let names): return names
        case .all:
            let names = try decode(String.self, try await ask(MySQLQueries.databases))
            guard !names.isEmpty else {
                throw .empty(
                    place,
                    hint:
                        "it has no database that \(user) may see besides its own: GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO \(user)"
                )
            }
            return names
        }
    }

    /// - Throws: ``SourceError/missing(_:hint:)``
    func database(_ name: String) async throws(SourceError) -> MySQLDatabase {
        let found = try decode(MySQLQueries.Database.self, try await ask(MySQLQueries.database(name)))
        guard let found = found.first else { throw missing(name) }
        let tables = try decode(MySQLQueries.Table.self, try await ask(MySQLQueries.tables(of: name)))
        let excluded = tables.map(\.name).filter { table in
            settings.excludedTables.contains { MySQLPattern.matches(table, $0) }
        }
        return MySQLDatabase(name: name, found: found, tables: tables, excluded: excluded)
    }

    /// Runs statements in a session of their own and returns the lines that they print.
    func ask(
        _ statements: String, limits: ToolCommand.Limits = ToolCommand.Limits(total: .seconds(600), stall: nil)
    ) async throws(SourceError) -> [Substring] {
        let result = try await services.run(clients.shell(connection, script: statements, limits: limits))
        if let failure = result.failure {
            throw result.stopped == nil ? meaning(of: result.errors.text, nil) ?? failure : failure
        }
        guard result.output.isComplete else {
            throw .toolFailed(
                tool: clients.shellProgram, how: "exit code 0", detail: "its answer is too long to be read")
        }
        return result.output.text.split(separator: "\n")
    }

    func decode<Value: Decodable>(_ type: Value.Type, _ lines: [some StringProtocol]) throws(SourceError) -> [Value] {
        do { return try MySQLQueries.decode(type, lines) } catch {
            let first = String(lines.first.map { String($0) }?.prefix(200) ?? "")
            throw SourceError.toolFailed(
                tool: clients.shellProgram, how: "exit code 0", detail: "its answer cannot be read: \(first)")
        }
    }

    var place: String {
        "the MySQL server" + (settings.host.map { " at \($0)" } ?? settings.socket.map { " at \($0)" } ?? "")
            + (clients.passage.map { " in \($0.description)" } ?? "")
    }

    var user: String { settings.user ?? connection.systemUser?.name ?? "this user" }

    func missing(_ database: String) -> SourceError {
        .missing(
            "the database \(database)", hint: "it is not there, or \(user) may not see it: SHOW DATABASES lists them")
    }

    /// What the clients' messages mean; `nil` where they tell nothing particular.
    func meaning(of diagnostics: String, _ database: String?) -> SourceError? {
        if let failure = clients.passage?.meaning(of: diagnostics) { return failure }
        let detail = tellingEnd(of: diagnostics)
        let what = database.map { "the database \($0)" } ?? place
        switch MySQLFailure(diagnostics: diagnostics) {
        case .noSuchDatabase: return database.map(missing) ?? .missing("the database", hint: detail)
        case .notAuthenticated:
            return .notPermitted(
                place, detail: detail,
                hint:
                    "correct `user:` and `password:`; for a user of the system without a password, `through: { user: NAME }`"
            )
        case .notPermitted:
            return .notPermitted(what, detail: detail, hint: "grant it: \(grant(database))")
        case .busy: return .busy(what, detail: detail)
        case .unreachable:
            return .unreachable(
                place, detail: detail, hint: "is it running, and are `host:` and `port:`, or `socket:`, right?")
        case .databaseExists: return .targetExists(what, hint: "choose another name")
        case .full:
            return .toolFailed(tool: place, how: "it has no room left", detail: detail)
        case .changedMeanwhile:
            return .busy(what, detail: "a table was altered or dropped while it was dumped: \(detail)")
        case .tooLarge:
            return .toolFailed(
                tool: place, how: "a row is larger than it takes", detail: "raise its max_allowed_packet: \(detail)")
        case .brokenView:
            return .missing(
                "what a view or routine of \(what) refers to",
                hint: "repair or drop it, or name the view under `exclude-tables:`; it says: \(detail)")
        case .other: return nil
        }
    }

    func grant(_ database: String?) -> String {
        let place = database.map { MySQLQueries.identifier($0) + ".*" } ?? "*.*"
        var privileges = ["SELECT", "SHOW VIEW"]
        if settings.hasTriggers { privileges.append("TRIGGER") }
        if settings.hasEvents { privileges.append("EVENT") }
        if settings.locks { privileges.append("LOCK TABLES") }
        return "GRANT \(privileges.joined(separator: ", ")) ON \(place) TO \(user)"
    }
}

/// `log_*` and `cache_?`: nothing else has a meaning in it.
enum MySQLPattern {
    static func matches(_ name: String, _ pattern: String) -> Bool {
        func match(_ name: ArraySlice<Character>, _ pattern: ArraySlice<Character>) -> Bool {
            guard let first = pattern.first else { return name.isEmpty }
            switch first {
            case "*": return match(name, pattern.dropFirst()) || (!name.isEmpty && match(name.dropFirst(), pattern))
            case "?": return !name.isEmpty && match(name.dropFirst(), pattern.dropFirst())
            default: return name.first == first && match(name.dropFirst(), pattern.dropFirst())
            }
        }
        return match(Array(name)[...], Array(pattern)[...])
    }
}
