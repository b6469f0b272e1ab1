import BackupModel
import Foundation

/// Names of runs' folders and of what is in them, on a disk: letters, digits, `.`, `_` and `-`, everything else as `%XX`, so that
/// every file system takes them.
enum RunNames {
    /// A name's bytes, at most 120 of them.
    static func safe(_ text: String) -> String {
        var name = ""
        for byte in text.utf8 {
            let isPlain =
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45
                || byte == 46 || byte == 95
            name += isPlain ? String(UnicodeScalar(byte)) : "%" + Hexadecimal.text([byte]).uppercased()
        }
        guard name.utf8.count > 120 else { return name }
        // Not in the middle of an escape.
        var cut = String(name.prefix(120))
        if let percent = cut.suffix(2).firstIndex(of: "%") { cut = String(cut[..<percent]) }
        return cut
    }

    /// When a run began, in local time: `20261121-023000`.
    static func stamp(of run: RunID, now: Date, in zone: TimeZone = .current) -> String {
        let digits = Array(run.rawValue)
        var date = now
        if digits.count >= 16, digits[8] == "T", digits[15] == "Z" {
            let text = { (range: Range<Int>) in String(digits[range]) }
            let written =
                "\(text(0..<4))-\(text(4..<6))-\(text(6..<8))T\(text(9..<11)):\(text(11..<13)):\(text(13..<15))Z"
            date = Timestamp.parse(written) ?? now
        }
        let local = UTCTime(date.addingTimeInterval(Double(zone.secondsFromGMT(for: date)))).compact
        return local.prefix(8) + "-" + local.dropFirst(9).prefix(6)
    }

    /// Whether a folder's name is that of a run: a stamp, with a number where it was taken.
    static func isStamp(_ name: String) -> Bool {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        let isNumber = { (text: Substring) in !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) } }
        return (2...3).contains(parts.count) && parts.allSatisfy(isNumber) && parts[0].utf8.count == 8
            && parts[1].utf8.count == 6
    }
}
