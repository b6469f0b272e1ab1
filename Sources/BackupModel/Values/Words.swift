/// Figures with their nouns.
package enum Words {
    /// `1 file`, `3 files`
    package static func count(_ number: some BinaryInteger, _ singular: String, _ plural: String? = nil) -> String {
        number == 1 ? "1 \(singular)" : "\(number) \(plural ?? singular + "s")"
    }

    /// `30 days`, `36 hours`: exact to the hour.
    package static func days(_ duration: Duration) -> String {
        let hours = Int(duration.inSeconds / 3600)
        return hours % 24 == 0 ? count(hours / 24, "day") : count(hours, "hour")
    }
}
