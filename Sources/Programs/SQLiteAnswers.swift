/// Why `sqlite3` ended badly, as far as its messages tell.
///
/// - Source: https://www.sqlite.org/rescode.html; the texts as sqlite3 3.40.1 prints them
package enum SQLiteFailure: Sendable, Equatable {
    case busy
    /// Not SQLite's, or encrypted.
    case notADatabase
    case malformed
    /// It would have to be written to: a journal that a crashed writer left, or a -shm that cannot be made.
    case readOnly
    case cannotOpen
    case full
    case inputOutput
    /// It uses a collation, function or module that the shell does not have.
    case missingExtension
    case other

    package init(diagnostics: String) {
        let known: [(String, SQLiteFailure)] = [
            ("file is not a database", .notADatabase), ("file is encrypted", .notADatabase),
            ("is malformed", .malformed), ("malformed database schema", .malformed),
            ("is locked", .busy), ("readonly database", .readOnly), ("unable to open database", .cannotOpen),
            ("disk is full", .full), ("disk I/O error", .inputOutput), ("no such collation", .missingExtension),
            ("no such module", .missingExtension), ("no such function", .missingExtension),
            ("unknown tokenizer", .missingExtension), ("unknown function", .missingExtension),
        ]
        self = known.first { diagnostics.contains($0.0) }?.1 ?? .other
    }
}

/// What `PRAGMA integrity_check` said.
package struct SQLiteIntegrity: Sendable, Equatable {
    /// Damage: a page, an index or a row that is not what it must be.
    package var damage: [String]
    /// Rows that break a rule of the schema. The file is whole; the program that wrote it has to answer for them.
    package var violations: [String]
    package var isSound: Bool { damage.isEmpty }

    package init(damage: [String] = [], violations: [String] = []) {
        self.damage = damage
        self.violations = violations
    }

    /// - Parameter output: of ``SQLiteShell/integrityScript``.
    /// - Source: https://www.sqlite.org/pragma.html#pragma_integrity_check (3.40.1)
    package init(output: String) {
        let lines = output.split(whereSeparator: \.isNewline).map(String.init)
        if lines == ["ok"] {
            self.init()
        } else if lines.isEmpty {
            self.init(damage: ["the integrity check gave no answer"])
        } else {
            let isViolation = { (line: String) in
                let words = line.split(separator: " ")
                return line.hasPrefix("CHECK constraint failed in ")
                    || words.count == 4 && words[1] == "value" && words[2] == "in"
            }
            self.init(
                damage: lines.filter { !isViolation($0) && $0 != "ok" && $0 != "*** in database main ***" },
                violations: lines.filter(isViolation))
        }
    }
}

/// The tables of a database, as ``SQLiteShell/tablesScript`` prints them.
package struct SQLiteTables: Sendable, Equatable {
    package var countable: [String] = []
    package var virtual: [String] = []

    package init(output: String) {
        for (name, flag) in SQLiteRows.pairs(output) {
            if flag == "1" { virtual.append(name) } else { countable.append(name) }
        }
    }
}

package enum SQLiteRows {
    /// - Parameter output: of ``SQLiteShell/countScript(_:)``; may end early.
    package static func parse(_ output: String) -> [String: Int64] {
        var rows: [String: Int64] = [:]
        for (name, count) in pairs(output) { rows[name] = Int64(count) }
        return rows
    }

    /// Lines of `HEX|value`, the first decoded. A last line without its newline may be cut short and is left out.
    fileprivate static func pairs(_ output: String) -> [(String, String)] {
        guard let end = output.lastIndex(of: "\n") else { return [] }
        return output[..<end].split(separator: "\n").compactMap { line in
            let fields = line.split(separator: "|", omittingEmptySubsequences: false)
            guard fields.count == 2, fields[0].utf8.count % 2 == 0, !fields[1].isEmpty else { return nil }
            var bytes: [UInt8] = []
            var rest = fields[0]
            while !rest.isEmpty {
                guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
                bytes.append(byte)
                rest = rest.dropFirst(2)
            }
            return (String(decoding: bytes, as: UTF8.self), String(fields[1]))
        }
    }

    /// `name|value` lines of ``SQLiteShell/describeScript``.
    package static func description(_ output: String) -> [String: String] {
        var values: [String: String] = [:]
        for line in output.split(separator: "\n") {
            let fields = line.split(separator: "|", maxSplits: 1)
            if fields.count == 2 { values[String(fields[0])] = String(fields[1]) }
        }
        return values
    }
}
