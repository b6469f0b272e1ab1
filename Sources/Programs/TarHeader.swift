/// One block of 512 bytes at the head of a member.
/// - Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar 1.34, https://www.gnu.org/software/tar/manual/html_node/Standard.html.
struct TarHeader {
    static let size = 512
    private let bytes: UnsafeRawBufferPointer

    /// - Parameter bytes: 512 of them, valid as long as this is used.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.allSatisfy { $0 == 0 } }

    /// The sum of all bytes, with the eight of the sum itself taken for blanks. Programs of old added signed bytes.
    var hasRightChecksum: Bool {
        guard let stated = number(148, 8) else { return false }
        var unsigned: Int64 = 0
        var signed: Int64 = 0
        for byte in bytes {
            unsigned += Int64(byte)
            signed += Int64(Int8(bitPattern: byte))
        }
        for byte in bytes[148..<156] {
            unsigned += 32 - Int64(byte)
            signed += 32 - Int64(Int8(bitPattern: byte))
        }
        return stated == unsigned || stated == signed
    }

    var type: UInt8 { bytes[156] }
    var size: Int64? { number(124, 12) }
    var mode: Int64? { number(100, 8) }
    var modified: Int64? { number(136, 12) }
    var link: [UInt8] { text(157, 100) }

    /// With the prefix, where the format has one: GNU's own headers keep times there.
    var name: [UInt8] {
        guard bytes[257..<263].elementsEqual([117, 115, 116, 97, 114, 0]) else { return text(0, 100) }
        // star has a shorter one, and times behind it.
        let isStar = bytes[508..<512].elementsEqual([116, 97, 114, 0])
        let prefix = text(345, isStar ? 131 : 155)
        return prefix.isEmpty ? text(0, 100) : prefix + [47] + text(0, 100)
    }

    /// The beginning of the map of a sparse file in GNU's old format, and whether blocks with more of it follow.
    var sparseMap: (fragments: [TarFragment], goesOn: Bool)? {
        fragments(at: 386, count: 4).map { ($0, bytes[482] != 0) }
    }

    /// The size of that sparse file.
    var realSize: Int64? { number(483, 12) }

    /// A block that is only map.
    var sparseExtension: (fragments: [TarFragment], goesOn: Bool)? {
        fragments(at: 0, count: 21).map { ($0, bytes[504] != 0) }
    }

    private func fragments(at start: Int, count: Int) -> [TarFragment]? {
        var result: [TarFragment] = []
        for index in 0..<count {
            let place = start + index * 24
            guard bytes[place + 12] != 0 else { break }
            guard let offset = number(place, 12), let length = number(place + 12, 12) else { return nil }
            result.append(TarFragment(offset: offset, length: length))
        }
        return result
    }

    private func text(_ start: Int, _ length: Int) -> [UInt8] {
        let field = bytes[start..<start + length]
        return Array(field[..<(field.firstIndex(of: 0) ?? field.endIndex)])
    }

    /// Octal digits between blanks and NULs, or, with the highest bit set, a number in base 256. Nothing at all is 0.
    private func number(_ start: Int, _ length: Int) -> Int64? {
        let field = bytes[start..<start + length]
        if bytes[start] & 0x80 != 0 { return TarHeader.base256(field) }
        var value: Int64 = 0
        var rest = field.drop { $0 == 32 || $0 == 0 }
        while let digit = rest.first, (48...55).contains(digit) {
            guard value < 1 << 59 else { return nil }
            value = value << 3 | Int64(digit - 48)
            rest = rest.dropFirst()
        }
        return rest.allSatisfy { $0 == 32 || $0 == 0 } ? value : nil
    }

    private static func base256(_ field: some Collection<UInt8>) -> Int64? {
        guard let first = field.first else { return nil }
        var value: Int64 = first & 0x40 == 0 ? Int64(first & 0x3f) : Int64(first | 0x80) - 256
        for byte in field.dropFirst() {
            guard abs(value) < 1 << 54 else { return nil }
            value = value << 8 | Int64(byte)
        }
        return value
    }
}

/// A piece of a sparse file that was stored; between the pieces there are holes.
struct TarFragment: Equatable {
    var offset: Int64
    var length: Int64
}
