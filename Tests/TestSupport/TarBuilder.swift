/// Tar archives that no `tar` would make, header by header.
package struct TarBuilder {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// - Parameters:
    ///   - type: `0` file, `1` hard link, `2` symbolic link, `3` device, `5` folder, `6` pipe, `x` extended header …
    ///   - size: what the header says, when that is not the content's.
    package func adding(
        _ name: String, type: Character = "0", link: String = "", size: Int? = nil, content: String = ""
    ) -> TarBuilder {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ place: Int) {
            block.replaceSubrange(place..<place + text.utf8.count, with: text.utf8)
        }
        func octal(_ number: Int, _ digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(name, 0)
        put(octal(0o644, 7), 100)
        put(octal(0, 7), 108)
        put(octal(0, 7), 116)
        put(octal(size ?? content.utf8.count, 11), 124)
        put(octal(1_700_000_000, 11), 136)
        put("        ", 148)
        put(String(type), 156)
        put(link, 157)
        put("ustar\u{0}00", 257)
        put(octal(block.reduce(0) { $0 + Int($1) }, 6) + "\u{0} ", 148)
        var result = self
        result.bytes += block + Array(content.utf8)
        result.bytes += [UInt8](repeating: 0, count: (512 - content.utf8.count % 512) % 512)
        return result
    }

    /// An extended header of the pax format, for the next member.
    package func adding(pax records: [(String, String)], type: Character = "x") -> TarBuilder {
        var content = ""
        for (key, value) in records {
            let rest = " \(key)=\(value)\n"
            var length = rest.utf8.count
            while String(length).utf8.count + rest.utf8.count != length {
                length = String(length).utf8.count + rest.utf8.count
            }
            content += "\(length)\(rest)"
        }
        return adding("pax", type: type, content: content)
    }

    /// With the two blocks of zeros that end it.
    package var archive: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}
