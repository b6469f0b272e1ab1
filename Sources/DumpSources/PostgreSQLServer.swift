import BackupModel
import Foundation
import Programs

/// One server as a profile names it: the clients that fit it, connections to its databases, and short questions.
struct PostgreSQLServer: Sendable {
    let settings: PostgreSQLSettings
    let services: Services
    let clients: PostgreSQLClients
    let clientVersion: PostgreSQLVersion
    private let password: Secret?
    private let systemUser: UserIdentity?

    /// Finds the newest clients and the password.
    init(_ settings: PostgreSQLSettings, _ spec: SourceSpec, _ services: Services) async throws(SourceError) {
        self.settings = settings
        self.services = services
        if let passage = try await services.passage(settings.through) {
            (clients, clientVersion) = try await PostgreSQLServer.clients(behind: passage, settings, services)
        } else {
            (clients, clientVersion) = try await PostgreSQLServer.newestClients(settings, services)
        }
        if let reference = settings.password {
            do { password = try await services.secrets.resolve(reference, environment: spec.environment) } catch {
                throw .secret(error)
            }
        } else {
            password = nil
        }
        if let name = settings.runAs {
            guard let user = services.host.user(named: name) else {
                throw .missing("the user \(name)", hint: "correct `run-as:`, or create that user")
            }
            systemUser = user
        } else {
            systemUser = nil
        }
    }

    func connection(to database: String, applicationName: String) -> PostgreSQLConnection {
        var connection = PostgreSQLConnection(database: database, applicationName: applicationName)
        connection.host = settings.host
        connection.port = settings.port
        connection.user = settings.user
        connection.password = password
        connection.tlsMode = settings.tlsMode
        connection.tlsRootCertificate = settings.tlsRootCertificate
        connection.systemUser = systemUser
        return connection
    }

    /// A client that talks to another place writes more than the dump, so that its bytes cannot be compared.
    func stream(_ command: ToolCommand, as part: PartPath) -> CapturedPart {
        CapturedPart(path: part, content: .stream(command), bytesAreExact: clients.passage == nil)
    }

    /// Where to ask about the server as a whole.
    var anyDatabase: String {
        switch settings.databases {
        case .named(let names): names.first ?? settings.maintenanceDatabase
        case .all: settings.maintenanceDatabase
        }
    }

    /// The databases that are to be dumped, as of now.
    /// - Parameter kept: are nobody's databases; one that the profile names is dumped all the same.
    func databases(applicationName: String, besides kept: Set<String>) async throws(SourceError) -> [String] {
        switch settings.databases {
        case .named(let names): return names
        case .all:
            let lines = try await ask(
                PostgreSQLQueries.databases,
                connection(to: settings.maintenanceDatabase, applicationName: applicationName))
            return try decode(String.self, lines).filter { !kept.contains($0) }
        }
    }

    /// Version, encoding and permissions, seen from inside a database.
    /// - Throws: ``SourceError/tooOld(tool:toolVersion:server:serverVersion:)`` when the clients cannot dump it.
    func survey(_ connection: PostgreSQLConnection) async throws(SourceError) -> PostgreSQLQueries.Server {
        let server = try await look(connection)
        guard let version = PostgreSQLVersion(server.version) else {
            throw .toolFailed(
                tool: "psql", how: "exit code 0", detail: "the server's version is unreadable: \(server.version)")
        }
        if clientVersion < version {
            throw .tooOld(
                tool: clients.program("pg_dump"), toolVersion: clientVersion.description,
                server: "the PostgreSQL server",
                serverVersion: version.description)
        }
        return server
    }

    /// As ``survey(_:)``, of a server that nothing is to be dumped from: loading into a newer one needs no newer clients.
    func look(_ connection: PostgreSQLConnection) async throws(SourceError) -> PostgreSQLQueries.Server {
        let lines = try await ask(PostgreSQLQueries.server(excluding: settings.excludedTables), connection)
        guard let server = try decode(PostgreSQLQueries.Server.self, lines).first else {
            throw .toolFailed(tool: "psql", how: "exit code 0", detail: "the server said nothing about itself")
        }
        return server
    }

    /// Runs statements in a session of their own and returns the lines that they print.
    func ask(_ statements: String, _ connection: PostgreSQLConnection) async throws(SourceError) -> [Substring] {
        try await answer(to: clients.shell(connection, script: statements), connection)
    }

    /// The lines that a session prints.
    func answer(to command: ToolCommand, _ connection: PostgreSQLConnection) async throws(SourceError) -> [Substring] {
        let result = try await services.run(command)
        if let failure = result.failure {
            throw result.stopped == nil ? meaning(of: result.errors.text, connection) ?? failure : failure
        }
        return result.output.text.split(separator: "\n")
    }

    /// What belongs to a database and not to its content.
    func properties(
        of database: String, _ connection: PostgreSQLConnection
    ) async throws(SourceError) -> PostgreSQLProperties {
        let lines = try await ask(PostgreSQLProperties.query(of: database), connection)
        do { return try PostgreSQLProperties(answer: lines) } catch {
            throw SourceError.toolFailed(
                tool: "psql", how: "exit code 0",
                detail: "its answer cannot be read: \(lines.first.map(String.init) ?? "")")
        }
    }

