import Foundation

/// What is asked of a server, and how its answers are read: each row is one line of JSON, so that no name can break it.
///
/// - Source: https://mariadb.com/kb/en/information-schema-tables/ (10.11); `JSON_OBJECT` since MariaDB 10.2 and MySQL 5.7
package enum MySQLQueries {
    /// For a session without `NO_BACKSLASH_ESCAPES`.
    package static func literal(_ text: String) -> String {
        "'" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "''") + "'"
    }

    /// `` `a``b` ``
    package static func identifier(_ name: String) -> String {
        "`" + name.replacingOccurrences(of: "`", with: "``") + "`"
    }

    /// Byte for byte: the schema's own collation takes `App` for `app`, which may be another database.
    private static func schema(_ column: String, is database: String) -> String {
        "\(column) = \(literal(database)) AND CAST(\(column) AS BINARY) = CAST(\(literal(database)) AS BINARY)"
    }

    /// A ``Server``, then the lines of `SHOW GRANTS`.
    package static let server = """
        SELECT JSON_OBJECT('version', @@version, 'keepsLog', IF(@@log_bin, 1, 0), 'user', CURRENT_USER(), \
        'packet', @@max_allowed_packet);
        SHOW GRANTS;

        """

    package struct Server: Decodable, Sendable, Equatable {
        package var version: String
        /// 1 where it writes a binary log.
        package var keepsLog: Int
        package var user: String
        package var packet: Int64
    }

    /// A JSON string a line. What belongs to the server itself is left out.
    package static let databases = """
        SELECT JSON_QUOTE(schema_name) FROM information_schema.schemata WHERE schema_name NOT IN \
        ('information_schema', 'performance_schema', 'mysql', 'sys') AND schema_name NOT LIKE '#mysql50#%' \
        ORDER BY schema_name;

        """

    /// A ``Database``; none when there is no such database, or none that the user may see.
    package static func database(_ name: String) -> String {
        """
        SELECT JSON_OBJECT('charset', default_character_set_name, 'collation', default_collation_name, \
        'views', (SELECT COUNT(*) FROM information_schema.views WHERE \(schema("table_schema", is: name))), \
        'triggers', (SELECT COUNT(*) FROM information_schema.triggers WHERE \(schema("trigger_schema", is: name))), \
        'routines', (SELECT COUNT(*) FROM information_schema.routines WHERE \(schema("routine_schema", is: name))), \
        'events', (SELECT COUNT(*) FROM information_schema.events WHERE \(schema("event_schema", is: name)))) \
        FROM information_schema.schemata WHERE \(schema("schema_name", is: name));

        """
    }

    package struct Database: Decodable, Sendable, Equatable {
        package var charset: String
        package var collation: String
        package var views: Int64
        package var triggers: Int64
        package var routines: Int64
        package var events: Int64

        /// By their names in a manifest.
        package var objects: [String: Int64] {
            ["views": views, "triggers": triggers, "routines": routines, "events": events]
        }
    }

    /// A ``Table`` a line, views and sequences among them.
    package static func tables(of database: String) -> String {
        """
        SELECT JSON_OBJECT('name', t.table_name, 'type', t.table_type, 'engine', t.engine, \
        'estimate', t.table_rows, 'bytes', t.data_length, 'transactions', e.transactions) \
        FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine \
        WHERE \(schema("t.table_schema", is: database)) ORDER BY t.table_name;

        """
    }

    package struct Table: Decodable, Sendable, Equatable {
        package var name: String
        /// `BASE TABLE`, `VIEW`, `SEQUENCE`, `SYSTEM VERSIONED` …
        package var type: String
        package var engine: String?
        package var estimate: Int64?
        package var bytes: Int64?
        /// `YES` or `NO`
        package var transactions: String?

        package var isTable: Bool { type == "BASE TABLE" || type == "SYSTEM VERSIONED" }
        /// Whether it has rows of its own that a dump holds; others point at rows that are elsewhere.
        /// - Source: `mariadb-dump --help` (10.11.19), no-data-med
        package var hasData: Bool {
            let elsewhere = ["MRG_MYISAM", "MRG_ISAM", "CONNECT", "OQGRAPH", "SPIDER", "VP", "FEDERATED", "BLACKHOLE"]
            return isTable && !elsewhere.contains(engine?.uppercased() ?? "")
        }
        /// One view of all tables does not hold for it.
        package var isTorn: Bool { hasData && transactions != "YES" }
    }

    /// Waits for each table until nobody holds it locked, and reads nothing.
    package static func waiting(for tables: [String], of database: String, seconds: Int) -> String {
        var script = "SET SESSION lock_wait_timeout = \(max(1, seconds));\n"
        for table in tables { script += "SELECT 1 FROM \(identifier(database)).\(identifier(table)) LIMIT 0;\n" }
        return script
    }

    /// One number a line, in the order of the tables.
    package static func counts(of tables: [String], in database: String) -> String {
        tables.map { "SELECT COUNT(*) FROM \(identifier(database)).\(identifier($0));\n" }.joined()
    }

    package static func databaseExists(_ name: String) -> String {
        "SELECT COUNT(*) FROM information_schema.schemata WHERE \(schema("schema_name", is: name));\n"
    }

    package static func createDatabase(_ name: String, charset: String?, collation: String?) -> String {
        "CREATE DATABASE \(identifier(name))" + (charset.map { " CHARACTER SET \(identifier($0))" } ?? "")
            + (collation.map { " COLLATE \(identifier($0))" } ?? "") + ";\n"
    }

    package static func dropDatabase(_ name: String) -> String {
        "SET SESSION lock_wait_timeout = 60;\nDROP DATABASE IF EXISTS \(identifier(name));\n"
    }

    /// One value a line; empty lines are passed over.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, _ lines: some Sequence<some StringProtocol>
    ) throws -> [Value] {
        let decoder = JSONDecoder()
        return try lines.filter { !$0.isEmpty }.map { try decoder.decode(type, from: Data($0.utf8)) }
    }
}
