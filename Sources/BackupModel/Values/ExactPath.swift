/// A path by its very bytes, as file systems tell names apart. Swift takes two texts for equal that spell a letter in different ways,
/// such as é as one character or as two, and both may be names in one folder.
package struct ExactPath: Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (left: ExactPath, right: ExactPath) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Whether it is this path, or something below it. Neither has a slash at its end.
    package func holds(_ path: String) -> Bool {
        let (own, other) = (text.utf8, path.utf8)
        guard other.starts(with: own) else { return false }
        let rest = other.dropFirst(own.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "/")
    }
}
