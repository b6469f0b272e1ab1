import BackupModel

/// Shapes in words, for messages and for the reference.
enum ShapeWords {
    /// `a duration such as `26h``
    static func wanted(_ shape: ValueShape) -> String {
        switch shape {
        case .string: "a text"
        case .path: "a path"
        case .name: "a name of letters, digits, `.`, `_` and `-`"
        case .boolean: "`true` or `false`"
        case .integer(let range): "an integer \(span(range.lowerBound, range.upperBound, Int64.min, Int64.max))"
        case .number(let range):
            "a number \(span(range.lowerBound, range.upperBound, -.greatestFiniteMagnitude, .greatestFiniteMagnitude))"
        case .duration: "a duration such as `90s`, `10m`, `26h` or `8d`"
        case .byteCount: "a size such as `64MiB` or `1.5G`"
        case .calendarSpan: "a span such as `14d` or `1y6m`"
        case .secret: "a secret's place: `env:NAME`, `file:/path`, `credential:NAME` or `{ command: [program, …] }`"
        case .choice(let words): "one of " + listed(words.map { "`\($0)`" }, "or")
        case .list(let element): "a list of " + plural(element)
        case .map(let value): "a map from names to " + plural(value)
        case .dictionary(let value): "a map to " + plural(value)
        case .object: "a map of keys"
        case .either(let shapes): listed(shapes.map(wanted), "or")
        case .anything: "anything"
        }
    }

    private static func plural(_ shape: ValueShape) -> String {
        switch shape {
        case .string: "texts"
        case .path: "paths"
        case .name: "names"
        case .secret: "secrets' places"
        case .object: "maps"
        case .either([.secret, .string]): "texts or secrets' places"
        case .boolean, .integer, .number, .duration, .byteCount, .calendarSpan, .choice, .list, .map, .dictionary,
            .either,
            .anything:
            "values, each \(wanted(shape))"
        }
    }

    private static func span<Value: Comparable>(_ low: Value, _ high: Value, _ lowest: Value, _ highest: Value)
        -> String
    {
        switch (low == lowest, high == highest) {
        case (true, true): "of any size"
        case (false, true): "from \(low) up"
        case (true, false): "up to \(high)"
        case (false, false): "from \(low) to \(high)"
        }
    }
}
