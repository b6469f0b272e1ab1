/// The list of what is in a tree, in the form that `sha256sum -c` reads: a line for each file. What that program knows
/// nothing of, folders, links and sizes, stands in lines that begin with `#`, which it passes over.
///
///     #d	documents/src
///     #l	documents/latest	src/new
///     #f	4
///     2c8b…  documents/one.txt
///
/// - Source: coreutils 9.1, "sha2 utilities" and `digest.c`: a line that begins with `#` is a comment; a name with a backslash, a
///   newline or a carriage return is escaped, and a backslash before the line says so.
package enum SumLines {
    package enum Record: Sendable, Equatable {
        case folder(path: [UInt8])
        case link(path: [UInt8], target: [UInt8])
        /// The digest in hexadecimal.
        case file(path: [UInt8], size: Int64, digest: [UInt8])

        package var path: [UInt8] {
            switch self {
            case .folder(let path), .link(let path, _), .file(let path, _, _): path
            }
        }
    }

    package static func text(_ record: Record) -> [UInt8] {
        switch record {
        case .folder(let path): return Array("#d\t".utf8) + escaped(path, tabs: true) + [10]
        case .link(let path, let target):
            return Array("#l\t".utf8) + escaped(path, tabs: true) + [9] + escaped(target, tabs: true) + [10]
        case .file(let path, let size, let digest):
            let name = escaped(path, tabs: false)
            return Array("#f\t\(size)\n".utf8) + (name.count == path.count ? [] : [92]) + digest + [32, 32] + name + [
                10
            ]
        }
    }

    /// Puts records together from lines. Not for use after it has thrown.
    package struct Parser {
        private var size: Int64?
        package init() {}

        /// - Parameter line: without its newline.
        /// - Returns: `nil` where more lines are needed.
        package mutating func add(_ line: ArraySlice<UInt8>) throws(Malformed) -> Record? {
            if let size {
                self.size = nil
                let isEscaped = line.first == 92
                let rest = isEscaped ? line.dropFirst() : line
                guard rest.count > 66, rest.dropFirst(64).prefix(2).elementsEqual([32, 32]),
                    rest.prefix(64).allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
                else { throw Malformed() }
                let name = rest.dropFirst(66)
                return .file(
                    path: isEscaped ? try SumLines.unescaped(name) : Array(name), size: size,
                    digest: Array(rest.prefix(64)))
            }
            let fields = line.split(separator: 9, omittingEmptySubsequences: false)
            switch fields.first.map({ String(decoding: $0, as: UTF8.self) }) {
            case "#d" where fields.count == 2: return .folder(path: try SumLines.unescaped(fields[1]))
            case "#l" where fields.count == 3:
                return .link(path: try SumLines.unescaped(fields[1]), target: try SumLines.unescaped(fields[2]))
            case "#f" where fields.count == 2:
                guard let number = Int64(String(decoding: fields[1], as: UTF8.self)) else { throw Malformed() }
                size = number
                return nil
            default:
                guard line.first == 35 else { throw Malformed() }
                return nil
            }
        }

        package var isBetween: Bool { size == nil }
    }

    package struct Malformed: Error, Equatable { package init() {} }

    private static func escaped(_ path: [UInt8], tabs: Bool) -> [UInt8] {
        guard path.contains(where: { $0 == 92 || $0 == 10 || $0 == 13 || (tabs && $0 == 9) }) else { return path }
        var text: [UInt8] = []
        for byte in path {
            switch byte {
            case 92: text += [92, 92]
            case 10: text += [92, 110]
            case 13: text += [92, 114]
            case 9 where tabs: text += [92, 116]
            default: text.append(byte)
            }
        }
        return text
    }

    private static func unescaped(_ text: ArraySlice<UInt8>) throws(Malformed) -> [UInt8] {
        guard text.contains(92) else { return Array(text) }
        var path: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == 92 else {
                path.append(byte)
                continue
            }
            switch rest.popFirst() {
            case 92: path.append(92)
            case 110: path.append(10)
            case 114: path.append(13)
            case 116: path.append(9)
            default: throw Malformed()
            }
        }
        return path
    }

    /// Whether one path comes before another where a folder comes before what is in it, and all of that before what is
    /// beside it.
    package static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.lexicographicallyPrecedes(right) { ($0 == 47 ? 0 : $0) < ($1 == 47 ? 0 : $1) }
    }
}
