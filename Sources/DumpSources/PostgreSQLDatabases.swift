import BackupModel
import Foundation
import Programs

/// A PostgreSQL server whose databases take each other's names.
struct PostgreSQLDatabases: DatabaseServer {
    let server: PostgreSQLServer
    let applicationName: String

    /// - Source: NAMEDATALEN, https://www.postgresql.org/docs/15/limits.html
    let longestName = 63

    /// Not the database that is renamed: no session may be in it.
    private func connection(apartFrom names: [String]) -> PostgreSQLConnection {
        let usual = server.settings.maintenanceDatabase
        return server.connection(to: names.contains(usual) ? "template1" : usual, applicationName: applicationName)
    }

    func existing(_ names: [String]) async throws(SourceError) -> Set<String> {
        let lines = try await server.ask(PostgreSQLRenaming.existing(names), connection(apartFrom: names))
        return Set(try server.decode(String.self, lines))
    }

    func exchange(
        live: String, staged: String, aside: String, adopting: Bool
    ) async throws(SourceError) -> [String] {
        let connection = connection(apartFrom: [live, staged, aside])
        let isThere = try await existing([live]).contains(live)
        let notices = isThere && adopting ? try await adopt(live, by: staged, connection) : []
        let ending = endSessions(of: isThere ? [live, staged] : [staged], connection)
        defer { ending.cancel() }
        do throws(SourceError) {
            _ = try await server.ask(
                PostgreSQLRenaming.exchange(live: isThere ? live : nil, staged: staged, as: live, aside: aside),
                connection)
        } catch {
            guard case .notPermitted(_, let detail, _) = error else { throw error }
            throw .notPermitted(
                "renaming the database \(live)", detail: detail,
                hint:
                    "the role must own it and have CREATEDB (ALTER ROLE … CREATEDB), or be a superuser; or load it beside with "
                    + "--into SOURCE=NAME")
        }
        return notices
    }

    /// While the renaming waits for sessions to end it lets nobody new in, so ending those there are is enough.
    private func endSessions(of names: [String], _ connection: PostgreSQLConnection) -> Task<Void, Never> {
        Task {
            for pause in [Duration.zero, .milliseconds(300), .seconds(1), .seconds(1), .seconds(2)] {
                do {
                    try await server.services.clock.sleep(for: pause)
                    for name in names {
                        _ = try await server.ask(PostgreSQLQueries.endSessions(database: name), connection)
                    }
                } catch {
                    // Whether anybody was in the way the renaming itself says.
                    return
                }
            }
        }
    }

    /// Gives what takes a database's place the owner, the limit, the comment, the settings and the grants that this one has now,
    /// whatever it was given when it was loaded.
    /// - Returns: what could not be taken over, in words.
    private func adopt(
        _ live: String, by staged: String, _ connection: PostgreSQLConnection
    ) async throws(SourceError) -> [String] {
        let owner = try server.decode(
            String.self, try await server.ask(PostgreSQLRenaming.owner(of: live), connection))
        // First the owner: what he may goes by who he is.
        var refused = try await server.carryOut(
            owner.map { PostgreSQLRenaming.setOwner(of: staged, to: $0).trimmingCharacters(in: .newlines) }, connection)
        let reset = try server.decode(
            String.self, try await server.ask(PostgreSQLProperties.reset(of: staged), connection))
        let properties = try await server.properties(of: live, connection)
        refused += try await server.carryOut(reset + properties.statements(for: staged), connection)
        return refused.map { "not taken over from the former \(live): \($0)" }
    }

    func identity() async throws(SourceError) -> String? {
        let connection = connection(apartFrom: [])
        let result = try await server.services.run(
            server.clients.shell(connection, script: PostgreSQLRenaming.serverIdentity))
        guard let failure = result.failure else {
            return result.output.text.split(separator: "\n").first.map(String.init)
        }
        // A role may be denied the function; that it cannot be asked at all is another matter.
        if case .notPermitted? = server.meaning(of: result.errors.text, connection) { return nil }
        throw result.stopped == nil ? server.meaning(of: result.errors.text, connection) ?? failure : failure
    }

    func drop(_ name: String) async throws(SourceError) {
        let connection = connection(apartFrom: [name])
        _ = try await server.ask(PostgreSQLQueries.endSessions(database: name), connection)
        _ = try await server.ask(PostgreSQLQueries.dropDatabase(name), connection)
    }

    func addMissing(from content: [UInt8], part: ManifestPart) async throws(SourceError) -> [String] {
        let connection = connection(apartFrom: [])
        let existing = Set(try server.decode(String.self, try await server.ask(PostgreSQLRenaming.roles, connection)))
        let roles = PostgreSQLRoles(globals: String(decoding: content, as: UTF8.self), existing: existing)
        guard !roles.missing.isEmpty else { return [] }
        _ = try await server.ask(roles.statements.joined(separator: "\n") + "\n", connection)
        return roles.missing.map { "made the role \($0), which was missing, as the restore point has it" }
    }
}
