import BackupModel
import Programs

/// Looks at a database file that nobody is writing: whether it is whole, and what is in it.
struct SQLiteProof: Sendable {
    var services: Services

    /// - Returns: what the integrity check said; or `nil` and why it could not be made, for a database that needs extensions
    ///   which the shell lacks.
    func integrity(of path: String) async throws(SourceError) -> (SQLiteIntegrity?, obstacle: String?) {
        let result = try await services.run(
            SQLiteShell.command(path, .immutable, script: SQLiteShell.integrityScript))
        guard let failure = result.failure else { return (SQLiteIntegrity(output: result.output.text), nil) }
        guard result.stopped == nil else { throw failure }
        let said = tellingEnd(of: result.errors.text)
        switch SQLiteFailure(diagnostics: result.errors.text) {
        case .malformed, .notADatabase:
            let lines = result.output.text.split(whereSeparator: \.isNewline).map(String.init)
            return (
                SQLiteIntegrity(damage: SQLiteIntegrity(output: lines.joined(separator: "\n")).damage + [said]), nil
            )
        case .missingExtension: return (nil, said)
        case .busy, .readOnly, .cannotOpen, .full, .inputOutput, .other: throw failure
        }
    }

    /// Rows per table, as far as they could be counted within `limit`, and the tables that could not, each with its reason.
    func rows(of path: String, within limit: Duration) async throws(SourceError) -> (
        counted: [String: Int64], uncounted: [String: String]
    ) {
        var list = SQLiteShell.command(path, .immutable, script: SQLiteShell.tablesScript)
        list.keptOutput = .mebibytes(8)
        let tables = SQLiteTables(output: try await services.succeed(list).output.text)
        var uncounted = Dictionary(tables.virtual.map { ($0, RestoreProof.virtualTable) }) { first, _ in first }
        guard !tables.countable.isEmpty else { return ([:], uncounted) }

        var count = SQLiteShell.command(
            path, .immutable, script: SQLiteShell.countScript(tables.countable), stopsAtError: false)
        count.keptOutput = .mebibytes(8)
        count.limits.total = limit
        let result = try await services.run(count)
        if result.stopped == .cancelled { throw .cancelled }
        let counted = SQLiteRows.parse(result.output.text)
        let reason =
            result.stopped == nil ? tellingEnd(of: result.errors.text) : "not counted within \(inWords(limit))"
        for table in tables.countable where counted[table] == nil { uncounted[table] = reason }
        return (counted, uncounted)
    }

    /// Schema version, page size and the like.
    func description(of path: String) async throws(SourceError) -> [String: String] {
        let result = try await services.run(
            SQLiteShell.command(path, .immutable, script: SQLiteShell.describeScript, stopsAtError: false))
        if result.stopped == .cancelled { throw .cancelled }
        return SQLiteRows.description(result.output.text)
    }
}
