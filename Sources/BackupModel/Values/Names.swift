package import Foundation

/// A name that may appear in tags, file names and commands: letters, digits, `.`, `_` and `-`, at most 64 characters,
/// beginning with a letter or digit. Commas and blanks never occur, so a name can stand in a restic tag unescaped.
package protocol CheckedName: RawRepresentable, Hashable, Comparable, Codable, Sendable, CustomStringConvertible
where RawValue == String {
    init(unchecked value: String)
}

extension CheckedName {
    /// `nil` when `rawValue` is not a valid name.
    package init?(rawValue: String) {
        guard Self.isValid(rawValue) else { return nil }
        self.init(unchecked: rawValue)
    }

    package static func isValid(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 64 else { return false }
        let isAlphanumeric = { (byte: UInt8) in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        }
        return isAlphanumeric(first)
            && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 45 || $0 == 46 || $0 == 95 }
    }

    package var description: String { rawValue }
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

package struct ProfileName: CheckedName {
    package let rawValue: String
    package init(unchecked value: String) { rawValue = value }
}

package struct SourceName: CheckedName {
    package let rawValue: String
    package init(unchecked value: String) { rawValue = value }
}

package struct RepositoryName: CheckedName {
    package let rawValue: String
    package init(unchecked value: String) { rawValue = value }
}

package struct NotifierName: CheckedName {
    package let rawValue: String
    package init(unchecked value: String) { rawValue = value }
}

/// Names one run. Sortable by time: `20261121T023000Z-7f3a9c` (UTC, then six random hexadecimal digits).
package struct RunID: CheckedName {
    package let rawValue: String
    package init(unchecked value: String) { rawValue = value }

    /// - Parameter entropy: distinguishes runs begun in the same second; its low 24 bits are used.
    package init(startedAt date: Date, entropy: UInt32) {
        let parts = UTCTime(date)
        let digits = String(entropy & 0xff_ffff, radix: 16)
        rawValue = parts.compact + "-" + String(repeating: "0", count: 6 - digits.count) + digits
    }

    /// When it began, by its name; `nil` for a name that is not of this form.
    package var date: Date? {
        let digits = Array(rawValue.prefix(16))
        guard digits.count == 16, digits[8] == "T", digits[15] == "Z" else { return nil }
        func part(_ from: Int, _ count: Int) -> String { String(digits[from..<from + count]) }
        return Timestamp.parse(
            "\(part(0, 4))-\(part(4, 2))-\(part(6, 2))T\(part(9, 2)):\(part(11, 2)):\(part(13, 2))Z")
    }
}

/// The identifier a repository gives to a snapshot: lower-case hexadecimal, 64 digits with restic.
package struct SnapshotID: RawRepresentable, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    /// The first eight digits: what people read and type.
    package var short: String { String(rawValue.prefix(8)) }
    package var description: String { short }
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The stable virtual name of a part, such as `/postgres/db.sql` or, for files, `/`. Never a scratch path.
package struct PartPath: RawRepresentable, Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { rawValue }
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

extension PartPath {
    /// How people read a part of a source: `uploads` for files, whose one part is `/`; `data /sqlite/app.db` otherwise.
    package func title(in source: SourceName) -> String { rawValue == "/" ? source.rawValue : "\(source) \(rawValue)" }
}

extension ManifestPart {
    package var title: String { part.title(in: source) }
}
