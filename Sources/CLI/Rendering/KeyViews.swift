import BackupEngine
import BackupModel
import Foundation

/// Recipients and what they open, for people and as JSON.
enum KeyViews {
    static func show(_ contents: KeyReview.Contents, _ console: Console) {
        for notice in contents.notices { console.say("note: \(Console.harmless(notice))") }
        if contents.subjects.isEmpty { console.print("nothing in this profile has recipients") }
        for subject in contents.subjects {
            console.print(Console.harmless(lines(subject, contents).joined(separator: "\n")))
        }
    }

    private static func lines(_ subject: KeyReview.Subject, _ contents: KeyReview.Contents) -> [String] {
        var lines: [String] = []
        let pinned = subject.pin.map { "pinned \(Format.time($0.pinnedAt))" } ?? "not pinned yet"
        switch subject.current {
        case .failure(let failure):
            lines.append("\(subject.subject): \(failure.description)")
            if let pin = subject.pin { lines += pin.recipients.keys.map { "  \(Recipients.shown($0)) (\(pinned))" } }
        case .success(let current):
            lines.append(
                "\(subject.subject): "
                    + (current.map { "encrypted with \($0.program.rawValue)" } ?? "not encrypted by the profile")
                    + (subject.isAsPinned ? ", \(pinned)" : ", NOT as pinned"))
            lines += (current?.keys ?? []).map { key in
                let isNew = subject.pin.map { !$0.recipients.keys.contains(key) } ?? false
                return "  \(Recipients.shown(key))" + (isNew ? "  NEW" : "")
            }
            lines += (subject.pin?.recipients.keys ?? []).filter { current?.keys.contains($0) != true }
                .map { "  \(Recipients.shown($0))  GONE" }
        }
        for holding in subject.holdings { lines += self.lines(holding, contents) }
        return lines
    }

    private static func lines(_ holding: KeyReview.Holding, _ contents: KeyReview.Contents) -> [String] {
        let count = Words.count(holding.runs.count, "restore point")
        if holding.isCurrent { return ["  \(count) in \(contents.repository) for these recipients"] }
        let what = holding.recipients.map { "for \($0.words)" } ?? "without any encryption of its own"
        let span =
            holding.runs.count == 1
            ? "of \(day(holding.newest))" : "from \(day(holding.oldest)) to \(day(holding.newest))"
        var lines = [
            "  \(count) in \(contents.repository) \(what), \(span): \(words(holding.lifetime, holding, contents))"
        ]
        for copy in holding.copies {
            let there = "    \(copy.follower) was given \(Words.count(copy.snapshots, "snapshot")) of them: "
            switch copy.method {
            case .copy, .backup: lines.append(there + "they go when it is pruned (`key list --from \(copy.follower)`)")
            case .mirror: lines.append(there + "nobody removes anything from a mirror but its bucket's own expiry")
            }
        }
        return lines
    }

    private static func words(
        _ lifetime: RetentionForecast.Lifetime, _ holding: KeyReview.Holding, _ contents: KeyReview.Contents
    ) -> String {
        let count = holding.runs.count
        switch lifetime {
        case .until(let date, let rule):
            return "\(count == 1 ? "it goes" : "the last of them goes") about \(day(date)), kept by \(rule) until then"
                + (contents.isFollower ? ", as long as this repository is pruned too" : "")
        case .unlimited(let why): return "never by \(count == 1 ? "itself" : "themselves"): \(why)"
        }
    }

    private static func day(_ date: Date) -> String { String(Format.time(date).prefix(10)) }

    /// What is left for an operator to do.
    static func advise(_ contents: KeyReview.Contents, _ console: Console) {
        let remains = contents.subjects.contains { $0.holdings.contains { !$0.isCurrent } }
        guard remains else { return }
        console.print(
            """
            What is stored is not encrypted anew: repositories are only added to. Keep the old key until the last of those
            restore points is gone. If it is in wrong hands, change the secrets themselves (passwords, tokens) now, and
            remove the restore points; `holdfast key list --json` names their snapshots.
            """)
    }

    /// - Parameter passwords: of the repositories that were looked at.
    static func document(
        _ contents: KeyReview.Contents, rotated: [RecipientSubject]? = nil, passwords: JSONValue? = nil
    ) -> JSONValue {
        var entries: [(String, JSONValue)] = [
            ("repository", .string(contents.repository.rawValue)),
            ("recipients", .array(contents.subjects.map(subject))),
        ]
        if let passwords { entries.append(("passwords", passwords)) }
        if let rotated { entries.append(("rotated", JSONValue(rotated.map(\.name)))) }
        return .object(entries)
    }

    private static func subject(_ subject: KeyReview.Subject) -> JSONValue {
        let kind = if case .source = subject.subject { "source" } else { "repository" }
        var entries: [(String, JSONValue)] = [
            ("kind", .string(kind)), ("name", .string(subject.subject.name)),
            ("asPinned", .boolean(subject.isAsPinned)), ("pinned", recipients(subject.pin?.recipients)),
            ("pinnedAt", JSONValue(subject.pin?.pinnedAt)),
        ]
        switch subject.current {
        case .success(let current): entries.append(("current", recipients(current)))
        case .failure(let failure):
            entries += [("current", .null), ("error", RunViews.failure(failure))]
        }
        entries.append(("restorePoints", .array(subject.holdings.map(holding))))
        return .object(entries)
    }

    static func recipients(_ recipients: Recipients?) -> JSONValue {
        recipients.map { .object([("program", .string($0.program.rawValue)), ("keys", JSONValue($0.keys))]) } ?? .null
    }

    private static func holding(_ holding: KeyReview.Holding) -> JSONValue {
        var entries: [(String, JSONValue)] = [
            ("recipients", recipients(holding.recipients)), ("current", .boolean(holding.isCurrent)),
            ("runs", JSONValue(holding.runs.map(\.rawValue))),
            ("snapshots", JSONValue(holding.snapshots.map(\.rawValue))), ("oldest", JSONValue(holding.oldest)),
            ("newest", JSONValue(holding.newest)),
        ]
        switch holding.lifetime {
        case .until(let date, let rule): entries += [("until", JSONValue(date)), ("keptBy", .string(rule))]
        case .unlimited(let why): entries += [("until", .null), ("keptBy", .string(why))]
        }
        entries.append(
            (
                "copies",
                .array(
                    holding.copies.map { copy in
                        .object([
                            ("repository", .string(copy.follower.rawValue)), ("by", .string(copy.method.rawValue)),
                            ("snapshots", JSONValue(copy.snapshots)),
                        ])
                    })
            ))
        return .object(entries)
    }
}
