import BackupModel

/// Writes values as YAML that this program reads back to the same values.
enum YAMLText {
    /// Lines of a map or list; each scalar is followed by a comment that says where it came from.
    static func write(_ value: ConfigValue, indent: Int, into lines: inout [String]) {
        let margin = String(repeating: " ", count: indent)
        for entry in value.entries {
            write(entry.value, after: margin + key(entry.key) + ":", indent: indent + 2, into: &lines)
        }
        if case .list(let values) = value.content {
            for value in values { write(value, after: margin + "-", indent: indent + 2, into: &lines) }
        }
    }

    private static func write(_ value: ConfigValue, after start: String, indent: Int, into lines: inout [String]) {
        switch value.content {
        case .map(let entries) where entries.isEmpty: lines.append("\(start) {}")
        case .list(let values) where values.isEmpty: lines.append("\(start) []")
        case .map, .list:
            lines.append(start)
            write(value, indent: indent, into: &lines)
        case .null: lines.append("\(start) null")
        case .boolean, .integer, .number, .string:
            lines.append("\(start) \(scalar(value.content))  # \(origin(of: value))")
        }
    }

    static func origin(of value: ConfigValue) -> String {
        value.origin.map { shown($0, limit: 400) } ?? "\(shown(value.location.file, limit: 400)):\(value.location.line)"
    }

    static func scalar(_ content: ConfigValue.Content) -> String {
        switch content {
        case .string(let text): string(text)
        case .boolean, .integer, .number, .null, .list, .map:
            JSON(ConfigValue(content, at: SourceLocation(file: "", line: 1, column: 1))).text
        }
    }

    /// Plain where that is safe, else in double quotes.
    static func string(_ text: String) -> String {
        let literal = text.contains("${") || text.contains("$$") ? text.replacing("$", with: "$$") : text
        let isPlain =
            literal.utf8.first.map { ($0 | 32 >= 97 && $0 | 32 <= 122) || $0 == 47 || ($0 >= 48 && $0 <= 57) } ?? false
            && literal.utf8.allSatisfy {
                (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
                    || [43, 45, 46, 47, 95, 64, 37, 61].contains($0)
            }
        if isPlain, case .string = CoreSchema.resolve(literal) { return literal }
        // `env:NAME`, `s3:host/bucket`: a colon is plain when no blank follows it.
        let parts = literal.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count > 1, parts.allSatisfy({ !$0.isEmpty && string(String($0)) == $0 }) { return literal }
        return JSON.quoted(literal)
    }

    private static func key(_ text: String) -> String { string(text) }
}
