import BackupModel
import Foundation
import Programs

/// A session that is held open beside a dump: it exports the snapshot that the dump reads, and counts rows in that very
/// snapshot while the dump runs.
struct PostgreSQLSession: Sendable {
    let talk: any Conversation
    let server: PostgreSQLServer
    let connection: PostgreSQLConnection

    /// Opens the transaction and hands its snapshot out.
    /// - Returns: the name under which others can enter it.
    func exportSnapshot() async throws(SourceError) -> String {
        let answer = try await ask(
            """
            BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
            SET LOCAL idle_in_transaction_session_timeout = 0;
            SET LOCAL row_security = off;
            SELECT pg_catalog.pg_export_snapshot();
            \\set ON_ERROR_ROLLBACK on
            """, within: .seconds(60))
        guard answer.succeeded, let snapshot = answer.lines.last, !snapshot.isEmpty else {
            throw server.meaning(of: talk.diagnostics, connection)
                ?? .toolFailed(
                    tool: "psql", how: "the snapshot was not exported", detail: tellingEnd(of: talk.diagnostics))
        }
        return snapshot
    }

    /// Rows per table as the profile wants them known. Never fails: what could not be learnt is in `uncounted`.
    func facts() async -> Facts {
        var facts = Facts()
        facts.rowCounting = server.settings.facts
        if server.settings.facts == .off { return facts }
        var rows: [String: Int64] = [:]
        var uncounted: [String: String] = [:]
        let clock = server.services.clock
        let end = clock.uptime + server.settings.factsLimit
        do throws(SourceError) {
            for table in try await tables() {
                if table.withoutData {
                    uncounted[table.name] = RestoreProof.withoutData
                } else if server.settings.facts == .estimate {
                    if table.estimate >= 0 {
                        rows[table.name] = table.estimate
                    } else {
                        uncounted[table.name] = "never analysed"
                    }
                } else if clock.uptime >= end || Task.isCancelled {
                    uncounted[table.name] = "not counted within \(inWords(server.settings.factsLimit))"
                } else {
                    let answer = try await count(table.name, until: end)
                    if let number = answer.number {
                        rows[table.name] = number
                    } else {
                        uncounted[table.name] = answer.reason
                    }
                }
            }
        } catch {
            uncounted["*"] = "counting stopped: \(error)"
        }
        facts.rows = rows
        facts.uncounted = uncounted.isEmpty ? nil : uncounted
        return facts
    }

    /// How many indexes, constraints and triggers there are.
    func lastObjects() async throws(SourceError) -> [String: Int64] {
        let answer = try await ask(PostgreSQLQueries.lastObjects, within: .seconds(60))
        guard answer.succeeded else { return [:] }
        return try server.decode([String: Int64].self, answer.lines).first ?? [:]
    }

    /// Ends the transaction, and with it the snapshot's life.
    func finish() async throws(SourceError) {
        _ = try await ask("ROLLBACK;", within: .seconds(60))
    }

    private func tables() async throws(SourceError) -> [PostgreSQLQueries.Table] {
        let answer = try await ask(
            PostgreSQLQueries.tables(
                excluding: server.settings.excludedTables, excludingData: server.settings.excludedTableData),
            within: .seconds(60))
        guard answer.succeeded else {
            throw .toolFailed(tool: "psql", how: "the tables were not listed", detail: tellingEnd(of: talk.diagnostics))
        }
        return try server.decode(PostgreSQLQueries.Table.self, answer.lines)
    }

    private func count(
        _ table: String, until end: Duration
    ) async throws(SourceError) -> (number: Int64?, reason: String) {
        let left = max(.milliseconds(1), end - server.services.clock.uptime)
        let answer = try await ask(
            """
            SET LOCAL statement_timeout = \(max(1, Int(left.inSeconds * 1000)));
            SET LOCAL lock_timeout = 2000;
            \(PostgreSQLQueries.count(table))
            """, within: left + .seconds(30))
        if answer.succeeded, let number = answer.lines.last.flatMap({ Int64($0) }) { return (number, "") }
        return switch answer.code {
        case "57014": (nil, "not counted within \(inWords(server.settings.factsLimit))")
        case "55P03": (nil, "somebody held it locked")
        case "42501": (nil, "permission denied")
        default: (nil, "error \(answer.code)")
        }
    }

    private struct Answer {
        var lines: [String] = []
        /// SQLSTATE of the last statement.
        var code = ""
        var succeeded: Bool { code == "00000" }
    }

    private static let mark = "holdfast-answered "

    /// Sends statements, and reads up to a mark that psql itself prints after them.
    private func ask(_ statements: String, within limit: Duration) async throws(SourceError) -> Answer {
        do throws(ToolError) {
            try await talk.send("\(statements)\n\\echo \(PostgreSQLSession.mark):SQLSTATE\n")
            var answer = Answer()
            while let line = try await talk.nextLine(within: limit) {
                if line.hasPrefix(PostgreSQLSession.mark) {
                    answer.code = String(line.dropFirst(PostgreSQLSession.mark.count))
                    return answer
                }
                answer.lines.append(line)
            }
        } catch {
            if Task.isCancelled { throw .cancelled }
            throw server.meaning(of: talk.diagnostics, connection) ?? .tool(error)
        }
        if Task.isCancelled { throw .cancelled }
        throw server.meaning(of: talk.diagnostics, connection)
            ?? .toolFailed(tool: "psql", how: "the session ended", detail: tellingEnd(of: talk.diagnostics))
    }
}
