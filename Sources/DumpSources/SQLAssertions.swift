import BackupModel
import Foundation

/// What a profile demands of a restored database, asked one by one.
enum SQLAssertions {
    /// - Parameter ask: runs one query and returns what its first row says in the first column; `nil` where there is no row.
    static func check(
        _ queries: [String], _ report: inout ProofReport,
        asking ask: (String) async throws(SourceError) -> String?
    ) async throws(SourceError) {
        guard !queries.isEmpty else { return }
        for query in queries {
            let shown = "`\(PlainText.line(query, limit: 200))`"
            do throws(SourceError) {
                let answer = try await ask(query)
                if isTrue(answer) {
                    report.restored.proofs.append("\(shown) is true")
                } else {
                    report.findings.append(DrillFinding(shown, expected: "true", found: words(answer)))
                }
            } catch {
                if case .cancelled = error { throw error }
                report.findings.append(DrillFinding(shown, expected: "true", found: error.description))
            }
        }
        // What somebody who knows it has asked settles what nobody else could compare.
        if report.findings.isEmpty { report.restored.excused = report.restored.unproven }
    }

    /// `t`, `true`, or a number that is not zero.
    static func isTrue(_ answer: String?) -> Bool {
        guard let answer = answer?.trimmingCharacters(in: .whitespaces).lowercased() else { return false }
        if answer == "t" || answer == "true" { return true }
        return Double(answer).map { $0 != 0 && !$0.isNaN } ?? false
    }

    private static func words(_ answer: String?) -> String {
        switch answer {
        case nil: "no row"
        case "": "nothing (NULL)"
        case let text?: PlainText.line(text, limit: 100)
        }
    }

    /// The first column of the first line of an output without decoration.
    static func firstValue(_ output: String, separator: Character) -> String? {
        guard !output.isEmpty else { return nil }
        let line = output.prefix { !$0.isNewline }
        return String(line.split(separator: separator, omittingEmptySubsequences: false).first ?? "")
    }
}