    /// Carries statements out that have nothing to do with each other, all at once where that can be done.
    /// - Returns: those that the server refused, in words.
    /// - Throws: ``SourceError/cancelled``
    func carryOut(_ statements: [String], _ connection: PostgreSQLConnection) async throws(SourceError) -> [String] {
        guard !statements.isEmpty else { return [] }
        do throws(SourceError) {
            _ = try await ask((["BEGIN;"] + statements + ["COMMIT;", ""]).joined(separator: "\n"), connection)
            return []
        } catch {
            if case .cancelled = error { throw error }
        }
        var refused: [String] = []
        for statement in statements {
            do throws(SourceError) { _ = try await ask(statement + "\n", connection) } catch {
                if case .cancelled = error { throw error }
                refused.append("\(statement) (\(error.description))")
            }
        }
        return refused
    }

    func decode<Value: Decodable>(_ type: Value.Type, _ lines: [some StringProtocol]) throws(SourceError) -> [Value] {
        do { return try PostgreSQLQueries.decode(type, lines) } catch {
            let first = lines.first.map { String($0) } ?? ""
            throw SourceError.toolFailed(
                tool: "psql", how: "exit code 0", detail: "its answer cannot be read: \(first)")
        }
    }

    /// What the clients' messages mean; `nil` where they tell nothing particular.
    func meaning(of diagnostics: String, _ connection: PostgreSQLConnection) -> SourceError? {
        if let failure = clients.passage?.meaning(of: diagnostics) { return failure }
        let detail = tellingEnd(of: diagnostics)
        let place =
            "the PostgreSQL server" + (settings.host.map { " at \($0)" } ?? "")
            + (clients.passage.map { " in \($0.description)" } ?? "")
        let role = settings.user ?? systemUser?.name ?? "this user"
        switch PostgreSQLFailure(diagnostics: diagnostics) {
        case .noSuchDatabase:
            return .missing("the database \(connection.database)", hint: "`psql -l` lists those there are")
        case .noSuchRole:
            return .notPermitted("the role \(role)", detail: detail, hint: "correct `user:`, or create the role")
        case .notAuthenticated:
            return .notPermitted(
                place, detail: detail,
                hint: "set `password:` for \(role), use `run-as:` for a local socket, or let it in by pg_hba.conf")
        case .notPermitted:
            return .notPermitted(
                "the database \(connection.database)", detail: detail,
                hint: "grant it: GRANT pg_read_all_data TO \(role), or use a role that owns the tables")
        case .busy: return .busy(place, detail: detail)
        case .unreachable:
            return .unreachable(place, detail: detail, hint: "is it running, and are `host:` and `port:` right?")
        case .databaseExists: return .targetExists("the database \(connection.database)", hint: "choose another name")
        case .badLocale, .other: return nil
        }
    }

    /// Those that are in the container or on the other host.
    private static func clients(
        behind passage: Passage, _ settings: PostgreSQLSettings, _ services: Services
    ) async throws(SourceError) -> (PostgreSQLClients, PostgreSQLVersion) {
        let clients = PostgreSQLClients(folder: settings.clients, passage: passage)
        let result = try await services.run(clients.versionCommand)
        if let failure = result.failure {
            if let meaning = passage.meaning(of: result.errors.text) { throw meaning }
            if Passage.isMissingProgram(result) {
                throw .missing(
                    "\(clients.program("pg_dump")) in \(passage.description)",
                    hint: "name the folder of the client programs there under `clients:`, or take a place that has them"
                )
            }
            throw failure
        }
        guard let version = PostgreSQLVersion(result.output.text) else {
            throw .toolFailed(
                tool: "pg_dump in \(passage.description)", how: "exit code 0",
                detail: "its version is unreadable: \(tellingEnd(of: result.output.text))")
        }
        return (clients, version)
    }

    /// The newest clients: where the profile says, else in the folders that packages use, else on the search path.
    private static func newestClients(
        _ settings: PostgreSQLSettings, _ services: Services
    ) async throws(SourceError) -> (PostgreSQLClients, PostgreSQLVersion) {
        var folders: [String?] = []
        if let folder = settings.clients {
            folders = [folder]
        } else {
            folders += System.numbers(in: "/usr/lib/postgresql").sorted(by: >).map { "/usr/lib/postgresql/\($0)/bin" }
            folders.append(nil)
        }
        var best: (PostgreSQLClients, PostgreSQLVersion)?
        for folder in folders {
            let clients = PostgreSQLClients(folder: folder)
            guard services.runner.locate(clients.program("pg_dump")) != nil else { continue }
            let result = try await services.succeed(clients.versionCommand)
            guard let version = PostgreSQLVersion(result.output.text) else { continue }
            if best.map({ $0.1 < version }) ?? true { best = (clients, version) }
        }
        guard let best else {
            throw .tool(.notFound(program: "pg_dump", searched: folders.map { $0 ?? "the search path" }))
        }
        return best
    }
}
