import BackupModel

/// Keeps secrets out of commands, URLs, paths and every other plain value: those end up in argument lists, logs and history.
enum SecretUse {
    static func problems(in tree: YAMLNode, uses: [Interpolation.Use], variables: ProfileVariables) -> [ConfigProblem] {
        var references: [(name: String, location: SourceLocation, keyPath: String)] = []
        collect(tree, at: "", into: &references)
        let secrets = Set(references.map(\.name))
        var problems: [ConfigProblem] = []
        for use in uses {
            if secrets.contains(use.variable) || ProfileVariables.looksSecret(use.variable) {
                problems.append(
                    ConfigProblem(
                        at: use.location, keyPath: use.keyPath,
                        message:
                            "\(use.variable) holds a secret and may not become part of a plain value; refer to it as "
                            + "`env:\(use.variable)` under a key that takes a secret"))
            }
            if let doubt = use.doubt { problems.append(doubtful(use.variable, doubt, use.location, use.keyPath)) }
        }
        for reference in references {
            guard let doubt = variables[reference.name]?.doubt else { continue }
            problems.append(doubtful(reference.name, doubt, reference.location, reference.keyPath))
        }
        return problems
    }

    private static func doubtful(_ name: String, _ doubt: String, _ location: SourceLocation, _ keyPath: String)
        -> ConfigProblem
    {
        ConfigProblem(
            at: location, keyPath: keyPath,
            message:
                "the value of \(name) in its environment file \(doubt), which programs read differently; put it in single "
                + "quotes there")
    }

    private static func collect(
        _ node: YAMLNode, at keyPath: String,
        into references: inout [(name: String, location: SourceLocation, keyPath: String)]
    ) {
        switch node.content {
        case .scalar(let text, _):
            if text.hasPrefix("env:") { references.append((String(text.dropFirst(4)), node.location, keyPath)) }
        case .list(let nodes):
            for (index, node) in nodes.enumerated() { collect(node, at: "\(keyPath)[\(index)]", into: &references) }
        case .map(let entries):
            for entry in entries {
                collect(entry.value, at: keyPath.isEmpty ? entry.key : "\(keyPath).\(entry.key)", into: &references)
            }
        }
    }
}
