import BackupModel
import Foundation
import Programs

/// The roles of a server, and the tablespaces that one of its databases uses, when that was dumped. The dump takes them for granted, and to find
/// them in it would be to read all of it.
struct PostgreSQLNeeds: Codable, Sendable, Equatable {
    var roles: [String]?
    var tablespaces: [String]?

    /// The key in a part's notes.
    static let note = "needs"
    /// A server with more names than this has them read out of the dump: every database's part would carry all of them.
    static let mostNames = 500

    /// One JSON object. `pg_roles` and `pg_tablespace` may be read by everybody.
    /// - Source: https://www.postgresql.org/docs/17/view-pg-roles.html,
    ///   https://www.postgresql.org/docs/17/catalog-pg-tablespace.html
    static let query = """
        SELECT pg_catalog.json_build_object(\
        'roles', (SELECT pg_catalog.json_agg(rolname::text ORDER BY rolname) FROM pg_catalog.pg_roles \
        WHERE rolname !~ '^pg_'), \
        'tablespaces', (SELECT pg_catalog.json_agg(spcname::text ORDER BY spcname) FROM pg_catalog.pg_tablespace \
        WHERE spcname !~ '^pg_' AND oid IN (SELECT reltablespace FROM pg_catalog.pg_class)));

        """

    /// `nil` where nothing was noted that can be read.
    init?(_ notes: [String: String]) {
        guard let text = notes[PostgreSQLNeeds.note],
            // What cannot be read is found out anew.
            let needs = try? JSONDecoder().decode(PostgreSQLNeeds.self, from: Data(text.utf8))
        else { return nil }
        self = needs
    }

    /// As a part notes them; `nil` where there are too many.
    static func noted(_ answer: [Substring]) -> String? {
        guard let line = answer.first, let needs = PostgreSQLNeeds([note: String(line)]),
            (needs.roles ?? []).count + (needs.tablespaces ?? []).count <= mostNames
        else { return nil }
        return String(line)
    }

    var requirements: PostgreSQLRequirements {
        var requirements = PostgreSQLRequirements()
        for role in roles ?? [] { requirements.read("GRANT x TO \(PostgreSQLQueries.identifier(role));") }
        for name in tablespaces ?? [] {
            requirements.read("SET default_tablespace = \(PostgreSQLQueries.identifier(name));")
        }
        return requirements
    }
}
