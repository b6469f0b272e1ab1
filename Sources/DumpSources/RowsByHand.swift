import BackupModel
import Programs

/// Lines that count the rows of a database and compare them with what there was.
struct RowsByHand: Sendable {
    var facts: Facts
    /// What prints the rows of `$table`, on one line.
    var count: String
    /// How a table's name is written in SQL.
    var quoted: @Sendable (String) -> String
    /// What the database is called in what is said.
    var what: String

    /// A name that would not stay on its line, or that could not be told from it, is left out and said.
    private func isPlain(_ name: String) -> Bool { !name.unicodeScalars.contains { $0.value < 32 || $0.value == 127 } }

    var lines: [String] {
        guard let rows = facts.rows, facts.rowCounting == .exact else {
            return ["unproven \"the rows of \(what): they were not counted when it was backed up\""]
        }
        let plain = rows.keys.filter(isPlain).sorted()
        guard !plain.isEmpty else { return ["unproven \"the rows of \(what): it had no table that is counted\""] }
        let total = plain.reduce(Int64(0)) { $0 + (rows[$1] ?? 0) }
        var lines = ["before=$wrong.$other", "while read -r rows table; do", "  found=$(\(count) < /dev/null)"]
        lines += [
            "  [ \"$found\" = \"$rows\" ] || wrong \"\(what): $table has $found rows, and had $rows when it was backed up\"",
            "done <<'ROWS'",
        ]
        lines += plain.map { "\(rows[$0] ?? 0) \(quoted($0))" }
        lines += [
            "ROWS",
            "[ \"$wrong.$other\" != \"$before\" ] || proven \"\(what): \(Words.count(plain.count, "table")), \(Words.count(total, "row"))\"",
        ]
        let left = rows.keys.count { !isPlain($0) } + (facts.uncounted?.count ?? 0)
        if left > 0 { lines.append("unproven \"the rows of \(Words.count(left, "table")) of \(what)\"") }
        return lines
    }
}
