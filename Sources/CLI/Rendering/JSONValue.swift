import BackupModel
import Foundation

/// A JSON document built by hand, so that the keys of `--json` are written where they can be read, stay in order, and do
/// not change when a type inside the program does.
indirect enum JSONValue: Sendable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    init(_ value: String?) { self = value.map(JSONValue.string) ?? .null }
    init(_ value: Bool) { self = .boolean(value) }
    init(_ value: Int?) { self = value.map { .integer(Int64($0)) } ?? .null }
    init(_ value: Int64?) { self = value.map(JSONValue.integer) ?? .null }
    init(_ value: ByteCount?) { self = value.map { .integer($0.bytes) } ?? .null }
    /// RFC 3339, UTC.
    init(_ value: Date?) { self = value.map { .string(Timestamp.format($0)) } ?? .null }
    /// Seconds, to the millisecond.
    init(_ value: Duration?) { self = value.map { .number(($0.inSeconds * 1000).rounded() / 1000) } ?? .null }
    init(_ values: [String]) { self = .array(values.map(JSONValue.string)) }
    init(_ values: [String: String]) {
        self = .object(values.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
    }

    /// - Parameter indented: over several lines for people; otherwise one line.
    func text(indented: Bool = false) -> String {
        var text = ""
        write(to: &text, indent: indented ? 0 : nil)
        return text
    }

    private func write(to text: inout String, indent: Int?) {
        switch self {
        case .null: text += "null"
        case .boolean(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value):
            text +=
                value.isFinite
                ? (value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)) : "null"
        case .string(let value): JSONValue.quote(value, to: &text)
        case .array(let values):
            JSONValue.block("[", "]", values, to: &text, indent: indent) { value, text, inner in
                value.write(to: &text, indent: inner)
            }
        case .object(let entries):
            JSONValue.block("{", "}", entries, to: &text, indent: indent) { entry, text, inner in
                JSONValue.quote(entry.0, to: &text)
                text += indent == nil ? ":" : ": "
                entry.1.write(to: &text, indent: inner)
            }
        }
    }

    private static func block<Element>(
        _ open: String, _ close: String, _ elements: [Element], to text: inout String, indent: Int?,
        _ body: (Element, inout String, Int?) -> Void
    ) {
        text += open
        let inner = indent.map { $0 + 2 }
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            if let inner { text += "\n" + String(repeating: " ", count: inner) }
            body(element, &text, inner)
        }
        if let indent, !elements.isEmpty { text += "\n" + String(repeating: " ", count: indent) }
        text += close
    }

    private static func quote(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7f {
                    let digits = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
    }
}
