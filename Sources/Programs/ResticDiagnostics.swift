package import BackupModel
import Foundation

/// What restic wrote to standard error, sorted: complaints about single items, the last word, and plain text.
package struct ResticDiagnostics: Sendable, Equatable {
    /// Each item once, with the first reason given for it. Item names are as restic prints them: bytes that are no UTF-8
    /// have become U+FFFD.
    package private(set) var items: [UnreadableItem] = []
    /// Complaints without an item: the messages of `check`.
    package private(set) var complaints: [String] = []
    /// From 0.18.0, the reason for the exit code.
    package private(set) var exitMessage: String?
    /// Lines that are no JSON.
    package private(set) var text: [String] = []

    package init(_ errors: String) {
        var known: Set<String> = []
        for line in errors.split(whereSeparator: \.isNewline) {
            switch ResticMessage(line: String(line)) {
            case .error(let item, let reason) where item.isEmpty: complaints.append(reason)
            case .error(let item, let reason):
                if known.insert(item).inserted { items.append(UnreadableItem(path: item, reason: reason)) }
            case .exitError(_, let message): exitMessage = message
            case .status, .backupSummary, .restoreSummary, .checkSummary: break
            case nil:
                let plain = ResticDiagnostics.withoutTerminalCodes(String(line))
                text.append(plain)
                // Paths given that are not there are told in prose by every version, with exit code 0 before 0.19.0.
                let marker = " does not exist, skipping"
                if plain.hasSuffix(marker), known.insert(String(plain.dropLast(marker.count))).inserted {
                    items.append(UnreadableItem(path: String(plain.dropLast(marker.count)), reason: "does not exist"))
                }
                // 0.14.0 tells of restores in prose.
                if plain.hasPrefix("ignoring error for "), let colon = plain.range(of: ": ") {
                    let item = String(plain[..<colon.lowerBound].dropFirst("ignoring error for ".count))
                    if known.insert(item).inserted {
                        items.append(UnreadableItem(path: item, reason: String(plain[colon.upperBound...])))
                    }
                }
            }
        }
    }

    /// A few lines that tell a person why: the reason for the exit code, or the fatal line, else the end of the text.
    package var telling: String {
        let lines: [String]
        if let exitMessage {
            lines = exitMessage.split(whereSeparator: \.isNewline).map(String.init)
        } else if let fatal = text.firstIndex(where: { $0.contains("Fatal: ") }) {
            lines = Array(text[fatal...])
        } else if let locked = text.firstIndex(where: { $0.contains("repository is already locked") }) {
            lines = Array(text[locked...])
        } else {
            let plain = text.prefix { !ResticDiagnostics.isStackTrace($0) }
            lines = Array(plain.isEmpty ? complaints.suffix(3) : plain.suffix(3))
        }
        return lines.prefix { !ResticDiagnostics.isStackTrace($0) }.prefix(4)
            .filter { !$0.hasPrefix("Is there a repository at") && !$0.isEmpty }
            .map { $0.replacingOccurrences(of: "Fatal: ", with: "").trimmingCharacters(in: .whitespaces) }
            .joined(separator: "; ")
    }

    /// Everything said about the repository itself: not the names of the operator's files, which may hold any words.
    package var aboutRepository: String {
        ([exitMessage].compactMap(\.self) + text.filter { !$0.hasPrefix("ignoring error for ") } + complaints)
            .joined(separator: "\n")
    }

    /// `main.open`, `\tgithub.com/…:760`: a few errors of restic are followed by where they came from.
    private static func isStackTrace(_ line: String) -> Bool {
        line.hasPrefix("\t") || line.hasPrefix("main.") || line.hasPrefix("github.com/")
    }

    /// restic clears the line of a terminal even where there is none.
    private static func withoutTerminalCodes(_ line: String) -> String {
        line.replacingOccurrences(of: "\u{1b}[2K", with: "").replacingOccurrences(of: "\r", with: "")
    }
}
