import Foundation

/// JSON as repositories keep it.
enum JSONDocument {
    /// The one way in which documents of this kind of repository are written.
    static func text(of value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}
