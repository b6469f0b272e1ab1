/// A table pattern as `pg_dump --exclude-table` takes it, turned into regular expressions, so that the server itself can
/// tell which tables a dump leaves out.
///
/// - Source: https://www.postgresql.org/docs/15/app-psql.html#APP-PSQL-PATTERNS
package struct PostgreSQLPattern: Sendable, Equatable {
    /// `nil`: tables that are visible without naming their schema.
    package var schema: String?
    package var table: String

    package init(_ pattern: String) {
        var parts = [""]
        var isQuoted = false
        let characters = Array(pattern)
        var index = 0
        while index < characters.count {
            let character = characters[index]
            switch character {
            case "\"":
                if isQuoted, index + 1 < characters.count, characters[index + 1] == "\"" {
                    parts[parts.count - 1] += "\""
                    index += 1
                } else {
                    isQuoted.toggle()
                }
            case "*" where !isQuoted: parts[parts.count - 1] += ".*"
            case "?" where !isQuoted: parts[parts.count - 1] += "."
            case "." where !isQuoted: parts.append("")
            case "$": parts[parts.count - 1] += "\\$"
            case "|", "*", "+", "?", "(", ")", "[", "]", "{", "}", ".", "^", "\\":
                // Outside of quotes these keep their meaning in a regular expression.
                parts[parts.count - 1] += (isQuoted ? "\\" : "") + String(character)
            default: parts[parts.count - 1] += isQuoted ? String(character) : character.lowercased()
            }
            index += 1
        }
        table = "^(\(parts[parts.count - 1]))$"
        schema = parts.count > 1 ? "^(\(parts[parts.count - 2]))$" : nil
    }

    /// A condition on `c` (pg_class) and `n` (pg_namespace).
    package var condition: String {
        let name = "c.relname OPERATOR(pg_catalog.~) \(PostgreSQLQueries.literal(table)) COLLATE pg_catalog.default"
        let place =
            schema.map {
                "n.nspname OPERATOR(pg_catalog.~) \(PostgreSQLQueries.literal($0)) COLLATE pg_catalog.default"
            }
            ?? "pg_catalog.pg_table_is_visible(c.oid)"
        return "(\(name) AND \(place))"
    }

    package static func condition(_ patterns: [String]) -> String {
        patterns.isEmpty
            ? "false" : "(" + patterns.map { PostgreSQLPattern($0).condition }.joined(separator: " OR ") + ")"
    }
}
