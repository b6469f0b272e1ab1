#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Finds files whose names are not UTF-8 by what a listing in JSON shows of them.
enum RepairedPath {
    /// The entries below `directory` that a listing would show at `path`; several where names differ in such bytes alone.
    static func entries(_ path: String, below directory: String) -> [stat] {
        var places = [Array(directory.utf8)]
        for component in path.split(separator: "/") {
            let isRepaired = component.unicodeScalars.contains("\u{fffd}")
            let wanted = Array(component.utf8)
            places = places.flatMap { place in
                guard isRepaired else { return [place + [47] + wanted] }
                return (SelectionWalk.names(in: place) ?? []).filter { shown($0) == wanted }.map { place + [47] + $0 }
            }
            // Nobody has so many names that look alike; a hostile snapshot may.
            if places.count > 1000 { return [] }
        }
        return places.compactMap { place in
            var status = stat()
            return SelectionWalk.look(place, &status) == 0 ? status : nil
        }
    }

    /// As Go writes a name into JSON: each byte that belongs to no character becomes one U+FFFD.
    /// - Source: https://pkg.go.dev/encoding/json#Marshal; https://pkg.go.dev/unicode/utf8#DecodeRune: the width of an
    ///   invalid encoding is 1.
    static func shown(_ name: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = name[...]
        while let first = rest.first {
            let length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
            let piece = rest.prefix(length)
            if piece.count == length, String(validating: piece, as: UTF8.self) != nil {
                result += piece
                rest = rest.dropFirst(length)
            } else {
                result += [0xef, 0xbf, 0xbd]
                rest = rest.dropFirst()
            }
        }
        return result
    }
}
