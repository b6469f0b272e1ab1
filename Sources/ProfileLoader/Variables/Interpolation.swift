import BackupModel

/// Replaces `${…}` in the scalars of a parsed profile, never in its text.
///
/// `${NAME}`, `${NAME:-default}`, `${NAME:+value}`, `${NAME:?message}`; `$$` is one `$`. What follows the operator may contain
/// further `${…}`. Values are not looked through again. Empty counts as unset.
struct Interpolation {
    static let maximumDepth = 8
    static let maximumBytes = 64 << 10

    /// One place where a variable's value went into the profile.
    struct Use: Sendable {
        var variable: String
        var location: SourceLocation
        var keyPath: String
        var doubt: String?
    }

    let variables: ProfileVariables
    /// An unset variable stands for nothing instead of being an error; for `when:`.
    var toleratesUnset = false
    private(set) var problems: [ConfigProblem] = []
    private(set) var uses: [Use] = []
    private var totalBytes = 0
    private var origins: [String] = []

    init(_ variables: ProfileVariables) { self.variables = variables }

    mutating func resolve(_ node: YAMLNode, at keyPath: String) -> YAMLNode {
        var node = node
        switch node.content {
        case .scalar(let text, let isPlain):
            guard text.contains("$") else { break }
            origins = []
            let replaced = replace(text[...], node.location, keyPath, depth: 0)
            totalBytes += replaced.utf8.count
            if replaced.utf8.count > Self.maximumBytes || totalBytes > YAMLReader.maximumBytes * 2 {
                refuse(
                    node.location, keyPath,
                    "the value grows beyond \(Self.maximumBytes >> 10) KiB by what is put in for its variables")
                return node
            }
            node.content = .scalar(replaced, isPlain: isPlain)
            if !origins.isEmpty { node.origin = origins.joined(separator: ", ") }
        case .list(let elements):
            node.content = .list(elements.enumerated().map { resolve($1, at: "\(keyPath)[\($0)]") })
        case .map(let entries):
            node.content = .map(
                entries.map { entry in
                    var entry = entry
                    entry.value = resolve(entry.value, at: keyPath.isEmpty ? entry.key : "\(keyPath).\(entry.key)")
                    return entry
                })
        }
        return node
    }

    private mutating func replace(_ text: Substring, _ location: SourceLocation, _ keyPath: String, depth: Int)
        -> String
    {
        var result = ""
        var rest = text
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.first == "{" {
                guard let end = closingBrace(of: rest) else {
                    refuse(location, keyPath, "the `${` in it is not closed; write `$$` for a `$`")
                    return result
                }
                guard depth < Self.maximumDepth else {
                    refuse(location, keyPath, "`${…}` nested deeper than \(Self.maximumDepth) levels")
                    return result
                }
                result += value(of: rest[rest.index(after: rest.startIndex)..<end], location, keyPath, depth: depth)
                rest = rest[rest.index(after: end)...]
            } else {
                result += "$"
            }
            if result.utf8.count > Self.maximumBytes { return result }
        }
        return result + rest
    }

    /// - Parameter text: begins with the opening brace.
    private func closingBrace(of text: Substring) -> Substring.Index? {
        var depth = 0
        var previous: Character = " "
        for index in text.indices {
            switch text[index] {
            case "{" where depth == 0 || previous == "$": depth += 1
            case "}":
                depth -= 1
                if depth == 0 { return index }
            default: break
            }
            previous = text[index]
        }
        return nil
    }

    private mutating func value(of text: Substring, _ location: SourceLocation, _ keyPath: String, depth: Int) -> String
    {
        let name = text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        let rest = text[name.endIndex...]
        let operation = rest.prefix(2)
        guard EnvironmentFile.isName(name), rest.isEmpty || [":-", ":+", ":?"].contains(operation) else {
            refuse(
                location, keyPath,
                "`${\(shown(String(text), limit: 40))}` is none of `${NAME}`, `${NAME:-default}`, `${NAME:+value}` and "
                    + "`${NAME:?message}`; write `$$` for a `$`")
            return ""
        }
        let found = variables[String(name)]
        let word = rest.dropFirst(2)
        if operation == ":+" {
            origins.append(found?.origin ?? "$\(name) (not set)")
            return found == nil ? "" : replace(word, location, keyPath, depth: depth + 1)
        }
        if let found {
            uses.append(Use(variable: String(name), location: location, keyPath: keyPath, doubt: found.doubt))
            origins.append(found.origin)
            return found.text
        }
        if operation == ":-" {
            origins.append("default of $\(name)")
            return replace(word, location, keyPath, depth: depth + 1)
        }
        if operation == ":?" {
            let message = replace(word, location, keyPath, depth: depth + 1)
            refuse(
                location, keyPath, "\(name) is not set: \(shown(message, limit: 200)) (looked in \(variables.places))")
        } else if !toleratesUnset {
            refuse(
                location, keyPath,
                "\(name) is not set; looked in \(variables.places). Set it, name its file under `environment-files:`, or write "
                    + "`${\(name):-default}`")
        }
        return ""
    }

    private mutating func refuse(_ location: SourceLocation, _ keyPath: String, _ message: String) {
        guard problems.count < ShapeChecker.maximumProblems else { return }
        problems.append(ConfigProblem(at: location, keyPath: keyPath, message: message))
    }
}
