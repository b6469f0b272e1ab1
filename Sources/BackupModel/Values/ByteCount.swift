/// A number of bytes. Prints in binary units: `1.5 GiB`.
package struct ByteCount: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByIntegerLiteral {
    package var bytes: Int64

    package init(_ bytes: Int64) { self.bytes = bytes }
    package init(integerLiteral value: Int64) { bytes = value }

    package static let zero = ByteCount(0)
    package static func kibibytes(_ count: Int64) -> ByteCount { ByteCount(count << 10) }
    package static func mebibytes(_ count: Int64) -> ByteCount { ByteCount(count << 20) }
    package static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }
    package static func + (left: Self, right: Self) -> ByteCount { ByteCount(left.bytes &+ right.bytes) }
    package static func += (left: inout Self, right: Self) { left = left + right }

    package var description: String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var value = Double(bytes.magnitude)
        var index = 0
        while value >= 1024, index < units.count - 1 {
            value /= 1024
            index += 1
        }
        let sign = bytes < 0 ? "-" : ""
        guard index > 0 else { return "\(sign)\(bytes.magnitude) B" }
        let tenths = Int((value * 10).rounded())
        return "\(sign)\(tenths / 10).\(tenths % 10) \(units[index])"
    }
}

extension ByteCount: Codable {
    package init(from decoder: any Decoder) throws { bytes = try decoder.singleValueContainer().decode(Int64.self) }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }
}
