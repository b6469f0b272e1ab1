package import BackupModel
import Foundation

/// A marked block in a user's crontab; every other line stays as it is.
package struct UserCrontab: HostTimer {
    package let user: String
    private let runner: any ToolRunner
    package var kind: TimerKind { .cron }

    package init(user: String, runner: any ToolRunner) {
        self.user = user
        self.runner = runner
    }

    private var place: String { "the crontab of \(user)" }

    package func wanted(_ timetable: Timetable) throws(ScheduleError) -> [ScheduleFile] {
        [ScheduleFile(path: place, text: try CronLines(timetable: timetable, user: nil).text())]
    }

    package func installed(_ profile: ProfileName) async throws(ScheduleError) -> [ScheduleFile] {
        let block = try CrontabBlock(of: profile, in: try await whole(), place: place)
        return block.text.map { [ScheduleFile(path: place, text: $0)] } ?? []
    }

    package func apply(_ changes: [ScheduleChange], of profile: ProfileName) async throws(ScheduleError) {
        guard let change = changes.first, change.kind != .unchanged else { return }
        let before = try await whole()
        let after = try CrontabBlock(of: profile, in: before, place: place).replaced(by: change.after)
        if after.isEmpty {
            _ = try await runner.control("crontab", ["-r"])
        } else {
            _ = try await runner.control("crontab", ["-"], input: after)
        }
        guard try await whole() == after else {
            throw .tool(program: "crontab", detail: "it has taken the lines and does not have them afterwards")
        }
    }

    package func troubles(_ files: [ScheduleFile]) async -> [String] { [] }

    /// Empty where there is none.
    private func whole() async throws(ScheduleError) -> String {
        let result = try await runner.control("crontab", ["-l"], accepting: [0, 1])
        guard result.termination == .exited(0) else {
            let said = result.errors.text.trimmingCharacters(in: .whitespacesAndNewlines)
            // Any other trouble must not be taken for an empty crontab, or the next step would overwrite it.
            guard said.lowercased().contains("no crontab for") else {
                throw .tool(program: "crontab -l", detail: said.isEmpty ? "exit code 1" : said)
            }
            return ""
        }
        let bytes = result.output.head + result.output.tail
        guard result.output.isComplete, let text = String(validating: bytes, as: UTF8.self) else {
            throw .unreadable(path: place, reason: "it is too long, or is no UTF-8 text; nothing was changed")
        }
        return text
    }
}

/// Our block in a crontab's text.
struct CrontabBlock {
    private let before: [Substring]
    private let after: [Substring]
    private let profile: ProfileName
    /// What is between the marks; `nil` where there is no block.
    let text: String?

    private static func begin(_ profile: ProfileName) -> String {
        "# >>> holdfast-profile: \(profile). \(OwnershipMark.maker)"
    }
    private static func isBegin(_ line: Substring, _ profile: ProfileName) -> Bool {
        line.hasPrefix("# >>> holdfast-profile: \(profile). ")
    }
    private static func end(_ profile: ProfileName) -> String { "# <<< holdfast-profile: \(profile)" }

    init(of profile: ProfileName, in whole: String, place: String) throws(ScheduleError) {
        self.profile = profile
        let lines = whole.split(separator: "\n", omittingEmptySubsequences: false)
        let begins = lines.indices.filter { CrontabBlock.isBegin(lines[$0], profile) }
        let ends = lines.indices.filter { lines[$0] == CrontabBlock.end(profile) }
        guard begins.count == ends.count, begins.count <= 1 else { throw .brokenBlock(place: place) }
        guard let first = begins.first, let last = ends.first else {
            (before, after, text) = (lines, [], nil)
            return
        }
        guard first < last else { throw .brokenBlock(place: place) }
        before = Array(lines[..<first])
        after = Array(lines[(last + 1)...])
        text = lines[(first + 1)..<last].map { $0 + "\n" }.joined()
    }

    /// - Parameter block: `nil` takes it out.
    func replaced(by block: String?) -> String {
        guard let block else { return (before + after).joined(separator: "\n") }
        let marked = "\(CrontabBlock.begin(profile))\n\(block)\(CrontabBlock.end(profile))"
        guard text == nil else { return (before + [Substring(marked)] + after).joined(separator: "\n") }
        var whole = before.joined(separator: "\n")
        if !whole.isEmpty, !whole.hasSuffix("\n") { whole += "\n" }
        return whole + marked + "\n"
    }
}
