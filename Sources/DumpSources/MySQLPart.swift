import BackupModel
import Programs

/// Names and notes of the parts of a `mysql` source.
enum MySQLPart {
    static let users = PartPath(rawValue: "/mysql/users.sql")

    /// `/mysql/shop.sql`. What would not stay one name, or clash with the users, is escaped with `%`.
    static func path(_ database: String) -> PartPath {
        var name = ""
        for (index, scalar) in database.unicodeScalars.enumerated() {
            let isReserved = index == 0 && (scalar == "." || scalar == "-" || database == "users")
            if scalar == "/" || scalar == "%" || scalar.value < 32 || scalar.value == 127 || isReserved {
                let digits = String(scalar.value, radix: 16, uppercase: true)
                name += "%" + (digits.count == 1 ? "0" : "") + digits
            } else {
                name.unicodeScalars.append(scalar)
            }
        }
        return PartPath(rawValue: "/mysql/\(name).sql")
    }

    static func notes(
        _ database: MySQLDatabase, _ server: MySQLServer.Survey, _ client: MySQLVersion
    ) -> [String: String] {
        [
            "format": "plain", "database": database.name, "charset": database.found.charset,
            "collation": database.found.collation, "server": server.version.description,
            "client": client.description,
        ]
    }

    /// A name for people: on one line, whatever is in it.
    static func plain(_ name: String) -> String {
        String(
            String.UnicodeScalarView(name.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }

    /// What one view does not hold together.
    static func torn(_ tables: [MySQLQueries.Table], in database: String) -> String? {
        let torn = tables.filter(\.isTorn)
        guard !torn.isEmpty else { return nil }
        let names = torn.prefix(3).map { "\(plain($0.name)) (\($0.engine ?? "?"))" }.joined(separator: ", ")
        return "\(Words.count(torn.count, "table")) of \(database) "
            + (torn.count == 1 ? "knows" : "know") + " no transactions: \(names)"
            + (torn.count > 3 ? ", …" : "")
            + ". What is written there during the dump may be in it by halves; set `lock: true`, or convert to InnoDB"
    }
}

/// One database as it was looked at.
struct MySQLDatabase: Sendable {
    var name: String
    var found: MySQLQueries.Database
    var tables: [MySQLQueries.Table]
    /// Names that a pattern of the profile leaves out.
    var excluded: [String]

    var dumped: [MySQLQueries.Table] { tables.filter { !excluded.contains($0.name) } }
}
