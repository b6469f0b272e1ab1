package import BackupModel

/// What somebody types who looks for files in a restore point: a part of a name, a folder to look into, and days.
///
///     invoice             names that contain it, in any case; with * or ?, whole names or paths
///     /srv/app/uploads/   what lies in that folder
///     pdf since 2026-11-20 until 2026-11-21
package struct FileQuery: Sendable, Equatable {
    package var pattern: PathPattern
    /// Only what lies in it directly; without a slash at its end.
    package var folder: String?
    /// As the time in a listing begins, of any length: compared as text.
    package var since: String?
    package var until: String?

    /// - Returns: `nil` where a date is none.
    package init?(_ text: String) {
        var words = text.split(separator: " ").map(String.init)
        while words.count >= 2, let date = words.last {
            let word = words[words.count - 2]
            guard word == "since" || word == "until" else { break }
            guard FileQuery.isDate(date) else { return nil }
            if word == "since" { since = date } else { until = date }
            words.removeLast(2)
        }
        let name = words.joined(separator: " ")
        if name.hasPrefix("/"), name.hasSuffix("/") {
            folder = name == "/" ? "" : String(name.dropLast())
            pattern = PathPattern("*", ignoresCase: true)
        } else if name.contains(where: { "*?".contains($0) }) {
            pattern = PathPattern(name, ignoresCase: true)
        } else {
            pattern = PathPattern("*\(name)*", ignoresCase: true)
        }
    }

    package func matches(_ entry: SnapshotEntry) -> Bool {
        if let folder {
            guard entry.path.hasPrefix(folder + "/"), entry.path.count > folder.count + 1,
                !entry.path.dropFirst(folder.count + 1).contains("/")
            else { return false }
        }
        if let since, entry.modified.prefix(since.count) < since { return false }
        if let until, entry.modified.prefix(until.count) > until { return false }
        return true
    }

    /// `2026`, `2026-11` or `2026-11-20`.
    private static func isDate(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        return zip(parts, [4, 2, 2]).allSatisfy { $0.count == $1 && $0.allSatisfy(\.isNumber) } && parts.count <= 3
    }
}
