import BackupModel
import Foundation

/// How values are kept: keys in order, so that equal values are equal bytes; dates as seconds since 2001 in full precision
/// (what `Date` holds), so that what is read equals what was written.
enum StoredJSON {
    static func encode(_ value: some Encodable, path: String) throws(StoreError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value))
        } catch {
            throw .unusable(path: path, reason: "the record cannot be written as JSON: \(error)")
        }
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8], path: String) throws(StoreError)
        -> Value
    {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw .unusable(path: path, reason: "it is garbled and cannot be read")
        }
    }
}
