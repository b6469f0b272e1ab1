import BackupEngine
import BackupModel
import Foundation

/// The evidence of a drill as one page that needs nothing else: to be printed, mailed, and handed to somebody who has never
/// seen this program. It reads well without its style, and runs nothing.
struct DrillPage {
    private let run: RunRecord
    private let drill: DrillRecord
    private let host: String

    init(_ run: RunRecord, _ drill: DrillRecord, host: String) {
        self.run = run
        self.drill = drill
        self.host = host
    }

    private static let style = """
        body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1a1a;background:#fff}
        h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #ccc}
        table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border:1px solid #ccc;overflow-wrap:anywhere}
        th{background:#f2f2f2}.verdict{display:inline-block;padding:.15rem .6rem;border:2px solid;font-weight:bold}
        .proven{color:#0b5d1e}.unproven{color:#7a4d00}.failed{color:#a11616}ul{margin:.2rem 0;padding-left:1.2rem}code{overflow-wrap:anywhere}
        @media print{body{margin:0;max-width:none;font-size:11px}h2,tr{break-inside:avoid}}
        """

    var text: String {
        let title = "Restore drill of \(run.profile) on \(host)"
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>\(DrillPage.escape(title))</title>
            <style>\(DrillPage.style)</style>
            </head>
            <body>
            <h1>\(DrillPage.escape(title))</h1>
            <p><span class="verdict \(drill.verdict.rawValue)">\(DrillPage.escape(headline))</span></p>
            <p>\(DrillPage.escape(sentence))</p>
            \(summary)
            \(parts)
            \(checks)
            \(list("What went wrong", run.failures.map { failure in
                failure.description + (failure.hint.map { " → \($0)" } ?? "")
            }))
            \(list("Notes", run.notices))
            <h2>How this was made</h2>
            <p>\(DrillPage.escape(method))</p>
            <p>Holdfast \(ProgramVersion.text), run <code>\(DrillPage.escape(run.id.rawValue))</code>. The same as JSON lies beside this page.</p>
            </body>
            </html>

            """
    }

    private var headline: String {
        if !drill.isComplete { return drill.verdict == .failed ? "FAILED, NOT FINISHED" : "NOT FINISHED" }
        return switch drill.verdict {
        case .proven: drill.leftOut.isEmpty ? "PROVEN" : "PROVEN, IN PART"
        case .unproven: "RESTORED, NOT PROVEN"
        case .failed: "FAILED"
        }
    }

    private var sentence: String {
        if !drill.isComplete { return "It did not come to its end: not everything was restored." }
        return switch drill.verdict {
        case .proven:
            "Everything that was restored is what was captured."
                + (drill.leftOut.isEmpty
                    ? "" : " Not drilled: \(drill.leftOut.map(\.rawValue).joined(separator: ", ")).")
        case .unproven: "Everything came back, and something of it could not be compared with what was captured."
        case .failed: "Something did not come back, or is not what was captured."
        }
    }

    private let method =
        "Each part was read from the repository into a private folder that was removed afterwards; nothing live was changed. What "
        + "it was compared with (rows, files, bytes, digests) was noted in the repository when the data was captured, not taken "
        + "from the restored data. Databases were loaded into a server of the drill's own. The time to restore is the sum of "
        + "reading, loading and comparing all parts one after the other; the age of the data is that of its oldest part when "
        + "the drill began."

    private var summary: String {
        var rows: [(String, String)] = [
            ("Drill", "\(Format.time(run.started)), by \(run.user), \(run.trigger)"),
            ("Outcome", run.outcome?.rawValue ?? "unfinished"),
        ]
        if let point = drill.point {
            rows.append(
                (
                    "Restore point",
                    "\(point)" + (drill.pointTime.map { " of \(Format.time($0))" } ?? "") + " (\(drill.selection))"
                ))
        }
        rows.append(("Repository", "\(drill.repository) at \(drill.location)"))
        if let identity = drill.identity { rows.append(("Repository id", identity)) }
        if drill.isNewMachine {
            rows.append(("As if on a new machine", "no cache, no pins, no history and no home folder of this host"))
        }
        let limit = drill.restoreObjective.map { " (the objective is \(Age.words($0)))" } ?? ""
        rows.append(("Time to restore (RTO)", Format.duration(drill.restoreTime) + limit))
        if let age = drill.dataAge(at: run.started) { rows.append(("Age of the data (RPO)", Age.words(age))) }
        rows.append(("Restored", drill.bytes.description))
        rows.append(
            ("Tools", run.tools.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")))
        return "<table>\n"
            + rows.map { "<tr><th>\(DrillPage.escape($0.0))</th><td>\(DrillPage.escape($0.1))</td></tr>\n" }.joined()
            + "</table>"
    }

    private var parts: String {
        guard !drill.parts.isEmpty || !drill.missing.isEmpty else { return "" }
        let rows = drill.parts.map { part in
            """
            <tr><td>\(DrillPage.escape(part.title))<br><small>\(DrillPage.escape(part.sourceKind)), snapshot \
            \(DrillPage.escape(part.snapshot.short)), captured \(DrillPage.escape(Format.time(part.capturedAt)))</small></td>\
            <td class="\(part.verdict.rawValue)">\(DrillPage.escape(DrillViews.word(part.verdict)))</td>\
            <td>\(DrillPage.escape(part.bytes.description))</td><td>\(DrillPage.escape(Format.duration(part.duration)))</td>\
            <td>\(DrillPage.items(part))</td></tr>

            """
        }
        let missing = drill.missing.map { finding in
            """
            <tr><td>\(DrillPage.escape(finding.what))</td><td class="failed">FAILED</td><td></td><td></td><td></td></tr>

            """
        }
        return "<h2>What was restored</h2>\n<table>\n<tr><th>Part</th><th>Verdict</th><th>Size</th><th>Time</th>"
            + "<th>Compared</th></tr>\n" + rows.joined() + missing.joined() + "</table>"
    }

    private static func items(_ part: DrilledPart) -> String {
        let lines =
            part.findings.map { finding in
                "wrong: \(finding.what)"
                    + (finding.expected.map { "; expected: \($0)" } ?? "")
                    + (finding.found.map { "; found: \($0)" } ?? "")
            } + part.proofs.map { "agrees: \($0)" } + part.unproven.map { "not proven: \($0)" }
            + part.excused.map { "not compared, on purpose: \($0)" } + part.notices.map { "note: \($0)" }
        return "<ul>" + lines.map { "<li>\(escape($0))</li>" }.joined() + "</ul>"
    }

    private var checks: String {
        list(
            "What the profile demands",
            drill.checks.map { check in
                "\(check.passed ? "passed" : "FAILED"): \(check.source): \(check.program) (\(check.detail), "
                    + "\(Format.duration(check.duration)))"
            })
    }

    private func list(_ title: String, _ lines: [String]) -> String {
        guard !lines.isEmpty else { return "" }
        return "<h2>\(DrillPage.escape(title))</h2>\n<ul>\n"
            + lines.map { "<li>\(DrillPage.escape($0))</li>\n" }.joined() + "</ul>"
    }

    /// Whatever somebody called a file or a table stays text.
    static func escape(_ text: String) -> String {
        var escaped = ""
        for scalar in PlainText.line(text, limit: 4000).unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
