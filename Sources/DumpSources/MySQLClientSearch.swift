import BackupModel
import Programs

/// Finds the client programs: those of the server's own family where both are there.
struct MySQLClientSearch: Sendable {
    let settings: MySQLSettings
    let services: Services

    func find(
        passage: Passage?, _ connection: MySQLConnection
    ) async throws(SourceError) -> (MySQLClients, MySQLVersion) {
        var found: [(MySQLClients, MySQLVersion)] = []
        for hasOldNames in [false, true] {
            let clients = MySQLClients(folder: settings.clients, hasOldNames: hasOldNames, passage: passage)
            if let version = try await version(of: clients) {
                var fitting = clients
                fitting.family = version.family
                found.append((fitting, version))
            }
        }
        guard let first = found.first else {
            if let passage {
                throw .missing(
                    "mariadb-dump or mysqldump in \(passage.description)",
                    hint: "name the folder of the client programs there under `clients:`, or take a place that has them"
                )
            }
            throw .tool(.notFound(program: "mariadb-dump", searched: [settings.clients ?? "the search path"]))
        }
        // MariaDB's also go by the names of MySQL's.
        guard Set(found.map(\.1.family)).count > 1 else { return try await checked(first) }
        let family = try await family(by: first.0, connection)
        return try await checked(found.first { $0.1.family == family } ?? first)
    }

    private func version(of clients: MySQLClients) async throws(SourceError) -> MySQLVersion? {
        if clients.passage == nil, services.runner.locate(clients.dumpProgram) == nil { return nil }
        let result = try await services.run(clients.versionCommand)
        if let failure = result.failure {
            if let meaning = clients.passage?.meaning(of: result.errors.text) { throw meaning }
            // 126 is what some engines say of a program that is not there.
            if clients.passage != nil, Passage.isMissingProgram(result) || result.termination == .exited(126) {
                return nil
            }
            throw failure
        }
        guard let version = MySQLVersion(result.output.text) else {
            throw .toolFailed(
                tool: clients.dumpProgram, how: "exit code 0",
                detail: "its version is unreadable: \(tellingEnd(of: result.output.text))")
        }
        return version
    }

    private func family(by clients: MySQLClients, _ connection: MySQLConnection) async throws(SourceError)
        -> MySQLFamily?
    {
        let result = try await services.run(clients.shell(connection, script: MySQLQueries.server))
        // What is wrong is told by whoever asks next.
        guard result.didItsWork else { return nil }
        return result.output.text.contains("MariaDB") ? .mariadb : .mysql
    }

    /// In another place the option files of that place are read, for only they know where the socket is.
    private func checked(_ found: (MySQLClients, MySQLVersion)) async throws(SourceError) -> (
        MySQLClients, MySQLVersion
    ) {
        guard let passage = found.0.passage else { return found }
        let text = try await services.succeed(found.0.defaultsCommand).output.text
        let foreign = MySQLClients.foreignOptions(text)
        guard foreign.isEmpty else {
            throw .unsupported(
                "an option file in \(passage.description) sets \(foreign.joined(separator: ", ")), which changes what is dumped",
                hint: "take it out of my.cnf there, under [client], [mysqldump] and [mariadb-dump]")
        }
        return found
    }
}
