package import BackupModel

/// The JSON Schema of a profile, for editors and for whoever generates profiles.
/// - Source: https://json-schema.org/draft/2020-12 (draft 2020-12)
package enum ProfileSchema {
    /// A text with `${…}` in it may stand for any scalar: what it becomes is not known before it is filled in. What needs
    /// the whole profile, such as a reference to a repository, is left to `holdfast profile check`.
    package static func json(
        sources: [KindDescriptor], repositories: [KindDescriptor], notifiers: [KindDescriptor] = []
    ) -> String {
        var properties = ProfileKeys.common.map { key in
            key.name == "notify" ? (key.name, notify(key, notifiers)) : property(key)
        }
        for (name, kinds, common, summary) in [
            ("sources", sources, ProfileKeys.source, "What to capture."),
            ("repositories", repositories, ProfileKeys.repository, "Where snapshots live."),
        ] {
            properties.append((name, section(kinds, common, summary)))
        }
        let isWhole: JSON = .object([
            ("not", .object([("anyOf", .array([required(["extends"]), required(["abstract"])]))]))
        ])
        return JSON.object([
            ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
            ("title", .string("A holdfast profile")),
            ("type", .string("object")),
            ("properties", .object(properties)),
            ("additionalProperties", .boolean(false)),
            ("if", isWhole),
            (
                "then",
                .object([
                    ("required", .array([.string("sources"), .string("repositories")])),
                    (
                        "properties",
                        .object([("sources", complete(sources)), ("repositories", complete(repositories))])
                    ),
                ])
            ),
            (
                "$defs",
                .object(
                    [
                        ("filledIn", .object([("type", .string("string")), ("pattern", .string("\\$\\{"))])),
                        ("name", .object([("type", .string("string")), ("pattern", .string(namePattern))])),
                        ("hooks", orNull(hooks)),
                    ] + (notifiers.isEmpty ? [] : [("notifier", notifier(notifiers))]))
            ),
        ]).pretty
    }

    private static let namePattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
    private static let filledIn = JSON.object([("$ref", .string("#/$defs/filledIn"))])

    private static func required(_ keys: [String]) -> JSON { .object([("required", .array(keys.map(JSON.string)))]) }

    private static func property(_ key: KeyDescriptor) -> (String, JSON) {
        var description = key.summary
        if key.isIgnored { description += " Loads; this version does not act on it." }
        if let text = key.defaultText { description += " Default: \(text)." }
        // In three places, and long.
        if key.shape == hooks {
            return (key.name, .object([("description", .string(description)), ("$ref", .string("#/$defs/hooks"))]))
        }
        return (key.name, described(orNull(key.shape), description))
    }

    private static let hooks = ValueShape.list(.object(ProfileKeys.hook))

    /// Null takes away what a base said.
    private static func orNull(_ shape: ValueShape) -> JSON {
        if case .anything = shape { return schema(shape) }
        return .object([("anyOf", .array([schema(shape), .object([("type", .string("null"))])]))])
    }

    private static func described(_ schema: JSON, _ description: String) -> JSON {
        guard case .object(let entries) = schema else { return schema }
        return .object([("description", .string(description))] + entries)
    }

    /// Entries by name. That an entry is complete is asked only of profiles that extend no other.
    private static func section(_ kinds: [KindDescriptor], _ common: [KeyDescriptor], _ summary: String) -> JSON {
        let entry = JSON.object([
            ("type", .array([.string("object"), .string("null")])),
            ("properties", .object(properties(kinds, common))), ("additionalProperties", .boolean(false)),
        ])
        return .object([
            ("description", .string(summary)), ("type", .string("object")),
            ("propertyNames", .object([("$ref", .string("#/$defs/name"))])), ("additionalProperties", entry),
        ])
    }

    private static func properties(_ kinds: [KindDescriptor], _ common: [KeyDescriptor]) -> [(String, JSON)] {
        var properties = common.map(property)
        for kind in kinds {
            properties.append((kind.kind, described(orNull(kind.shape), kind.summary)))
            for key in kind.siblingKeys where !properties.contains(where: { $0.0 == key.name }) {
                properties.append(property(key))
            }
        }
        return properties
    }

    /// A list of entries, or one alone.
    private static func notify(_ key: KeyDescriptor, _ kinds: [KindDescriptor]) -> JSON {
        guard !kinds.isEmpty else { return property(key).1 }
        let entry = JSON.object([("$ref", .string("#/$defs/notifier"))])
        let list = JSON.object([("type", .string("array")), ("items", entry)])
        return described(.object([("anyOf", .array([list, entry]))]), key.summary)
    }

    /// Whatever is of none of the kinds may be of a later version's.
    private static func notifier(_ kinds: [KindDescriptor]) -> JSON {
        let known = kinds.map { kind in
            JSON.object([
                ("type", .string("object")), ("required", .array([.string(kind.kind)])),
                ("properties", .object(properties([kind], ProfileKeys.notifier))),
                ("additionalProperties", .boolean(false)),
            ])
        }
        let others = JSON.object([
            (
                "not",
                .object([("anyOf", .array([.object([("type", .string("array"))])] + kinds.map { required([$0.kind]) }))]
                )
            )
        ])
        return .object([("anyOf", .array(known + [others]))])
    }

    /// Exactly one kind, with the keys it needs.
    private static func complete(_ kinds: [KindDescriptor]) -> JSON {
        let choices = kinds.map { kind -> JSON in
            let needed = [kind.kind] + kind.siblingKeys.filter(\.isRequired).map(\.name)
            let inside = ShapeChecker.keys(in: kind.shape).filter(\.isRequired).map(\.name)
            var choice: [(String, JSON)] = [("required", .array(needed.map(JSON.string)))]
            if !inside.isEmpty {
                // `required` asks nothing of a value that is no map.
                choice.append(("properties", .object([(kind.kind, required(inside))])))
            }
            return .object(choice)
        }
        return .object([
            ("minProperties", .integer(1)), ("additionalProperties", .object([("oneOf", .array(choices))])),
        ])
    }

    static func schema(_ shape: ValueShape) -> JSON {
        switch shape {
        case .string: .object([("type", .array(["string", "number", "boolean"].map(JSON.string)))])
        case .path: .object([("type", .string("string")), ("minLength", .integer(1))])
        case .name: orFilledIn(.object([("$ref", .string("#/$defs/name"))]))
        case .boolean: orFilledIn(.object([("type", .string("boolean"))]))
        case .integer(let range):
            orFilledIn(
                .object(
                    [("type", .string("integer"))]
                        + (range.lowerBound > .min ? [("minimum", .integer(range.lowerBound))] : [])
                        + (range.upperBound < .max ? [("maximum", .integer(range.upperBound))] : [])))
        case .number(let range):
            orFilledIn(
                .object([
                    ("type", .string("number")), ("minimum", .number(range.lowerBound)),
                    ("maximum", .number(range.upperBound)),
                ]))
        case .duration: pattern("^([0-9]+[smhdw])+$")
        case .byteCount:
            .object([
                (
                    "anyOf",
                    .array([
                        .object([("type", .string("number")), ("minimum", .integer(0))]),
                        pattern("^[0-9.]+ *([KkMmGgTt]?([Ii]?[Bb])?)$"),
                    ])
                )
            ])
        case .calendarSpan: pattern("^([0-9]+[ymdh])+$")
        case .secret:
            .object([
                (
                    "anyOf",
                    .array([
                        pattern("^(env|file|credential):.+$"),
                        .object([
                            ("type", .string("object")),
                            ("properties", .object([("command", schema(.list(.string)))])),
                            ("required", .array([.string("command")])), ("additionalProperties", .boolean(false)),
                        ]),
                    ])
                )
            ])
        case .choice(let words): orFilledIn(.object([("enum", .array(words.map(JSON.string)))]))
        case .list(let element):
            .object([
                (
                    "anyOf",
                    .array([.object([("type", .string("array")), ("items", schema(element))]), schema(element)])
                )
            ])
        case .map(let value):
            .object([
                ("type", .string("object")), ("propertyNames", .object([("$ref", .string("#/$defs/name"))])),
                ("additionalProperties", schema(value)),
            ])
        case .dictionary(let value): .object([("type", .string("object")), ("additionalProperties", schema(value))])
        case .object(let keys):
            .object([
                ("type", .string("object")), ("properties", .object(keys.map(property))),
                ("additionalProperties", .boolean(false)),
            ])
        case .either(let shapes): .object([("anyOf", .array(shapes.map(schema)))])
        case .anything: .object([])
        }
    }

    private static func orFilledIn(_ schema: JSON) -> JSON { .object([("anyOf", .array([schema, filledIn]))]) }

    private static func pattern(_ pattern: String) -> JSON {
        orFilledIn(.object([("type", .string("string")), ("pattern", .string(pattern))]))
    }
}
