import Foundation

/// What is asked of a server, and how its answers are read: each row is one line of JSON, so that no name can break it.
package enum PostgreSQLQueries {
    /// `'it''s'`, or with `E` in front where there are backslashes.
    package static func literal(_ text: String) -> String {
        let hasBackslash = text.contains("\\")
        var result = hasBackslash ? "E'" : "'"
        for scalar in text.unicodeScalars {
            if scalar == "'" || scalar == "\\" { result.unicodeScalars.append(scalar) }
            result.unicodeScalars.append(scalar)
        }
        return result + "'"
    }

    /// `"a ""name"""`
    package static func identifier(_ name: String) -> String {
        "\"" + name.replacingOccurrences(of: "\"", with: "\"\"") + "\""
    }

    /// Tables whose rows a dump holds, under the names `c` and `n`: ordinary ones and partitions, outside of the system's
    /// schemas and of extensions.
    private static let userTables = """
        pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
        AND d.objid = c.oid AND d.deptype = 'e')
        """

    /// Answers with a ``Server``.
    package static func server(excluding excluded: [String]) -> String {
        """
        SELECT pg_catalog.json_build_object(
          'version', pg_catalog.current_setting('server_version'),
          'encoding', pg_catalog.pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,
          'provider', pg_catalog.json_extract_path_text(pg_catalog.row_to_json(d), 'datlocprovider'),
          'locale', COALESCE(pg_catalog.json_extract_path_text(pg_catalog.row_to_json(d), 'datlocale'),
            pg_catalog.json_extract_path_text(pg_catalog.row_to_json(d), 'daticulocale')),
          'rules', pg_catalog.json_extract_path_text(pg_catalog.row_to_json(d), 'daticurules'),
          'owner', pg_catalog.pg_get_userbyid(d.datdba), 'size', pg_catalog.pg_database_size(d.oid),
          'readsRoles', pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT'),
          'unreadable', (SELECT pg_catalog.json_agg(name) FROM (
            SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name FROM \(userTables) AND c.relkind <> 'm'
            AND NOT \(PostgreSQLPattern.condition(excluded))
            AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))
            ORDER BY 1 LIMIT 3) t))
        FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database();

        """
    }

    package struct Server: Decodable, Sendable, Equatable {
        package var version: String
        package var encoding: String
        package var collate: String?
        package var ctype: String?
        /// `c`: the system's library, `i`: ICU, `b`: built in. None before 15.
        package var provider: String?
        /// Of a provider other than the system's library.
        package var locale: String?
        /// ICU's, from 16 on.
        package var rules: String?
        package var owner: String
        package var size: Int64
        /// Whether role passwords may be read.
        package var readsRoles: Bool
        /// Up to three tables that the role may not read.
        package var unreadable: [String]?
    }

    /// A JSON string a line.
    package static let databases = """
        SELECT pg_catalog.to_json(datname::text) FROM pg_catalog.pg_database
        WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY datname;

        """

    /// A ``Table`` a line.
    package static func tables(excluding tables: [String], excludingData data: [String]) -> String {
        """
        SELECT pg_catalog.json_build_object('name', pg_catalog.format('%I.%I', n.nspname, c.relname), \
        'estimate', c.reltuples::bigint, 'withoutData', \(PostgreSQLPattern.condition(data))) FROM \(userTables) \
        AND c.relkind = 'r' AND NOT \(PostgreSQLPattern.condition(tables)) ORDER BY n.nspname, c.relname;
        """
    }

    package struct Table: Decodable, Sendable, Equatable {
        /// Quoted where needed, so that it can stand in SQL as it is.
        package var name: String
        /// Negative where the server never looked.
        package var estimate: Int64
        /// Its rows are left out of the dump.
        package var withoutData: Bool
    }

    /// Things that a dump makes last, counted per kind: a dump that was cut short lacks some of them. One JSON object.
    package static let lastObjects = """
        SELECT pg_catalog.json_build_object(\
        'indexes', (SELECT count(*) FROM pg_catalog.pg_index i WHERE i.indisvalid AND i.indrelid IN (SELECT c.oid FROM \(userTables))), \
        'constraints', (SELECT count(*) FROM pg_catalog.pg_constraint k WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') \
        AND k.conrelid IN (SELECT c.oid FROM \(userTables))), \
        'triggers', (SELECT count(*) FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal \
        AND t.tgrelid IN (SELECT c.oid FROM \(userTables))));
        """

    package static func count(_ table: String) -> String { "SELECT count(*) FROM \(table);" }

    /// Ends the sessions with this application name, and prints how many there were.
    package static func endSessions(applicationName: String) -> String {
        """
        SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
        WHERE application_name = \(literal(applicationName)) AND pid <> pg_catalog.pg_backend_pid();

        """
    }

    /// - Parameters:
    ///   - locale: `nil` for the server's own.
    ///   - major: the server's version, which decides what it understands.
    package static func createDatabase(
        _ name: String, encoding: String?, _ locale: PostgreSQLLocale?, on major: Int?
    ) -> String {
        var statement = "CREATE DATABASE \(identifier(name)) TEMPLATE template0"
        if let encoding { statement += " ENCODING \(literal(encoding))" }
        if let locale { statement += locale.options(on: major) }
        return statement + ";\n"
    }

    package static func dropDatabase(_ name: String) -> String { "DROP DATABASE IF EXISTS \(identifier(name));\n" }

    /// Ends what others do in a database, so that it can be dropped.
    package static func endSessions(database: String) -> String {
        """
        SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
        WHERE datname = \(literal(database)) AND pid <> pg_catalog.pg_backend_pid();

        """
    }

    package static func databaseExists(_ name: String) -> String {
        "SELECT count(*) FROM pg_catalog.pg_database WHERE datname = \(literal(name));\n"
    }

    /// One value a line; empty lines are passed over.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, _ lines: some Sequence<some StringProtocol>
    ) throws -> [Value] {
        let decoder = JSONDecoder()
        return try lines.filter { !$0.isEmpty }.map { try decoder.decode(type, from: Data($0.utf8)) }
    }

    /// Whether a plain dump was written to its end. The marker stands near the end, not at it.
    /// - Parameter tail: the last kilobyte or so.
    /// - Source: pg_dump 15.18, which puts an `\unrestrict` line after it
    package static func isComplete(plainTail tail: [UInt8]) -> Bool {
        let text = String(decoding: tail, as: UTF8.self)
        return text.contains("-- PostgreSQL database dump complete")
            || text.contains("-- PostgreSQL database cluster dump complete")
    }
}
