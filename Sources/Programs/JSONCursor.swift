#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Walks over JSON bytes without building anything, for output too large to decode as a whole. Skips what it is not asked
/// for; says `nil` or `false` where the bytes are not JSON, and never reads past their end.
struct JSONCursor {
    /// A string's content between its quotes, still escaped where `hasEscapes` says so.
    struct Text {
        var start: Int
        var end: Int
        var hasEscapes: Bool
    }

    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    @inline(__always)
    mutating func skipBlanks() {
        while position < bytes.count, case let byte = bytes[position], byte == 32 || (9...13).contains(byte) {
            position += 1
        }
    }

    var isAtEnd: Bool { position >= bytes.count }

    /// The next byte that is not blank, left where it is.
    @inline(__always)
    mutating func peek() -> UInt8? {
        skipBlanks()
        return position < bytes.count ? bytes[position] : nil
    }

    /// Takes the next byte when it is `byte`.
    @inline(__always)
    mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    @inline(__always)
    mutating func string() -> Text? {
        guard take(34) else { return nil }
        let start = position
        var hasEscapes = false
        while position < bytes.count {
            let byte = bytes[position]
            if byte == 34 {
                position += 1
                return Text(start: start, end: position - 1, hasEscapes: hasEscapes)
            }
            if byte == 92 {
                hasEscapes = true
                position += 1
            }
            position += 1
        }
        return nil
    }

    /// A whole number without sign or fraction; anything else is `nil`, and nothing is taken.
    mutating func count() -> Int64? {
        skipBlanks()
        var index = position
        var value: Int64 = 0
        while index < bytes.count, case let byte = bytes[index], (48...57).contains(byte) {
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(Int64(byte - 48))
            guard !overflowed, !carried else { return nil }
            value = sum
            index += 1
        }
        guard index > position, index < bytes.count else { return nil }
        let next = bytes[index]
        // A point or an exponent.
        guard next != 46, next != 69, next != 101 else { return nil }
        position = index
        return value
    }

    /// Passes over one value of any kind.
    @inline(__always)
    mutating func skipValue() -> Bool {
        switch peek() {
        case nil: return false
        case 34: return string() != nil
        case 123, 91:
            var depth = 0
            while position < bytes.count {
                switch bytes[position] {
                case 34:
                    guard string() != nil else { return false }
                    continue
                case 123, 91: depth += 1
                case 125, 93:
                    depth -= 1
                    if depth == 0 {
                        position += 1
                        return true
                    }
                default: break
                }
                position += 1
            }
            return false
        default:
            let start = position
            while position < bytes.count, case let byte = bytes[position], byte != 44, byte != 93, byte != 125 {
                position += 1
            }
            return position > start
        }
    }

    @inline(__always)
    func equals(_ text: Text, _ word: StaticString) -> Bool {
        text.end - text.start == word.utf8CodeUnitCount
            && memcmp(bytes.baseAddress! + text.start, word.utf8Start, word.utf8CodeUnitCount) == 0
    }

    /// The string itself; invalid UTF-8 and lone surrogates become U+FFFD.
    func decoded(_ text: Text) -> String {
        let raw = UnsafeRawBufferPointer(rebasing: bytes[text.start..<text.end])
        return text.hasEscapes ? JSONCursor.unescaped(raw) : String(decoding: raw, as: UTF8.self)
    }

    private static func unescaped(_ raw: UnsafeRawBufferPointer) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(raw.count)
        var index = 0
        while index < raw.count {
            guard raw[index] == 92, index + 1 < raw.count else {
                result.append(raw[index])
                index += 1
                continue
            }
            let kind = raw[index + 1]
            index += 2
            switch kind {
            case 98: result.append(8)
            case 102: result.append(12)
            case 110: result.append(10)
            case 114: result.append(13)
            case 116: result.append(9)
            case 117:
                var unit = hexadecimal(raw, at: index)
                index += 4
                if let high = unit, (0xd800..<0xdc00).contains(high), index + 1 < raw.count, raw[index] == 92,
                    raw[index + 1] == 117, let low = hexadecimal(raw, at: index + 2), (0xdc00..<0xe000).contains(low)
                {
                    unit = 0x10000 + (high - 0xd800) << 10 + (low - 0xdc00)
                    index += 6
                }
                result += Array(String(unit.flatMap(Unicode.Scalar.init) ?? "\u{fffd}").utf8)
            default: result.append(kind)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func hexadecimal(_ raw: UnsafeRawBufferPointer, at index: Int) -> UInt32? {
        guard index + 4 <= raw.count else { return nil }
        return UInt32(String(decoding: raw[index..<index + 4], as: UTF8.self), radix: 16)
    }
}
