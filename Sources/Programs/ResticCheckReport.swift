package import BackupModel
import Foundation

/// What `restic check` found, read from its JSON (from 0.18.0) or from its text.
package enum ResticCheckReport {
    /// `nil` when the output shows no check that was carried through to a verdict: the exit code's own reason stands then.
    package static func parse(exitCode: Int32, output: String, _ diagnostics: ResticDiagnostics) -> VerifyReport? {
        var summary: ResticCheckSummary?
        var prose: [String] = []
        for line in output.split(whereSeparator: \.isNewline).map(String.init) {
            if case .checkSummary(let found)? = ResticMessage(line: line) {
                summary = found
            } else {
                prose.append(line)
            }
        }
        var notices = prose.filter { $0.hasSuffix(": not referenced in any index") || $0.contains("additional files") }
        if summary?.suggestsPrune == true { notices.append("it holds files that no index names; a prune removes them") }
        if exitCode == 0,
            summary.map({ $0.errors == 0 && $0.brokenPacks.isEmpty }) ?? says(prose, "no errors were found")
        {
            return VerifyReport(isSound: true, notices: notices)
        }
        let verdict = diagnostics.exitMessage ?? diagnostics.text.last { $0.hasPrefix("Fatal: ") } ?? ""
        guard exitCode == 1,
            verdict.contains("repository contains errors") || verdict.contains("LoadIndex returned errors")
        else { return nil }
        let errors = (diagnostics.complaints + diagnostics.text).flatMap(lines).filter(isFinding)
        let named = errors.compactMap(storedFile)
        let packs = (summary?.brokenPacks ?? []).map { packPath($0) }
        return VerifyReport(
            isSound: false, errors: errors.isEmpty ? [verdict] : errors, damagedFiles: unique(packs + named),
            notices: notices)
    }

    private static func says(_ lines: [String], _ words: String) -> Bool { lines.contains { $0.contains(words) } }

    private static func lines(_ text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    /// Leaves out advice and what is about the check itself.
    private static func isFinding(_ line: String) -> Bool {
        let advice = [
            "Fatal: ", "unable to create temporary directory for cache", "The repository ", "restic repair ",
            "Damaged pack files can", "using temporary cache",
        ]
        return !advice.contains(where: line.hasPrefix)
    }

    /// The repository's file that a line is about: `pack ID: …`, `error loading index ID: …`, `want ID, got …`.
    private static func storedFile(_ line: String) -> String? {
        for (marker, folder) in [
            ("pack ", "data"), ("Pack ID does not match, want ", "data"), ("loading index ", "index"),
        ] {
            guard let range = line.range(of: marker) else { continue }
            let id = String(line[range.upperBound...].prefix(64))
            if ResticListing.isID(id) { return folder == "data" ? packPath(id) : "\(folder)/\(id)" }
        }
        return nil
    }

    private static func packPath(_ id: String) -> String { "data/\(id.prefix(2))/\(id)" }

    private static func unique(_ names: [String]) -> [String] {
        var known: Set<String> = []
        return names.filter { known.insert($0).inserted }
    }
}
