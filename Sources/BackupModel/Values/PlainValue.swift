/// A value as JSON has it: what is handed to programs of the operator's and comes back from them.
package enum PlainValue: Sendable, Hashable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case list([PlainValue])
    case map([String: PlainValue])

    package init(_ value: ConfigValue) {
        self =
            switch value.content {
            case .null: .null
            case .boolean(let value): .boolean(value)
            case .integer(let value): .integer(value)
            case .number(let value): .number(value)
            case .string(let text): .text(text)
            case .list(let values): .list(values.map(PlainValue.init))
            case .map(let entries):
                .map(Dictionary(entries.map { ($0.key, PlainValue($0.value)) }) { first, _ in first })
            }
    }

    /// As a variable holds it: a list one element to a line. `nil` for null, for maps, and for lists that hold such.
    package var line: String? {
        switch self {
        case .null, .map: return nil
        case .boolean(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .number(let value): return String(value)
        case .text(let text): return text
        case .list(let values):
            let lines = values.compactMap(\.line)
            return lines.count == values.count ? lines.joined(separator: "\n") : nil
        }
    }

    package var entries: [String: PlainValue] { if case .map(let entries) = self { entries } else { [:] } }
}

extension PlainValue: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // A decoder does not say what it has: each type is tried, and the last one's error tells what is wrong.
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([PlainValue].self) {
            self = .list(value)
        } else {
            self = .map(try container.decode([String: PlainValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let value): try container.encode(value)
        case .map(let value): try container.encode(value)
        }
    }
}
