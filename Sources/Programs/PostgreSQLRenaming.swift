/// Statements that let one database take another's name, and take over what belongs to the name rather than to the content.
package enum PostgreSQLRenaming {
    private static let identifier = PostgreSQLQueries.identifier
    private static let literal = PostgreSQLQueries.literal

    /// A JSON string a line.
    package static func existing(_ names: [String]) -> String {
        "SELECT pg_catalog.to_json(datname::text) FROM pg_catalog.pg_database WHERE datname IN ("
            + names.map(literal).joined(separator: ", ") + ");\n"
    }

    /// Both or none. What a dump cannot rename is an open session's: see ``PostgreSQLQueries/endSessions(database:)``.
    /// - Source: https://www.postgresql.org/docs/15/sql-alterdatabase.html; that it may stand in a transaction was tried on
    ///   15.18, as was that it keeps newcomers out while it waits up to five seconds for the sessions there are.
    package static func exchange(live: String?, staged: String, as name: String, aside: String) -> String {
        var script = "BEGIN;\n"
        if let live { script += "ALTER DATABASE \(identifier(live)) RENAME TO \(identifier(aside));\n" }
        return script + "ALTER DATABASE \(identifier(staged)) RENAME TO \(identifier(name));\nCOMMIT;\n"
    }

    /// A JSON string.
    package static func owner(of database: String) -> String {
        """
        SELECT pg_catalog.to_json(pg_catalog.pg_get_userbyid(datdba)::text)
        FROM pg_catalog.pg_database WHERE datname = \(literal(database));

        """
    }

    package static func setOwner(of database: String, to role: String) -> String {
        "ALTER DATABASE \(identifier(database)) OWNER TO \(identifier(role));\n"
    }

    /// A JSON string a line.
    /// - Source: `pg_control_system`, which anybody may call; seen with 15.18 and 18.6.
    package static let serverIdentity = "SELECT system_identifier FROM pg_catalog.pg_control_system();\n"

    package static let roles = "SELECT pg_catalog.to_json(rolname::text) FROM pg_catalog.pg_roles;\n"
}

/// What a dump of globals says about roles that are missing.
/// - Source: pg_dumpall 15.18 and 18.6, `--globals-only`: one statement a line, in this order and with names quoted where needed; since
///   16 a grant may be `WITH ADMIN OPTION, INHERIT FALSE, SET FALSE`.
package struct PostgreSQLRoles: Sendable, Equatable {
    package var missing: [String] = []
    /// Makes them with their attributes, and grants them their memberships.
    package var statements: [String] = []

    /// - Parameter existing: roles that are there and are left as they are.
    package init(globals: String, existing: Set<String>) {
        let lines = globals.split(whereSeparator: \.isNewline).filter { $0.hasSuffix(";") }
        for line in lines {
            if let (name, rest) = PostgreSQLRoles.name(after: "CREATE ROLE ", in: line) {
                guard rest == ";", !existing.contains(name) else { continue }
                missing.append(name)
                statements.append(String(line))
            } else if let (name, rest) = PostgreSQLRoles.name(after: "ALTER ROLE ", in: line) {
                guard missing.contains(name), rest.hasPrefix(" WITH ") || rest.hasPrefix(" SET ") else { continue }
                statements.append(String(line))
            } else if let (_, rest) = PostgreSQLRoles.name(after: "GRANT ", in: line),
                let (member, end) = PostgreSQLRoles.name(after: " TO ", in: rest), missing.contains(member)
            {
                // By whom it was granted need not be a role of this server's.
                let options = end.hasSuffix(";") ? end.dropLast() : end
                let kept = options.firstRange(of: " GRANTED BY ").map { options[..<$0.lowerBound] } ?? options
                statements.append(String(line.dropLast(end.count)) + kept + ";")
            }
        }
    }

    private static func name(after start: String, in line: Substring) -> (name: String, rest: Substring)? {
        guard line.hasPrefix(start) else { return nil }
        let text = line.dropFirst(start.count)
        guard text.first == "\"" else {
            let name = text.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }
            return name.isEmpty ? nil : (String(name), text.dropFirst(name.count))
        }
        var name = ""
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            if character != "\"" {
                name.append(character)
            } else if rest.first == "\"" {
                name.append("\"")
                rest.removeFirst()
            } else {
                return (name, rest)
            }
        }
        return nil
    }
}
