import BackupModel

/// A value as it stands in a file: scalars still as text, with the place each came from. What type a scalar has is decided
/// late, because `${…}` in it is replaced first and because some keys want the text as it was written.
struct YAMLNode: Sendable, Equatable {
    indirect enum Content: Sendable, Equatable {
        /// `isPlain` is false for quoted and block scalars, which are always strings.
        case scalar(String, isPlain: Bool)
        case list([YAMLNode])
        /// In the order of the file; keys are unique.
        case map([Entry])
    }

    struct Entry: Sendable, Equatable {
        var key: String
        var keyLocation: SourceLocation
        var value: YAMLNode
    }

    var content: Content
    var location: SourceLocation
    /// Where the text came from when it was not written here: `$NAME (environment)`.
    var origin: String?

    init(_ content: Content, at location: SourceLocation, origin: String? = nil) {
        self.content = content
        self.location = location
        self.origin = origin
    }

    /// The entry's value; `nil` when there is none or it is null.
    subscript(_ key: String) -> YAMLNode? {
        guard let value = entries.first(where: { $0.key == key })?.value, !value.isNull else { return nil }
        return value
    }

    var entries: [Entry] {
        if case .map(let entries) = content { entries } else { [] }
    }

    /// The elements of a list; a single value stands for a list of one.
    var elements: [YAMLNode] {
        if case .list(let nodes) = content { nodes } else { isNull ? [] : [self] }
    }

    var text: String? {
        if case .scalar(let text, _) = content, !isNull { text } else { nil }
    }

    var isNull: Bool {
        if case .scalar(let text, isPlain: true) = content { CoreSchema.resolve(text) == .null } else { false }
    }

    /// What it is, for messages: `a list`.
    var kindInWords: String {
        switch content {
        case .map: "a map"
        case .list: "a list"
        case .scalar(let text, let isPlain):
            switch isPlain ? CoreSchema.resolve(text) : .string(text) {
            case .null: "nothing"
            case .boolean: "a boolean"
            case .integer: "an integer"
            case .number: "a number"
            case .string, .list, .map: "a string"
            }
        }
    }
}
