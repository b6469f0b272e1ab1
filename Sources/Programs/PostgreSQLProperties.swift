import Foundation

/// What belongs to a database and not to its content, so that a dump of the content has none of it: its connection limit, its
/// comment, its settings and those of roles in it, and who may connect.
/// - Source: pg_dump writes it with `--create` alone, and names the database then; https://www.postgresql.org/docs/17/app-pgdump.html
package struct PostgreSQLProperties: Sendable, Equatable {
    /// Each statement as what stands before the database's name, and what comes behind it.
    private var halves: [[String]]

    /// The key in a part's notes.
    package static let note = "properties"

    /// - Parameter lines: the answer to ``query(of:)``.
    /// - Throws: `DecodingError`
    package init(answer lines: [some StringProtocol]) throws {
        halves = try PostgreSQLQueries.decode([String].self, lines)
    }

    /// `nil` where nothing was noted: there was nothing, or the backup is older than this.
    package init?(_ notes: [String: String]) {
        guard let text = notes[PostgreSQLProperties.note],
            // What cannot be read is as good as not there.
            let halves = try? JSONDecoder().decode([[String]].self, from: Data(text.utf8))
        else { return nil }
        self.halves = halves
    }

    /// As a part notes it; `nil` where there is nothing.
    /// - Throws: `EncodingError`
    package var noted: String? {
        get throws { halves.isEmpty ? nil : String(decoding: try JSONEncoder().encode(halves), as: UTF8.self) }
    }

    /// - Parameter name: how the database is named in the statements: quoted as SQL demands, or something that stands for it.
    package func statements(naming name: String) -> [String] {
        halves.filter { $0.count == 2 }.map { $0[0] + name + $0[1] }
    }

    package func statements(for database: String) -> [String] {
        statements(naming: PostgreSQLQueries.identifier(database))
    }

    /// A JSON array of two strings a line. Everybody may ask it.
    ///
    /// Values of settings that are lists are written as they are kept, others as literals; an empty element, which is kept as an
    /// identifier that no statement may have, as a literal.
    /// - Source: `makeAlterConfigCommand` and `variable_is_guc_list_quote` of pg_dump 15
    package static func query(of database: String) -> String {
        let name = PostgreSQLQueries.literal(database)
        return """
            SELECT pg_catalog.json_build_array(before, behind) FROM (
            SELECT 1 AS n, 'ALTER DATABASE ' AS before, pg_catalog.format(' CONNECTION LIMIT %s;', datconnlimit) AS behind
              FROM pg_catalog.pg_database WHERE datname = \(name) AND datconnlimit <> -1
            UNION ALL SELECT 2, 'COMMENT ON DATABASE ',
                pg_catalog.format(' IS %L;', pg_catalog.shobj_description(oid, 'pg_database'))
              FROM pg_catalog.pg_database
              WHERE datname = \(name) AND pg_catalog.shobj_description(oid, 'pg_database') IS NOT NULL
            UNION ALL SELECT 3, CASE WHEN setrole = 0 THEN 'ALTER DATABASE '
                ELSE pg_catalog.format('ALTER ROLE %I IN DATABASE ', pg_catalog.pg_get_userbyid(setrole)) END,
                pg_catalog.format(' SET %I TO %s;', name, CASE WHEN name IN ('local_preload_libraries', 'search_path',
                'session_preload_libraries', 'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories')
                AND value <> '' THEN pg_catalog.regexp_replace(value, '(^|,\\s*)""(?=\\s*(,|$))', '\\1''''', 'g')
                ELSE pg_catalog.quote_literal(value) END)
              FROM (SELECT setrole, pg_catalog.split_part(c, '=', 1) AS name,
                  pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1) AS value
                FROM pg_catalog.pg_db_role_setting JOIN pg_catalog.pg_database d ON d.oid = setdatabase,
                pg_catalog.unnest(setconfig) c WHERE d.datname = \(name)) settings
            UNION ALL SELECT 4, 'REVOKE ALL ON DATABASE ', ' FROM PUBLIC;'
              FROM pg_catalog.pg_database WHERE datname = \(name) AND datacl IS NOT NULL
            UNION ALL SELECT 5, pg_catalog.format('GRANT %s ON DATABASE ', a.privilege_type),
                pg_catalog.format(' TO %s%s;',
                CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
                CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
              FROM pg_catalog.pg_database, pg_catalog.aclexplode(datacl) a WHERE datname = \(name)
            ) properties ORDER BY n;

            """
    }

    /// A JSON string a line: the statements that leave a database with none of them, as a new one is.
    package static func reset(of database: String) -> String {
        let name = PostgreSQLQueries.literal(database)
        return """
            SELECT pg_catalog.to_json(s) FROM (
            SELECT 1 AS n, pg_catalog.format('ALTER DATABASE %I CONNECTION LIMIT -1;', datname) AS s
              FROM pg_catalog.pg_database WHERE datname = \(name) AND datconnlimit <> -1
            UNION ALL SELECT 2, pg_catalog.format('COMMENT ON DATABASE %I IS NULL;', datname)
              FROM pg_catalog.pg_database
              WHERE datname = \(name) AND pg_catalog.shobj_description(oid, 'pg_database') IS NOT NULL
            UNION ALL SELECT 3, CASE WHEN setrole = 0 THEN pg_catalog.format('ALTER DATABASE %I', datname)
                ELSE pg_catalog.format('ALTER ROLE %I IN DATABASE %I', pg_catalog.pg_get_userbyid(setrole), datname) END
                || ' RESET ALL;'
              FROM pg_catalog.pg_db_role_setting JOIN pg_catalog.pg_database d ON d.oid = setdatabase
              WHERE datname = \(name)
            UNION ALL SELECT DISTINCT 4, pg_catalog.format('REVOKE ALL ON DATABASE %I FROM %s CASCADE;', datname,
                CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END)
              FROM pg_catalog.pg_database, pg_catalog.aclexplode(datacl) a WHERE datname = \(name)
            UNION ALL SELECT 5, pg_catalog.format('GRANT ALL ON DATABASE %I TO %I;', datname,
                pg_catalog.pg_get_userbyid(datdba))
              FROM pg_catalog.pg_database WHERE datname = \(name) AND datacl IS NOT NULL
            UNION ALL SELECT 6, pg_catalog.format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO PUBLIC;', datname)
              FROM pg_catalog.pg_database WHERE datname = \(name) AND datacl IS NOT NULL
            ) statements ORDER BY n;

            """
    }
}
