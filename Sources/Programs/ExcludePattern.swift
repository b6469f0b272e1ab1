#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A pattern in restic's language, as far as it can be judged without restic: for estimates and for finding databases. In
/// doubt it matches nothing.
///
/// - Source: https://restic.readthedocs.io/en/stable/040_backup.html#excluding-files (restic 0.14 to 0.18)
package struct ExcludePattern: Sendable {
    package let text: String
    private let components: [String]
    private let isAbsolute: Bool

    /// `nil` for patterns that cannot be judged with certainty, such as negated ones.
    package init?(_ text: String) {
        guard !text.isEmpty, !text.hasPrefix("!"), !text.contains("[!"), !text.contains("[^"), !text.contains("\\")
        else {
            return nil
        }
        self.text = text
        isAbsolute = text.hasPrefix("/")
        components = text.split(separator: "/").map(String.init).filter { $0 != "." }
        guard !components.isEmpty, !components.contains("..") else { return nil }
    }

    /// Whether it leaves out the entry with these path components, supposing that none of the folders above is left out.
    package func matches(_ path: [String]) -> Bool {
        if isAbsolute { return matches(components[...], path[...]) }
        if components.count == 1, components[0] != "**" { return matches(components[0], path.last ?? "") }
        return path.indices.contains { matches(components[...], path[$0...]) }
    }

    private func matches(_ pattern: ArraySlice<String>, _ path: ArraySlice<String>) -> Bool {
        guard let first = pattern.first else { return path.isEmpty }
        if first == "**" {
            return (path.startIndex...path.endIndex).contains { matches(pattern.dropFirst(), path[$0...]) }
        }
        guard let name = path.first, matches(first, name) else { return false }
        return matches(pattern.dropFirst(), path.dropFirst())
    }

    private func matches(_ pattern: String, _ name: String) -> Bool { fnmatch(pattern, name, 0) == 0 }
}
