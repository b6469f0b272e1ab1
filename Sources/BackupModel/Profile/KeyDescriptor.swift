/// The form a value must have. From it come the validator's messages, the JSON Schema and the reference in `docs/`.
package indirect enum ValueShape: Sendable, Equatable {
    case string
    /// Absolute, `~/…`, or relative to the profile's folder; the loader makes it absolute.
    case path
    /// A name as ``CheckedName`` has it.
    case name
    case boolean
    case integer(ClosedRange<Int64>)
    case number(ClosedRange<Double>)
    /// `90s`, `10m`, `26h`, `8d`, `2w`
    case duration
    /// `64MiB`, `1.5G`
    case byteCount
    /// As ``CalendarSpan`` has it: `1y6m`.
    case calendarSpan
    case secret
    case choice([String])
    /// A list; a single element may stand without brackets.
    case list(ValueShape)
    /// A map with free keys, each a name.
    case map(ValueShape)
    /// A map with free keys of any spelling, such as environment variables.
    case dictionary(ValueShape)
    case object([KeyDescriptor])
    /// The first that fits by its type.
    case either([ValueShape])
    /// Taken as it is; for keys that a later version acts on.
    case anything
}

/// One key of a profile: described once, here, by the kind that owns it.
package struct KeyDescriptor: Sendable, Equatable {
    package var name: String
    package var shape: ValueShape
    package var summary: String
    /// As it would be written; `nil` when leaving it out means that nothing is set.
    package var defaultText: String?
    package var isRequired: Bool
    /// True for a key that loads but that this version does not act on: every run says so.
    package var isIgnored: Bool
    /// A secret may never be interpolated here, nor a value from the environment that looks like one.
    package var refusesSecrets: Bool

    package init(
        _ name: String, _ shape: ValueShape, _ summary: String, default defaultText: String? = nil,
        required: Bool = false, ignored: Bool = false, refusesSecrets: Bool = false
    ) {
        self.name = name
        self.shape = shape
        self.summary = summary
        self.defaultText = defaultText
        isRequired = required
        isIgnored = ignored
        self.refusesSecrets = refusesSecrets
    }
}

/// A kind of source, repository, notifier …: its name in a profile, its keys, and an example that must load.
package struct KindDescriptor: Sendable {
    /// The key that names the kind, as in `postgres: {…}`.
    package var kind: String
    package var summary: String
    /// What the value under the kind's key looks like: usually `.object(…)`, or `.either([.path, .object(…)])`.
    package var shape: ValueShape
    /// Keys that stand beside the kind's key (`password:` beside `restic:`).
    package var siblingKeys: [KeyDescriptor]
    /// YAML of one whole entry, such as `postgres: { database: app }`.
    package var example: String
    /// What who writes such an entry should know; said with every check of a profile, and no problem.
    package var note: String?
    /// Why no other can follow a repository of this kind; `nil` where one can.
    package var cannotLead: String?
    /// Checks what the shape cannot say (one of two keys, a name that needs another). Gets the whole entry.
    package var check: @Sendable (ConfigValue) -> [ConfigProblem]

    package init(
        kind: String, summary: String, shape: ValueShape, siblingKeys: [KeyDescriptor] = [], example: String,
        note: String? = nil, cannotLead: String? = nil,
        check: @escaping @Sendable (ConfigValue) -> [ConfigProblem] = { _ in [] }
    ) {
        self.kind = kind
        self.summary = summary
        self.shape = shape
        self.siblingKeys = siblingKeys
        self.example = example
        self.note = note
        self.cannotLead = cannotLead
        self.check = check
    }
}

/// One thing wrong with a profile.
package struct ConfigProblem: Sendable, Equatable, CustomStringConvertible {
    package var location: SourceLocation
    /// `sources.db.postgres.databse`; empty when the whole file is meant.
    package var keyPath: String
    package var message: String
    /// The nearest valid key or value, where one is near.
    package var suggestion: String?

    package init(at location: SourceLocation, keyPath: String, message: String, suggestion: String? = nil) {
        self.location = location
        self.keyPath = keyPath
        self.message = message
        self.suggestion = suggestion
    }

    package var description: String {
        "\(location): " + (keyPath.isEmpty ? "" : "\(keyPath): ") + message
            + (suggestion.map { " (did you mean `\($0)`?)" } ?? "")
    }
}
