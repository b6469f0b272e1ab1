/// Finds what somebody may have meant.
enum Nearest {
    /// The candidate with the fewest edits from `text`, when it is near enough to be a typo.
    static func of(_ text: String, among candidates: [String]) -> String? {
        let ranked = candidates.map { ($0, distance(text.lowercased(), $0.lowercased())) }
        guard let best = ranked.min(by: { $0.1 < $1.1 }), best.1 <= max(1, text.count / 3 + 1) else { return nil }
        return best.0
    }

    /// Edits (insert, delete, replace) between two words.
    static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (index, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (right[column] == character ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[right.count]
    }
}
