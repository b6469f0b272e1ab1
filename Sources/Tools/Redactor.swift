package import BackupModel

/// Blots secrets out of text, in every form they take on their way through tools and messages: as they are,
/// percent-encoded, escaped as in JSON, in base64 at any alignment, and mixtures of these.
package struct Redactor: Sendable {
    package static let mark = "‹redacted›"
    /// Anything shorter would be found everywhere.
    package static let shortestSecret = 4

    private let plain: [EscapedPattern]
    private let encoded: [EscapedPattern]

    package init(secrets: [Secret]) {
        let secrets = secrets.map { $0.reveal(for: .redaction) }.filter { $0.count >= Redactor.shortestSecret }
        plain = secrets.map { EscapedPattern($0) }
        encoded = Set(secrets.flatMap(Base64Forms.of)).map { EscapedPattern($0) }
    }

    package func redact(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var blots: [Range<Int>] = []
        for start in bytes.indices {
            for pattern in plain {
                if let end = pattern.match(bytes, at: start) { blots.append(start..<end) }
            }
            for pattern in encoded {
                if let end = pattern.match(bytes, at: start) {
                    blots.append(Redactor.token(around: start..<end, in: bytes))
                }
            }
        }
        guard !blots.isEmpty else { return text }
        var result: [UInt8] = []
        var position = 0
        for blot in blots.sorted(by: { $0.lowerBound < $1.lowerBound }) where blot.upperBound > position {
            // Blots that overlap become one; ones that only touch are two secrets side by side.
            if blot.lowerBound >= position {
                result += bytes[position..<blot.lowerBound]
                result += Array(Redactor.mark.utf8)
            }
            position = blot.upperBound
        }
        return String(decoding: result + bytes[position...], as: UTF8.self)
    }

    /// The whole base64 word around a find: its outer characters hold some of the secret's bits as well.
    private static func token(around find: Range<Int>, in bytes: [UInt8]) -> Range<Int> {
        var (start, end) = (find.lowerBound, find.upperBound)
        while start > 0, Base64Forms.isMember(bytes[start - 1]) { start -= 1 }
        while end < bytes.count, Base64Forms.isMember(bytes[end]) { end += 1 }
        return start..<end
    }
}

/// A sequence of characters, each of which may stand in a text as itself or escaped.
private struct EscapedPattern: Sendable {
    /// All ways in which one character can be written, hexadecimal digits in lower case.
    private let characters: [[[UInt8]]]
    /// Which bytes a match can begin with: nearly every place in a text is ruled out by one look.
    private let beginnings: [Bool]

    init(_ bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) {
            characters = text.unicodeScalars.map(EscapedPattern.ways)
        } else {
            characters = bytes.map { [[$0], Array("%\(EscapedPattern.hex($0, 2))".utf8)] }
        }
        let first = Set((characters.first ?? []).map { $0[0] })
        beginnings = (0...255).map { first.contains($0) }
    }

    /// Where the longest match that begins at `start` ends.
    func match(_ text: [UInt8], at start: Int) -> Int? {
        guard beginnings[Int(text[start])] else { return nil }
        var ends: Set<Int> = [start]
        for ways in characters {
            // A set, since an escape can look like the character it escapes: no way is tried twice from one place.
            ends = Set(
                ends.flatMap { end in ways.filter { Self.stands($0, in: text, at: end) }.map { end + $0.count } })
            if ends.isEmpty { return nil }
        }
        return ends.max()
    }

    private static func stands(_ way: [UInt8], in text: [UInt8], at start: Int) -> Bool {
        guard start + way.count <= text.count else { return false }
        // Only what follows the escape's first characters may differ in case.
        let isEscape = way.count > 2 && (way[0] == UInt8(ascii: "%") || way[0] == UInt8(ascii: "\\"))
        for (offset, byte) in way.enumerated() {
            let present = text[start + offset]
            let isSame =
                present == byte || (isEscape && offset > 0 && (65...70).contains(present) && present + 32 == byte)
            if !isSame { return false }
        }
        return true
    }

    private static func ways(_ scalar: Unicode.Scalar) -> [[UInt8]] {
        let raw = Array(String(scalar).utf8)
        let json = String(scalar).utf16.map { "\\u" + hex($0, 4) }.joined()
        var ways = [raw, raw.flatMap { Array("%\(hex($0, 2))".utf8) }, Array(json.utf8)]
        switch scalar {
        case "\"", "\\", "/": ways.append([UInt8(ascii: "\\")] + raw)
        case "\n": ways.append(Array("\\n".utf8))
        case "\r": ways.append(Array("\\r".utf8))
        case "\t": ways.append(Array("\\t".utf8))
        case "\u{8}": ways.append(Array("\\b".utf8))
        case "\u{c}": ways.append(Array("\\f".utf8))
        case " ": ways.append([UInt8(ascii: "+")])
        default: break
        }
        return ways
    }

    private static func hex(_ number: some BinaryInteger, _ digits: Int) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

/// What base64 makes of some bytes wherever they stand in a longer message.
private enum Base64Forms {
    private static let common = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    private static let alphabets = [common + Array("+/".utf8), common + Array("-_".utf8)]

    static func isMember(_ byte: UInt8) -> Bool { (common + Array("+/-_=".utf8)).contains(byte) }

    /// The characters that depend on `bytes` alone: three alignments in two alphabets.
    static func of(_ bytes: [UInt8]) -> [[UInt8]] {
        (0..<3).flatMap { offset in
            let values = sextets(of: bytes, offset: offset)
            return alphabets.map { alphabet in values.map { alphabet[$0] } }
        }
    }

    /// The six-bit values that lie wholly within `bytes` when they begin `offset` bytes into a group of three.
    private static func sextets(of bytes: [UInt8], offset: Int) -> [Int] {
        let first = (offset * 8 + 5) / 6
        let last = (offset + bytes.count) * 8 / 6
        return (first..<last).map { index in
            (0..<6).reduce(0) { value, bit in
                let position = index * 6 + bit - offset * 8
                return value << 1 | Int(bytes[position / 8] >> UInt8(7 - position % 8) & 1)
            }
        }
    }
}
