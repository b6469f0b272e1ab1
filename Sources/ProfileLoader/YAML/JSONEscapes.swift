/// The one place where JSON is no part of YAML: a character beyond U+FFFF that JSON writes as two escapes, `\ud83d\ude00`, YAML
/// writes as one, `\U0001f600`.
/// - Source: https://www.rfc-editor.org/rfc/rfc8259#section-7 and https://yaml.org/spec/1.2.2/#57-escaped-characters
enum JSONEscapes {
    /// JSON with such pairs written as YAML has them. A half of a pair is left as it is, for the parser to refuse.
    static func joined(_ json: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(json.count)
        var index = 0
        while index < json.count {
            if json[index] == 92, let high = unit(json, at: index), (0xd800..<0xdc00).contains(high),
                let low = unit(json, at: index + 6), (0xdc00..<0xe000).contains(low)
            {
                let digits = String(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00), radix: 16)
                result += Array(("\\U" + String(repeating: "0", count: 8 - digits.count) + digits).utf8)
                index += 12
            } else {
                // What a backslash escapes begins no escape of its own.
                let length = json[index] == 92 && index + 1 < json.count ? 2 : 1
                result += json[index..<index + length]
                index += length
            }
        }
        return result
    }

    /// The value of `\uXXXX` at a place.
    private static func unit(_ json: [UInt8], at index: Int) -> UInt32? {
        guard index + 6 <= json.count, json[index] == 92, json[index + 1] == 117 else { return nil }
        return UInt32(String(decoding: json[(index + 2)..<(index + 6)], as: UTF8.self), radix: 16)
    }
}
