import BackupModel
import Digests
import Foundation
import Programs

/// A sheet as a script for bash that can be read from top to bottom.
enum KitScript {
    static let profileMark = "#| "

    static func text(_ sheet: KitSheet) throws(DigestError) -> String {
        var lines =
            ["#!/bin/bash"] + comment(sheet.title + ".") + sheet.head.flatMap(comment) + [
                "#", "# WHERE THE COPIES ARE",
            ]
        lines += sheet.places.flatMap { comment("- " + $0) } + ["#", "# WHAT MUST BE AT HAND"]
        lines += sheet.keys.flatMap { comment("- " + $0) } + ["#", "# PROGRAMS, AND WHERE THEY COME FROM"]
        lines += sheet.programs.flatMap { comment("- " + $0) } + ["#", "# HOW"]
        lines += sheet.usage.flatMap { comment("  " + $0) }
        if sheet.profile != nil {
            lines += ["#", "# With Holdfast at hand, its profile is at the end of this file; take it out with"]
            lines += ["#   sed -n 's/^#| //p' THIS-FILE > \(sheet.profileName).yaml"]
        }
        for step in sheet.start { lines += written(step, number: nil) }
        for chapter in sheet.chapters {
            lines += ["", "# " + String(repeating: "=", count: 78), "# FROM=\(chapter.name)"]
            lines += chapter.words.flatMap(comment) + ["if [ \"$FROM\" = \(chapter.name) ]; then"]
            for (index, step) in chapter.steps.enumerated() { lines += written(step, number: index + 1) }
            lines += ["", "fi"]
        }
        lines += written(sheet.end, number: nil)
        lines += ["exit 0", ""]
        for code in sheet.qr { lines += comment("\(code.title):") + code.blocks.map { "# " + $0 } + [""] }
        if let profile = sheet.profile {
            lines += ["# The profile, for Holdfast itself on a new machine:"]
            lines += profile.split(separator: "\n", omittingEmptySubsequences: false).map {
                profileMark + harmless(String($0))
            }
        }
        lines += ["# What this sheet rests on, for `holdfast kit --check THIS-FILE`:"] + sheet.facts
        let text = lines.joined(separator: "\n") + "\n"
        return text + "\(digestMark)\(try SHA256.digest(of: Array(text.utf8)))\n"
    }

    private static let digestMark = "#= digest "

    /// Whether a script is as it was written, to its last line.
    static func isWhole(_ text: String) throws(DigestError) -> Bool {
        guard let range = text.range(of: digestMark, options: .backwards) else { return false }
        let digest = text[range.upperBound...].prefix { !$0.isNewline }
        return try SHA256.digest(of: Array(text[..<range.lowerBound].utf8)).description == digest
    }

    private static func written(_ step: KitSheet.Step, number: Int?) -> [String] {
        var lines = ["", "# --- " + (number.map { "\($0). " } ?? "") + Console.harmlessName(step.title)]
        lines += step.words.flatMap(comment)
        return lines + body(of: step)
    }

    /// The lines of a step, with what keeps its failure to itself.
    static func body(of step: KitSheet.Step) -> [String] {
        var body = step.lines
        if step.standsAlone {
            body =
                ["set +e; ( set -e"] + body
                + ["[ \"$wrong\" = 0 ]", "); ended \(ShellWord.quoted(Console.harmlessName(step.title))); set -e"]
        }
        if let server = step.server {
            let how =
                switch server {
                case .postgres: "PGHOST is not set, so it stays a file"
                case .mysql: "MYSQL_FILE is not set, so it stays a file"
                }
            body =
                ["if \(KitChapter.isWanted(server)); then"] + body
                + ["else", "unproven \(ShellWord.quoted("\(Console.harmlessName(step.title)): \(how)"))", "fi"]
        }
        return body
    }

    /// Lines of comment, none of which anything can end.
    private static func comment(_ text: String) -> [String] {
        var lines: [String] = []
        var line = ""
        let lead = text.prefix { $0 == " " }
        let isItem = text.hasPrefix("- ")
        for word in Console.harmlessName(text).split(separator: " ") {
            if !line.isEmpty, line.count + word.count > 100 {
                lines.append("# " + line)
                line = isItem ? "  " : String(lead)
            }
            line += (line.allSatisfy { $0 == " " } ? (lines.isEmpty ? String(lead) : "") : " ") + word
        }
        return lines + ["# " + line]
    }

    private static func harmless(_ line: String) -> String { Console.harmlessName(line) }
}
