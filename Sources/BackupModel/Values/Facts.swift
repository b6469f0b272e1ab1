/// What was true of a part when its data was captured, to be compared after a restore.
package struct Facts: Codable, Sendable, Equatable {
    /// Rows per table, as `schema.table` (Postgres) or `table` (SQLite).
    package var rows: [String: Int64]?
    /// How the rows were counted.
    package var rowCounting: RowCounting?
    /// Tables that were not counted, and why.
    package var uncounted: [String: String]?
    package var files: Int64?
    package var directories: Int64?
    package var bytes: ByteCount?
    /// SHA-256 of the part's bytes in lower-case hexadecimal, where the part is one stream or file that we have read.
    package var sha256: String?
    /// Free-form facts: server version, encoding, owner, schema version.
    package var notes: [String: String]?

    package init() {}
}

package enum RowCounting: String, Codable, Sendable, CaseIterable {
    /// Counted in the very snapshot that was dumped.
    case exact
    /// Taken from the database's own statistics.
    case estimate
    case off
}
