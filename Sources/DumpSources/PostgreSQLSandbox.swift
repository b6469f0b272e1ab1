package import BackupModel
import Foundation
import Programs

/// A PostgreSQL server for whoever loads dumps by hand, and nobody else's.
package struct PostgreSQLSandbox: Sendable {
    private let services: Services
    package init(_ services: Services) { self.services = services }

    /// Starts one that takes these dumps, and ends it when `body` is done.
    /// - Parameters:
    ///   - parts: dumps of PostgreSQL among them decide which version it is; without any, none is started.
    ///   - folder: one of our own, which everybody may pass through where we are root.
    ///   - body: is given the variables that lead to it; none where there is no server here that takes them.
    package func whileUp<Value: Sendable>(
        for parts: [ManifestPart], in folder: @Sendable () async throws -> String,
        _ body: @escaping @Sendable ([String: String]) async throws -> Value
    ) async throws -> Value {
        let dumps = parts.filter { $0.sourceKind == "postgres" }
        guard !dumps.isEmpty else { return try await body([:]) }
        func newest(_ key: String) -> String? {
            dumps.compactMap { $0.restoreNotes[key] }.max { $0.compare($1, options: .numeric) == .orderedAscending }
        }
        let found = try await PostgreSQLThrowaway.find(
            server: newest("server"), client: newest("client"), clients: nil, services)
        guard case .success(let programs) = found else { return try await body([:]) }
        let user = try services.unprivilegedUser()
        let path = try services.serverFolder(below: try await folder(), user)
        defer { services.removeServerFolder(path) }
        let server = PostgreSQLThrowaway(services: services, programs: programs).server(in: path, as: user)
        return try await server.whileUp { process in
            try await body([
                "PGHOST": Services.workingFolder(of: process), "PGPORT": String(PostgreSQLServerPrograms.port),
                "PGUSER": PostgreSQLServerPrograms.superuser, "GLOBALS": "yes",
            ])
        }
    }
}
