import BackupModel

/// The types of plain scalars by YAML 1.2's core schema: `yes`, `on` and `1:30` are strings, `0o17` and `0x1f` are integers.
/// - Source: https://yaml.org/spec/1.2.2/#1032-tag-resolution (revision 1.2.2). Departs from it in one place: digits behind a
///   leading zero (`08`, `007`) are a string there is no doubt about, not a decimal integer.
enum CoreSchema {
    static func resolve(_ text: String) -> ConfigValue.Content {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .boolean(true)
        case "false", "False", "FALSE": return .boolean(false)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN":
            // No key of a profile has a use for them, and JSON cannot say them.
            return .string(text)
        default: return number(text) ?? .string(text)
        }
    }

    private static func number(_ text: String) -> ConfigValue.Content? {
        guard let first = text.utf8.first, text.utf8.count <= 40,
            first == 43 || first == 45 || first == 46 || isDigit(first)
        else { return nil }
        if text.hasPrefix("0o") { return Int64(text.dropFirst(2), radix: 8).map { .integer($0) } }
        if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16).map { .integer($0) } }
        let digits = first == 43 || first == 45 ? text.utf8.dropFirst() : text.utf8[...]
        if digits.count > 1, digits.first == 48, let second = digits.dropFirst().first, isDigit(second) { return nil }
        if !digits.isEmpty, digits.allSatisfy(isDigit) { return Int64(text).map { .integer($0) } }
        return isDecimal(digits) ? Double(text).flatMap { $0.isFinite ? .number($0) : nil } : nil
    }

    /// `1.`, `.5`, `1.5e-3`, `2e8`
    private static func isDecimal(_ bytes: Substring.UTF8View) -> Bool {
        var rest = bytes
        let whole = rest.prefix(while: isDigit).count
        rest = rest.dropFirst(whole)
        var fraction = 0
        if rest.first == 46 {
            rest = rest.dropFirst()
            fraction = rest.prefix(while: isDigit).count
            rest = rest.dropFirst(fraction)
        }
        guard whole + fraction > 0 else { return false }
        if let mark = rest.first, mark == 101 || mark == 69 {
            rest = rest.dropFirst()
            if let sign = rest.first, sign == 43 || sign == 45 { rest = rest.dropFirst() }
            return !rest.isEmpty && rest.allSatisfy(isDigit)
        }
        return rest.isEmpty
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
}
