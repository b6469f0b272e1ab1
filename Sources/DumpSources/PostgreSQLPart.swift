import BackupModel
import Programs

/// Names and notes of the parts of a `postgres` source.
enum PostgreSQLPart {
    static let globals = PartPath(rawValue: "/postgres/globals.sql")
    static let withoutPasswords =
        "the role may not read role passwords: the globals are dumped without them, and after a restore they must be set anew"

    /// `/postgres/app.sql`. What would not stay one name, or clash with the globals, is escaped with `%`.
    static func path(_ database: String, _ format: PostgreSQLSettings.Format) -> PartPath {
        var name = ""
        for (index, scalar) in database.unicodeScalars.enumerated() {
            let isReserved = index == 0 && (scalar == "." || scalar == "-" || database == "globals")
            if scalar == "/" || scalar == "%" || scalar.value < 32 || scalar.value == 127 || isReserved {
                let digits = String(scalar.value, radix: 16, uppercase: true)
                name += "%" + (digits.count == 1 ? "0" : "") + digits
            } else {
                name.unicodeScalars.append(scalar)
            }
        }
        return PartPath(rawValue: "/postgres/\(name).\(format == .plain ? "sql" : "dump")")
    }

    static func notes(
        _ database: String, _ settings: PostgreSQLSettings, _ server: PostgreSQLQueries.Server,
        _ client: PostgreSQLVersion
    ) -> [String: String] {
        var notes = [
            "format": settings.format.rawValue, "database": database, "encoding": server.encoding,
            "server": server.version,
            "client": client.description, "owner": server.owner,
        ]
        PostgreSQLLocale(server).note(in: &notes)
        return notes
    }
}
