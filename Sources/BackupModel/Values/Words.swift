/// Figures with their nouns.
package enum Words {
    /// `1 file`, `3 files`
    package static func count(_ number: some BinaryInteger, _ singular: String, _ plural: String? = nil) -> String {
        number == 1 ? "1 \(singular)" : "\(number) \(plural ?? singular + "s")"
    }
}
