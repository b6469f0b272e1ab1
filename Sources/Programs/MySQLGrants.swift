import Foundation

/// What the user may do, by `SHOW GRANTS`. It matters because a dump leaves out without a word what its user cannot see: tables,
/// triggers, and routines.
///
/// - Source: https://mariadb.com/kb/en/show-grants/ (10.11), https://mariadb.com/kb/en/grant/#database-privileges
package struct MySQLGrants: Sendable, Equatable {
    private struct Entry: Sendable, Equatable {
        var privileges: Set<String>
        /// `nil` is every database.
        var pattern: String?
        var table: String?
    }
    private var entries: [Entry] = []
    /// It has roles whose privileges are not listed.
    package private(set) var hasUnlistedRoles = false

    package init(_ lines: [some StringProtocol]) {
        for line in lines where line.hasPrefix("GRANT ") {
            let text = String(line.dropFirst(6))
            guard let on = text.range(of: " ON "), let to = text.range(of: " TO ", range: on.upperBound..<text.endIndex)
            else {
                hasUnlistedRoles = true
                continue
            }
            var privileges: Set<String> = []
            for word in text[..<on.lowerBound].split(separator: ",") where !word.contains("(") {
                privileges.insert(word.split(separator: " ").joined(separator: " ").uppercased())
            }
            let names = MySQLGrants.names(text[on.upperBound..<to.lowerBound])
            guard names.count == 2 else { continue }
            entries.append(
                Entry(
                    privileges: privileges, pattern: names[0] == "*" ? nil : names[0],
                    table: names[1] == "*" ? nil : names[1]))
        }
    }

    /// Whether a privilege holds for the whole of a database.
    package func allow(_ privilege: String, in database: String) -> Bool {
        entries.contains { entry in
            entry.table == nil && (entry.pattern.map { MySQLGrants.matches(database, $0) } ?? true)
                && !entry.privileges.isDisjoint(with: [privilege, "ALL PRIVILEGES", "ALL"])
        }
    }

    package func allowEverywhere(_ privilege: String) -> Bool {
        entries.contains {
            $0.pattern == nil && !$0.privileges.isDisjoint(with: [privilege, "ALL PRIVILEGES", "ALL"])
        }
    }

    /// Whether every routine of a database shows itself.
    package func showRoutines(of database: String) -> Bool {
        allowEverywhere("SELECT") || allowEverywhere("SHOW_ROUTINE") || allow("SHOW CREATE ROUTINE", in: database)
            || allow("SELECT", in: "mysql") || entries.contains { $0.pattern == "mysql" && $0.table == "proc" }
    }

    /// `` `a``b`.* `` has two.
    private static func names(_ text: Substring) -> [String] {
        var names = [""]
        var isQuoted = false
        let characters = Array(text)
        var index = 0
        while index < characters.count {
            switch characters[index] {
            case "`":
                if isQuoted, index + 1 < characters.count, characters[index + 1] == "`" {
                    names[names.count - 1].append("`")
                    index += 1
                } else {
                    isQuoted.toggle()
                }
            case "." where !isQuoted: names.append("")
            case let character: names[names.count - 1].append(character)
            }
            index += 1
        }
        return names
    }

    /// `%` is anything, `_` one character, and a backslash takes their meaning away.
    static func matches(_ name: String, _ pattern: String) -> Bool {
        func match(_ name: ArraySlice<Character>, _ pattern: ArraySlice<Character>) -> Bool {
            guard let first = pattern.first else { return name.isEmpty }
            let rest = pattern.dropFirst()
            switch first {
            case "%": return match(name, rest) || (!name.isEmpty && match(name.dropFirst(), pattern))
            case "_": return !name.isEmpty && match(name.dropFirst(), rest)
            case "\\" where !rest.isEmpty: return name.first == rest.first && match(name.dropFirst(), rest.dropFirst())
            default: return name.first == first && match(name.dropFirst(), rest)
            }
        }
        return match(Array(name)[...], Array(pattern)[...])
    }
}
