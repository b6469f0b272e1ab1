/// One line of JSON per entry of an archive: `path`, `type`, `size`, `mtime` (seconds, with decimals where there are any),
/// `mode`, and `link` for links.
///
/// Where a name is no UTF-8, `path` and `link` have each byte that is not plain ASCII, and each `%`, as `%XX`, and
/// `"percent":true` says so.
package enum TarListing {
    package static func line(for entry: TarEntry) -> [UInt8] {
        let isPercent = !isUTF8(entry.name) || !isUTF8(entry.link)
        var line = Array("{\"path\":".utf8)
        line.reserveCapacity(entry.name.count + entry.link.count + 128)
        quote(entry.name, isPercent, &line)
        line += ",\"type\":\"\(name(of: entry.kind))\",\"size\":\(entry.size),\"mtime\":".utf8
        line += time(entry.modified).utf8
        line += ",\"mode\":\(entry.mode)".utf8
        if entry.kind == .symbolicLink || entry.kind == .hardLink {
            line += ",\"link\":".utf8
            quote(entry.link, isPercent, &line)
        }
        if isPercent { line += ",\"percent\":true".utf8 }
        line += "}\n".utf8
        return line
    }

    package static func name(of kind: TarEntry.Kind) -> String {
        switch kind {
        case .file: "file"
        case .directory: "directory"
        case .symbolicLink: "symlink"
        case .hardLink: "hardlink"
        case .characterDevice: "character-device"
        case .blockDevice: "block-device"
        case .fifo: "fifo"
        case .unknown: "unknown"
        }
    }

    private static func isUTF8(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    private static func time(_ time: TarTime) -> String {
        guard time.nanoseconds != 0 else { return String(time.seconds) }
        // A moment before 1970 counts forward from the second before it.
        let isNegative = time.seconds < 0
        let seconds = isNegative ? -(time.seconds + 1) : time.seconds
        let nanoseconds = isNegative ? 1_000_000_000 - Int(time.nanoseconds) : Int(time.nanoseconds)
        let digits = String(nanoseconds)
        return (isNegative ? "-" : "") + String(seconds) + "." + String(repeating: "0", count: 9 - digits.count)
            + digits
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func quote(_ bytes: [UInt8], _ isPercent: Bool, _ line: inout [UInt8]) {
        line.append(34)
        for byte in bytes {
            switch byte {
            case 34, 92: line += [92, byte]
            case 10: line += [92, 110]
            case 0x25 where isPercent, 0x80... where isPercent:
                line += [37, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            case 0..<0x20, 0x7f: line += [92, 117, 48, 48, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: line.append(byte)
            }
        }
        line.append(34)
    }
}
