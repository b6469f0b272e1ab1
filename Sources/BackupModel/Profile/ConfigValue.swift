/// A place in a profile file, for messages. Lines and columns count from 1.
package struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var column: Int
    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }
    package var description: String { "\(file):\(line):\(column)" }
}

/// A value of a profile after parsing, inheritance and interpolation, with the place it came from. Kinds decode their own
/// settings from it; the loader has checked its shape by then.
package struct ConfigValue: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case null
        case boolean(Bool)
        case integer(Int64)
        case number(Double)
        case string(String)
        case list([ConfigValue])
        /// In the order of the file; keys are unique.
        case map([Entry])
    }

    package struct Entry: Sendable, Equatable {
        package var key: String
        package var keyLocation: SourceLocation
        package var value: ConfigValue
        package init(key: String, keyLocation: SourceLocation, value: ConfigValue) {
            self.key = key
            self.keyLocation = keyLocation
            self.value = value
        }
    }

    package var content: Content
    package var location: SourceLocation
    /// Where the value came from when it was not written at its location: `$NAME (environment)`, `default`. For people.
    package var origin: String?

    package init(_ content: Content, at location: SourceLocation, origin: String? = nil) {
        self.content = content
        self.location = location
        self.origin = origin
    }

    /// The value under `key` of a map; `nil` when there is none or it is null.
    package subscript(_ key: String) -> ConfigValue? {
        guard case .map(let entries) = content, let value = entries.first(where: { $0.key == key })?.value,
            value.content != .null
        else { return nil }
        return value
    }

    /// A map with another text under `key`; anything else is itself.
    package func setting(_ key: String, to text: String) -> ConfigValue {
        guard case .map(let entries) = content else { return self }
        var result = self
        let entry = Entry(key: key, keyLocation: location, value: ConfigValue(.string(text), at: location))
        result.content = .map(entries.filter { $0.key != key } + [entry])
        return result
    }

    package var entries: [Entry] {
        if case .map(let entries) = content { entries } else { [] }
    }

    /// The elements of a list; a single scalar stands for a list of one.
    package var elements: [ConfigValue] {
        switch content {
        case .list(let values): values
        case .null: []
        case .boolean, .integer, .number, .string, .map: [self]
        }
    }

    /// Text of a scalar: `true`, `7`, `daily 02:00`.
    package var text: String? {
        switch content {
        case .string(let text): text
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .boolean(let value): value ? "true" : "false"
        case .null, .list, .map: nil
        }
    }

    package var boolean: Bool? { if case .boolean(let value) = content { value } else { nil } }
    package var integer: Int64? { if case .integer(let value) = content { value } else { nil } }
    package var strings: [String] { elements.compactMap(\.text) }
    /// As ``ValueShape/duration`` reads it.
    package var duration: Duration? { text.flatMap(Duration.init(profileText:)) }
    /// As ``ValueShape/byteCount`` reads it.
    package var byteCount: ByteCount? { text.flatMap(ByteCount.init(profileText:)) }
    /// As ``ValueShape/secret`` reads it.
    package var secret: SecretReference? { SecretReference(self) }
}

extension Duration {
    /// `90s`, `10m`, `26h`, `8d`, `2w`, or sums such as `1h30m`; `nil` for anything else.
    package init?(profileText text: String) {
        var total = 0
        var number: Int?
        for character in text {
            if let digit = character.wholeNumberValue, character.isASCII {
                guard (number ?? 0) < 100_000_000 else { return nil }
                number = (number ?? 0) * 10 + digit
            } else {
                guard let value = number,
                    let unit = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800][character]
                else { return nil }
                total += value * unit
                number = nil
            }
        }
        guard number == nil, !text.isEmpty else { return nil }
        self = .seconds(total)
    }

    /// In seconds, for arithmetic with dates.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

extension ByteCount {
    /// `500`, `10K`, `64MiB`, `1.5G`, `2 TB`: units are powers of 1024, case does not matter; `nil` for anything else.
    package init?(profileText text: String) {
        let trimmed = text.filter { $0 != " " }.lowercased()
        let number = trimmed.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let value = Double(number), value.isFinite, value >= 0 else { return nil }
        let shifts = ["": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40]
        var unit = String(trimmed.dropFirst(number.count))
        for suffix in ["ib", "b"] where unit.count > 1 && unit.hasSuffix(suffix) { unit.removeLast(suffix.count) }
        guard let shift = shifts[unit] else { return nil }
        let bytes = value * Double(1 << shift)
        guard bytes < 9e18 else { return nil }
        self.init(Int64(bytes))
    }
}

extension SecretReference {
    /// `env:NAME`, `file:PATH`, `credential:NAME`, or a map `command: [argv…]`; `nil` for anything else.
    package init?(_ value: ConfigValue) {
        if let command = value["command"] {
            guard case .list = command.content, !command.strings.isEmpty else { return nil }
            self = .command(command.strings)
            return
        }
        guard case .string(let text) = value.content, let colon = text.firstIndex(of: ":") else { return nil }
        let rest = String(text[text.index(after: colon)...])
        guard !rest.isEmpty else { return nil }
        switch text[..<colon] {
        case "env": self = .environment(rest)
        case "file": self = .file(rest)
        case "credential": self = .credential(rest)
        default: return nil
        }
    }
}
