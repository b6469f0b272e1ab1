package import BackupModel
import Foundation

/// A file, or a block of one, that belongs to us.
package struct ScheduleFile: Sendable, Equatable {
    /// Its path, or what the crontab is called.
    package var path: String
    package var text: String
    package init(path: String, text: String) {
        self.path = path
        self.text = text
    }
}

/// What stands in the way between what is there and what is to be there.
package struct ScheduleChange: Sendable, Equatable {
    package enum Kind: String, Sendable { case created, changed, removed, unchanged }
    package var path: String
    package var before: String?
    package var after: String?

    package init(path: String, before: String?, after: String?) {
        self.path = path
        self.before = before
        self.after = after
    }

    package var kind: Kind {
        switch (before, after) {
        case (nil, _): .created
        case (_, nil): .removed
        case (let before, let after): before == after ? .unchanged : .changed
        }
    }

    /// All files of both sides, those that are to go last.
    package static func between(_ installed: [ScheduleFile], _ wanted: [ScheduleFile]) -> [ScheduleChange] {
        wanted.map { file in
            ScheduleChange(
                path: file.path, before: installed.first { $0.path == file.path }?.text, after: file.text)
        }
            + installed.filter { file in !wanted.contains { $0.path == file.path } }
            .map { ScheduleChange(path: $0.path, before: $0.text, after: nil) }
    }

    /// Whether more than the search path differs, which is another in every shell.
    package var isOfNote: Bool {
        guard let before, let after else { return true }
        func withoutPath(_ text: String) -> String { text.replacing(/PATH=[^ "'\n]*/, with: "") }
        return withoutPath(before) != withoutPath(after)
    }

    /// Lines that go (`-`) and come (`+`), with their neighbours.
    package var lines: [String] {
        guard kind != .unchanged else { return [] }
        let (old, new) = (ScheduleChange.lines(before), ScheduleChange.lines(after))
        let difference = new.difference(from: old)
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var result: [(mark: Character, text: Substring)] = []
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if left < old.count, removed.contains(left) {
                result.append(("-", old[left]))
                left += 1
            } else if right < new.count, inserted.contains(right) {
                result.append(("+", new[right]))
                right += 1
            } else {
                result.append((" ", old[left]))
                left += 1
                right += 1
            }
        }
        let near = result.indices.filter { index in
            result[max(0, index - 2)...min(result.count - 1, index + 2)].contains { $0.mark != " " }
        }
        return ["--- \(before == nil ? "/dev/null" : path)", "+++ \(after == nil ? "/dev/null" : path)"]
            + near.map { "\(result[$0].mark)\(result[$0].text)" }
    }

    private static func lines(_ text: String?) -> [Substring] {
        text?.split(separator: "\n", omittingEmptySubsequences: true) ?? []
    }
}

/// The marks by which what is ours is known.
package enum OwnershipMark {
    static let maker =
        "Made by `holdfast backup auto`, which overwrites changes; `holdfast backup auto --disable` removes it."

    static func lines(_ profile: ProfileName) -> String { "# \(maker)\n# holdfast-profile: \(profile)\n" }

    /// Whether a text of ours is of this profile.
    static func isOurs(_ text: String, _ profile: ProfileName) -> Bool {
        text.split(separator: "\n").prefix(4).contains("# holdfast-profile: \(profile)")
    }
}

/// One of the host's ways to start things at a time.
package protocol HostTimer: Sendable {
    var kind: TimerKind { get }
    func wanted(_ timetable: Timetable) throws(ScheduleError) -> [ScheduleFile]
    /// What is ours of a profile, and there.
    func installed(_ profile: ProfileName) async throws(ScheduleError) -> [ScheduleFile]
    /// Carries out changes; what is unchanged is made sure of.
    func apply(_ changes: [ScheduleChange], of profile: ProfileName) async throws(ScheduleError)
    /// What is there and will not start all the same, in words.
    func troubles(_ files: [ScheduleFile]) async -> [String]
}

package enum TimerKind: String, Sendable, CaseIterable { case systemd, cron, launchd }
