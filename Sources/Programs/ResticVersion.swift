/// The version of a restic program, and what that version can do. Everything that differs between versions is asked here.
package struct ResticVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var major: Int
    package var minor: Int
    package var patch: Int

    package init(_ major: Int, _ minor: Int, _ patch: Int) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// From what `restic version` prints: `restic 0.14.0 compiled with go1.19 on linux/amd64`; `nil` for anything else.
    package init?(programOutput text: String) {
        let words = text.split(maxSplits: 2, whereSeparator: \.isWhitespace)
        guard words.count >= 2, words[0] == "restic" else { return nil }
        self.init(String(words[1]))
    }

    /// From `0.18.0`; what follows the third number, as in `0.19.1-dev`, does not count.
    package init?(_ text: String) {
        let numbers = text.split(separator: ".", maxSplits: 2).map { $0.prefix { $0.isASCII && $0.isNumber } }
        guard numbers.count == 3, let major = Int(numbers[0]), let minor = Int(numbers[1]), let patch = Int(numbers[2])
        else { return nil }
        self.init(major, minor, patch)
    }

    package var description: String { "\(major).\(minor).\(patch)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }

    /// The oldest one that is supported: the first with format 2, compression and `--files-from-raw` as used here.
    package static let oldest = ResticVersion(0, 14, 0)
}

/// - Source: https://github.com/restic/restic/blob/master/CHANGELOG.md, checked for 0.14.0 to 0.19.1.
extension ResticVersion {
    package var isSupported: Bool { self >= .oldest }
    /// Before it, eight digits are all that a backup says of its snapshot.
    package var printsFullSnapshotID: Bool { self >= ResticVersion(0, 15, 0) }
    package var hasReadConcurrencyFlag: Bool { self >= ResticVersion(0, 15, 0) }
    /// `restore --sparse`: what was a hole takes no room again.
    /// - Source: https://restic.readthedocs.io/en/stable/050_restore.html; tried with 0.18.0 and 0.19.1, unknown to 0.14.0
    package var makesHolesOnRestore: Bool { self >= ResticVersion(0, 15, 0) }
    /// `restore --delete`, and a restore that replaces links in the way.
    package var canDeleteOnRestore: Bool { self >= ResticVersion(0, 17, 0) }
    /// Before it `check` prints text, whatever is asked.
    package var checkSpeaksJSON: Bool { self >= ResticVersion(0, 18, 0) }
}
