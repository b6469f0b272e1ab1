import BackupModel

/// Decides every `when:` and takes away what it switches off, before anything else is filled in.
struct Conditions {
    private let variables: ProfileVariables
    private(set) var problems: [ConfigProblem] = []
    /// `repositories.offsite`
    private(set) var disabled: [String] = []

    init(_ variables: ProfileVariables) { self.variables = variables }

    mutating func apply(to root: YAMLNode) -> YAMLNode {
        var root = root
        guard case .map(var sections) = root.content else { return root }
        for index in sections.indices {
            let name = sections[index].key
            switch (name, sections[index].value.content) {
            case ("sources", .map(let entries)), ("repositories", .map(let entries)):
                sections[index].value.content = .map(
                    entries.compactMap { entry in
                        var entry = entry
                        guard decide(&entry.value, at: "\(name).\(shown(entry.key))") else { return nil }
                        decideHooks(of: &entry.value, at: "\(name).\(shown(entry.key)).hooks")
                        return entry
                    })
            case ("hooks", .list(let elements)), ("notify", .list(let elements)):
                sections[index].value.content = .list(decide(elements, at: name))
            case ("hooks", .map), ("notify", .map):
                if !decide(&sections[index].value, at: name) { sections[index].value.content = .list([]) }
            default: break
            }
        }
        root.content = .map(sections)
        return root
    }

    private mutating func decide(_ elements: [YAMLNode], at path: String) -> [YAMLNode] {
        elements.enumerated().compactMap { index, element in
            var element = element
            return decide(&element, at: "\(path)[\(index)]") ? element : nil
        }
    }

    /// Those of a source or a repository.
    private mutating func decideHooks(of entry: inout YAMLNode, at path: String) {
        guard case .map(var keys) = entry.content, let index = keys.firstIndex(where: { $0.key == "hooks" }) else {
            return
        }
        switch keys[index].value.content {
        case .list(let elements): keys[index].value.content = .list(decide(elements, at: path))
        case .map: if !decide(&keys[index].value, at: path) { keys[index].value.content = .list([]) }
        case .scalar: return
        }
        entry.content = .map(keys)
    }

    /// A condition that holds becomes `true`: what it was made of may be nobody's business.
    private mutating func decide(_ entry: inout YAMLNode, at path: String) -> Bool {
        guard case .map(var keys) = entry.content, let index = keys.firstIndex(where: { $0.key == "when" }) else {
            return true
        }
        let when = keys[index].value
        guard case .scalar = when.content else {
            problems.append(
                ConfigProblem(
                    at: when.location, keyPath: "\(path).when",
                    message: "wants a text such as `${NAME:+yes}`, not \(when.kindInWords)"))
            return true
        }
        var interpolation = Interpolation(variables)
        interpolation.toleratesUnset = true
        let resolved = interpolation.resolve(when, at: "\(path).when")
        problems += interpolation.problems
        guard interpolation.problems.isEmpty, case .scalar(let text, _) = resolved.content else { return true }
        let isOff = resolved.isNull || ["", "false", "0", "no"].contains(text.lowercased().filter { $0 != " " })
        if isOff {
            disabled.append(path)
            return false
        }
        keys[index].value = YAMLNode(.scalar("true", isPlain: true), at: when.location, origin: resolved.origin)
        entry.content = .map(keys)
        return true
    }
}
