import BackupModel

/// JSON whose keys keep their order, so that what is generated is the same every time.
indirect enum JSON: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([(String, JSON)])

    init(_ value: ConfigValue) {
        self =
            switch value.content {
            case .null: .null
            case .boolean(let value): .boolean(value)
            case .integer(let value): .integer(value)
            case .number(let value): .number(value)
            case .string(let text): .string(text)
            case .list(let values): .array(values.map(JSON.init))
            case .map(let entries): .object(entries.map { ($0.key, JSON($0.value)) })
            }
    }

    static func == (left: JSON, right: JSON) -> Bool { left.text == right.text }

    /// On one line.
    var text: String { render(indent: nil) }
    /// Indented by two blanks, ending in a newline.
    var pretty: String { render(indent: 0) + "\n" }

    private func render(indent: Int?) -> String {
        let inner = indent.map { $0 + 2 }
        let separator = indent.map { ",\n" + String(repeating: " ", count: $0 + 2) } ?? ","
        let open = indent.map { "\n" + String(repeating: " ", count: $0 + 2) } ?? ""
        let close = indent.map { "\n" + String(repeating: " ", count: $0) } ?? ""
        switch self {
        case .null: return "null"
        case .boolean(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .number(let value): return value.isFinite ? String(value) : "null"
        case .string(let text): return JSON.quoted(text)
        case .array(let values):
            if values.isEmpty { return "[]" }
            return "[" + open + values.map { $0.render(indent: inner) }.joined(separator: separator) + close + "]"
        case .object(let entries):
            if entries.isEmpty { return "{}" }
            let colon = indent == nil ? ":" : ": "
            return "{" + open
                + entries.map { JSON.quoted($0) + colon + $1.render(indent: inner) }.joined(separator: separator)
                + close + "}"
        }
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _
            where scalar.value < 32 || (127...159).contains(scalar.value)
                || [0x2028, 0x2029, 0xfeff].contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
