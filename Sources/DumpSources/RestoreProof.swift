import BackupModel

/// What was compared with the facts after a restore.
struct RestoreProof: Sendable, Equatable {
    var proofs: [String] = []
    var unproven: [String] = []
    /// Of those, what is so on purpose.
    var excused: [String] = []
    var notices: [String] = []

    /// Why nobody counts a table.
    static let purposes: Set<String> = [virtualTable, withoutData]
    static let virtualTable = "a virtual table"
    static let withoutData = "left out by exclude-table-data"

    /// - Throws: ``SourceError/mismatch(what:expected:found:)`` for the first table that has other rows than were captured,
    ///   or is not there.
    mutating func compareRows(with facts: Facts, in what: String, found: [String: Int64]) throws(SourceError) {
        guard let expected = facts.rows, facts.rowCounting == .exact else {
            unproven.append("its rows: they were not counted when it was captured")
            return
        }
        for (table, count) in expected.sorted(by: { $0.key < $1.key }) where found[table] != count {
            throw .mismatch(
                what: "\(what), table \(table)", expected: "\(count) rows",
                found: found[table].map { "\($0) rows" } ?? "no such table")
        }
        let rows = expected.values.reduce(0, +)
        proofs.append("\(Words.count(expected.count, "table")), \(Words.count(rows, "row"))")
        for (table, reason) in (facts.uncounted ?? [:]).sorted(by: { $0.key < $1.key }) {
            unproven.append("table \(table): \(reason)")
            if RestoreProof.purposes.contains(reason) { excused.append("table \(table): \(reason)") }
        }
    }
}
