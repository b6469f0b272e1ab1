import BackupModel
import Synchronization

/// How many rows a server took into each table, as psql says while it loads a dump with its statements echoed:
///
///     COPY public.t (id, name) FROM stdin;
///     COPY 3
///
/// What is counted on its way need not be read again afterwards. Only what is beyond doubt is told: a table that comes
/// twice is left out, for the text of a function may look the same.
///
/// - Source: measured with psql 15.18 and 18.6; the tag `COPY count`: https://www.postgresql.org/docs/15/sql-copy.html
package final class PostgreSQLLoadedRows: LineReader {
    private struct Seen {
        /// The table of the line before, where that began to copy.
        var pending: [String]?
        var rows: [[String]: Int64] = [:]
        var doubtful: Set<[String]> = []
    }

    private let seen = Mutex(Seen())

    package init() {}

    /// - Parameter table: as SQL writes it, schema and name, quoted or not.
    /// - Returns: `nil` where it is not known.
    package func rows(of table: String) -> Int64? {
        guard let (name, rest) = PostgreSQLLoadedRows.name(table[...]), rest.isEmpty else { return nil }
        return seen.withLock { $0.doubtful.contains(name) ? nil : $0.rows[name] }
    }

    package func read(line bytes: UnsafeRawBufferPointer) {
        guard bytes.starts(with: "COPY ".utf8) else { return seen.withLock { $0.pending = nil } }
        let words = String(decoding: bytes, as: UTF8.self).dropFirst(5)
        seen.withLock { seen in
            if let count = Int64(words) {
                guard let table = seen.pending.take() else { return }
                if seen.rows.updateValue(count, forKey: table) != nil { seen.doubtful.insert(table) }
            } else if words.hasSuffix(" FROM stdin;"), let (table, rest) = PostgreSQLLoadedRows.name(words),
                rest.first == " "
            {
                seen.pending = table
            } else {
                seen.pending = nil
            }
        }
    }

    /// The parts of a qualified name, without quotes, and what follows it.
    private static func name(_ text: Substring) -> ([String], Substring)? {
        var rest = text
        var parts: [String] = []
        while true {
            var part = ""
            if rest.first == "\"" {
                rest.removeFirst()
                while true {
                    guard let end = rest.firstIndex(of: "\"") else { return nil }
                    part += rest[..<end]
                    rest = rest[rest.index(after: end)...]
                    // A quote within is written twice.
                    guard rest.first == "\"" else { break }
                    part += "\""
                    rest.removeFirst()
                }
            } else {
                part = String(rest.prefix { $0 != "." && $0 != " " && $0 != "(" })
                rest = rest.dropFirst(part.count)
            }
            guard !part.isEmpty else { return nil }
            parts.append(part)
            guard rest.first == "." else { return (parts, rest) }
            rest.removeFirst()
        }
    }
}
