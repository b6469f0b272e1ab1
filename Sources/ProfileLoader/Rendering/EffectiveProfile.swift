package import BackupModel

/// A profile as it took effect: bases merged, variables filled in, defaults shown, every value with where it came from.
/// Secrets never were in it; what looks like one all the same is redacted.
package struct EffectiveProfile: Sendable {
    package var name: ProfileName
    package var path: String
    /// Every file it was made of, its own first.
    package var files: [String]
    /// As it was checked, without defaults.
    package var root: ConfigValue
    package var disabled: [String]
    package var ignored: [String]
    let sources: [KindDescriptor]
    let repositories: [KindDescriptor]
    let notifiers: [KindDescriptor]

    /// A profile that loads to the same, with a comment behind each value: `# /etc/…/base.yaml:12`, `# $BACKUP_KEEP_DAILY
    /// (environment)`, `# default`.
    package var yaml: String {
        var lines = [
            "# The profile \(name) as it takes effect, from \(files.map { shown($0, limit: 400) }.joined(separator: ", "))"
        ]
        for path in disabled { lines.append("# switched off by its `when:`: \(path)") }
        for path in ignored { lines.append("# loads, and this version does not act on it: \(path)") }
        YAMLText.write(shownTree, indent: 0, into: &lines)
        return lines.joined(separator: "\n") + "\n"
    }

    /// For another machine: what depends on this one's environment files is filled in, the host keeps its name, and what would start
    /// or tell others (hooks, notifications, metrics, log) is there as comment.
    /// - Parameter places: where repositories are by their names, where a variable of this machine has a say in it.
    package func portable(host: String, places: [String: String]) -> String {
        guard case .map(var entries) = shownTree.content else { return yaml }
        entries.removeAll { $0.key == "environment-files" || $0.key == "host" }
        let place = root.location
        entries.insert(
            ConfigValue.Entry(key: "host", keyLocation: place, value: ConfigValue(.string(host), at: place)),
            at: entries.first?.key == "profile" ? 1 : 0)
        for index in entries.indices where entries[index].key == "repositories" {
            entries[index].value = EffectiveProfile.placed(entries[index].value, places)
        }
        let others: Set = ["hooks", "resources", "notify", "metrics", "log", "state", "scratch", "cache"]
        var lines = [
            "# The profile \(name) as it was on \(shown(host)). Secrets are where it says: env:NAME is a variable to be set."
        ]
        YAMLText.write(tree(entries.filter { !others.contains($0.key) }), indent: 0, into: &lines)
        var left: [String] = []
        YAMLText.write(tree(entries.filter { others.contains($0.key) }), indent: 0, into: &left)
        if entries.contains(where: { others.contains($0.key) }) { lines += left.map { "# " + $0 } }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Repositories at their places.
    private static func placed(_ repositories: ConfigValue, _ places: [String: String]) -> ConfigValue {
        guard case .map(var entries) = repositories.content else { return repositories }
        for index in entries.indices {
            guard let place = places[entries[index].key] else { continue }
            let entry = entries[index].value
            for kind in ["restic", "archive"] {
                guard let own = entry[kind] else { continue }
                if own.text != nil {
                    entries[index].value = entry.replacing(kind, with: ConfigValue(.string(place), at: own.location))
                }
                if own["location"] != nil {
                    let inner = own.replacing("location", with: ConfigValue(.string(place), at: own.location))
                    entries[index].value = entry.replacing(kind, with: inner)
                }
            }
        }
        return ConfigValue(.map(entries), at: repositories.location)
    }

    private func tree(_ entries: [ConfigValue.Entry]) -> ConfigValue { ConfigValue(.map(entries), at: root.location) }

    /// `values`, and under `origins` where each of its scalars came from, by key path.
    package var json: String {
        let tree = shownTree
        var origins: [(String, JSON)] = []
        EffectiveProfile.collect(tree, path: "", into: &origins)
        return JSON.object([
            ("profile", .string(name.rawValue)), ("path", .string(path)), ("files", .array(files.map(JSON.string))),
            ("disabled", .array(disabled.map(JSON.string))), ("ignored", .array(ignored.map(JSON.string))),
            ("values", JSON(tree)), ("origins", .object(origins)),
        ]).pretty
    }

    private static func collect(_ value: ConfigValue, path: String, into origins: inout [(String, JSON)]) {
        switch value.content {
        case .map(let entries):
            for entry in entries {
                collect(entry.value, path: path.isEmpty ? entry.key : "\(path).\(entry.key)", into: &origins)
            }
        case .list(let values):
            for (index, value) in values.enumerated() { collect(value, path: "\(path)[\(index)]", into: &origins) }
        case .null: break
        case .boolean, .integer, .number, .string: origins.append((path, .string(YAMLText.origin(of: value))))
        }
    }

    // MARK: Defaults and redaction

    private var shownTree: ConfigValue {
        var tree = EffectiveProfile.filled(root, ProfileKeys.common)
        guard case .map(var entries) = tree.content else { return tree }
        for index in entries.indices {
            if entries[index].key == "notify", case .list(let members) = entries[index].value.content {
                entries[index].value.content = .list(members.map { filled($0, notifiers, ProfileKeys.notifier) })
                continue
            }
            let (kinds, common) =
                switch entries[index].key {
                case "sources": (sources, ProfileKeys.source)
                case "repositories": (repositories, ProfileKeys.repository)
                default: ([KindDescriptor](), [KeyDescriptor]())
                }
            guard !kinds.isEmpty, case .map(var members) = entries[index].value.content else { continue }
            for member in members.indices {
                members[member].value = filled(members[member].value, kinds, common)
            }
            entries[index].value.content = .map(members)
        }
        // Its name leads, and what it extended is in it already.
        let name = entries.filter { $0.key == "profile" }
        tree.content = .map(name + entries.filter { $0.key != "profile" && $0.key != "extends" })
        return Redaction.redacted(tree, key: "")
    }

    /// An entry with the defaults of its kind; one of no kind as it is.
    private func filled(_ entry: ConfigValue, _ kinds: [KindDescriptor], _ common: [KeyDescriptor]) -> ConfigValue {
        guard let kind = kinds.first(where: { entry[$0.kind] != nil }) else { return entry }
        let keys = common + [KeyDescriptor(kind.kind, kind.shape, kind.summary)] + kind.siblingKeys
        return EffectiveProfile.filled(entry, keys)
    }

    /// The map with the defaults of the keys that it lacks.
    private static func filled(_ value: ConfigValue, _ keys: [KeyDescriptor]) -> ConfigValue {
        guard case .map(var entries) = value.content else { return value }
        for index in entries.indices {
            guard let key = keys.first(where: { $0.name == entries[index].key }) else { continue }
            entries[index].value = filled(entries[index].value, ShapeChecker.keys(in: key.shape))
        }
        for key in keys where !key.isIgnored && key.name != "when" && value[key.name] == nil {
            guard let text = key.defaultText else { continue }
            let node = YAMLNode(.scalar(text, isPlain: true), at: value.location)
            // A default that is described rather than named, such as the machine's host name, is no value.
            guard !text.contains(" "), let content = ShapeChecker.typedScalar(node, as: key.shape) else { continue }
            entries.append(
                ConfigValue.Entry(
                    key: key.name, keyLocation: value.location,
                    value: ConfigValue(content, at: value.location, origin: "default")))
        }
        var value = value
        value.content = .map(entries)
        return value
    }
}

extension ConfigValue {
    /// A map with another value under a key that it has, in its place.
    fileprivate func replacing(_ key: String, with value: ConfigValue) -> ConfigValue {
        guard case .map(var entries) = content else { return self }
        for index in entries.indices where entries[index].key == key { entries[index].value = value }
        return ConfigValue(.map(entries), at: location, origin: origin)
    }
}

/// Blots out what looks like a secret.
enum Redaction {
    static let mark = "‹redacted›"

    static func redacted(_ value: ConfigValue, key: String) -> ConfigValue {
        var value = value
        switch value.content {
        case .map(let entries):
            value.content = .map(
                entries.map {
                    ConfigValue.Entry(key: $0.key, keyLocation: $0.keyLocation, value: redacted($0.value, key: $0.key))
                })
        case .list(let values): value.content = .list(values.map { redacted($0, key: key) })
        case .string(let text):
            let isReference = SecretReference(value) != nil
            let variables = (value.origin ?? "").split(separator: " ").filter { $0.hasPrefix("$") }.map {
                String($0.dropFirst())
            }
            let isSecret = ([key.replacing("-", with: "_")] + variables).contains(where: ProfileVariables.looksSecret)
            value.content = .string(isSecret && !isReference && !text.hasPrefix("/") ? mark : withoutPassword(text))
        case .null, .boolean, .integer, .number: break
        }
        return value
    }

    /// `rest:https://user:pass@host/` with its password blotted out.
    static func withoutPassword(_ text: String) -> String {
        guard let range = passwordRange(in: text) else { return text }
        return text[..<range.lowerBound] + mark + text[range.upperBound...]
    }

    static func passwordRange(in text: String) -> Range<String.Index>? {
        guard let scheme = text.firstRange(of: "://") else { return nil }
        let authority = text[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else {
            return nil
        }
        let start = authority.index(after: colon)
        return start < at ? start..<at : nil
    }
}
