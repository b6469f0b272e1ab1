import BackupModel

/// Holds a tree against shapes: types its scalars, makes its paths absolute, and collects everything that is wrong.
struct ShapeChecker {
    /// Nobody reads more than ``shownProblems``; a file with so many is not a profile.
    static let maximumProblems = 200
    static let shownProblems = 100

    private(set) var problems: [ConfigProblem] = []
    /// Key paths that load and are not acted on.
    private(set) var ignored: [String] = []
    /// A base may leave to others what is required.
    var isPartial = false
    let home: String

    init(home: String) { self.home = home }

    mutating func refuse(_ location: SourceLocation, _ keyPath: String, _ message: String, suggestion: String? = nil) {
        guard problems.count < ShapeChecker.maximumProblems else { return }
        problems.append(ConfigProblem(at: location, keyPath: keyPath, message: message, suggestion: suggestion))
    }

    mutating func ignore(_ keyPath: String) { ignored.append(keyPath) }

    /// - Returns: the typed value; a null where something was wrong with it.
    mutating func check(_ node: YAMLNode, as shape: ValueShape, at keyPath: String) -> ConfigValue {
        switch shape {
        case .list(let element): return checkList(node, of: element, at: keyPath)
        case .object(let keys): return checkObject(node, keys, at: keyPath)
        case .map(let value): return checkMap(node, of: value, at: keyPath, namesOnly: true)
        case .dictionary(let value): return checkMap(node, of: value, at: keyPath, namesOnly: false)
        case .anything: return typed(node)
        case .secret: return checkSecret(node, at: keyPath)
        case .either(let shapes):
            if let fitting = shapes.first(where: { ShapeChecker.fits(node, $0) }) {
                return check(node, as: fitting, at: keyPath)
            }
            // One that is of the same build gives the better message than all of them together.
            let similar = shapes.filter { ShapeChecker.isSimilar(node, $0) }
            if similar.count == 1 { return check(node, as: similar[0], at: keyPath) }
            return mismatch(node, shape, at: keyPath)
        case .string, .path, .name, .boolean, .integer, .number, .duration, .byteCount, .calendarSpan, .choice:
            guard let content = ShapeChecker.scalar(node, as: shape) else { return mismatch(node, shape, at: keyPath) }
            guard case .path = shape, case .string(let path) = content else { return value(content, of: node) }
            return value(.string(absolute(path, node)), of: node)
        }
    }

    private func value(_ content: ConfigValue.Content, of node: YAMLNode) -> ConfigValue {
        ConfigValue(content, at: node.location, origin: node.origin)
    }

    private func absolute(_ path: String, _ node: YAMLNode) -> String {
        PathText.absolute(path, below: PathText.folder(of: node.location.file), home: home)
    }

    private mutating func mismatch(_ node: YAMLNode, _ shape: ValueShape, at keyPath: String) -> ConfigValue {
        var suggestion: String?
        var found = node.kindInWords
        if let text = node.text {
            found = "`\(shown(text))` (\(found))"
            if case .choice(let words) = shape { suggestion = Nearest.match(text, in: words) }
        }
        let hint = ShapeChecker.quotedNumber(node, shape) ? "; write it without quotes" : ""
        refuse(node.location, keyPath, "wants \(ShapeWords.wanted(shape)), not \(found)\(hint)", suggestion: suggestion)
        return value(.null, of: node)
    }

    private static func quotedNumber(_ node: YAMLNode, _ shape: ValueShape) -> Bool {
        guard case .scalar(let text, isPlain: false) = node.content else { return false }
        return scalar(YAMLNode(.scalar(text, isPlain: true), at: node.location), as: shape) != nil
    }

    private mutating func checkList(_ node: YAMLNode, of element: ValueShape, at keyPath: String) -> ConfigValue {
        guard case .list(let nodes) = node.content else {
            if case .map = node.content, !ShapeChecker.fits(node, element) {
                return mismatch(node, .list(element), at: keyPath)
            }
            return check(node, as: element, at: keyPath)
        }
        var values: [ConfigValue] = []
        var lines: [String: Int] = [:]
        for (index, node) in nodes.enumerated() {
            let value = check(node, as: element, at: "\(keyPath)[\(index)]")
            values.append(value)
            guard element == .path, let text = value.text else { continue }
            if let line = lines[text] {
                refuse(
                    node.location, "\(keyPath)[\(index)]",
                    "\(shown(text, limit: 200)) is there already, in line \(line)")
            } else {
                lines[text] = value.location.line
            }
        }
        return value(.list(values), of: node)
    }

    private mutating func checkMap(_ node: YAMLNode, of shape: ValueShape, at keyPath: String, namesOnly: Bool)
        -> ConfigValue
    {
        guard case .map(let entries) = node.content else {
            return mismatch(node, namesOnly ? .map(shape) : .dictionary(shape), at: keyPath)
        }
        return value(
            .map(
                entries.map { entry in
                    if namesOnly, !SourceName.isValid(entry.key) { refuseName(entry.key, entry.keyLocation, keyPath) }
                    return ConfigValue.Entry(
                        key: entry.key, keyLocation: entry.keyLocation,
                        value: check(entry.value, as: shape, at: "\(keyPath).\(shown(entry.key))"))
                }),
            of: node)
    }

    mutating func refuseName(_ name: String, _ location: SourceLocation, _ keyPath: String) {
        refuse(
            location, keyPath,
            "`\(shown(name))` is no name: at most 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
        )
    }

    mutating func checkObject(_ node: YAMLNode, _ keys: [KeyDescriptor], at keyPath: String) -> ConfigValue {
        guard case .map(let entries) = node.content else { return mismatch(node, .object(keys), at: keyPath) }
        var values: [ConfigValue.Entry] = []
        for entry in entries {
            let path = keyPath.isEmpty ? shown(entry.key) : "\(keyPath).\(shown(entry.key))"
            guard let key = keys.first(where: { $0.name == entry.key }) else {
                guard problems.count < ShapeChecker.maximumProblems else { continue }
                let nearest = Nearest.match(entry.key, in: keys.map(\.name))
                refuse(
                    entry.keyLocation, path,
                    "there is no such key here"
                        + (nearest == nil ? "; there are \(listed(keys.map(\.name).sorted()))" : ""),
                    suggestion: nearest)
                continue
            }
            if entry.value.isNull { continue }
            if key.isIgnored { ignored.append(path) }
            if key.refusesSecrets { refusePasswords(in: entry.value, at: path) }
            values.append(
                ConfigValue.Entry(
                    key: entry.key, keyLocation: entry.keyLocation, value: check(entry.value, as: key.shape, at: path)))
        }
        for key in keys
        where !isPartial && key.isRequired
            && !entries.contains(where: { $0.key == key.name && !$0.value.isNull })
        {
            refuse(
                node.location, keyPath.isEmpty ? key.name : "\(keyPath).\(key.name)",
                "is missing; it wants \(ShapeWords.wanted(key.shape))")
        }
        return value(.map(values), of: node)
    }

    /// A variable may carry a whole URL, and the URL a password.
    private mutating func refusePasswords(in node: YAMLNode, at keyPath: String) {
        switch node.content {
        case .scalar(let text, _):
            guard node.origin != nil, Redaction.passwordRange(in: text) != nil else { return }
            refuse(
                node.location, keyPath,
                "the address that \(node.origin ?? "a variable") stands for has a password in it; give the password as a secret "
                    + "under a key that takes one")
        case .list(let nodes): for node in nodes { refusePasswords(in: node, at: keyPath) }
        case .map(let entries): for entry in entries { refusePasswords(in: entry.value, at: keyPath) }
        }
    }

    private mutating func checkSecret(_ node: YAMLNode, at keyPath: String) -> ConfigValue {
        // What stands here may be the secret itself: it is not repeated.
        let plain = typed(node)
        guard let reference = SecretReference(plain), node.entries.allSatisfy({ $0.key == "command" }) else {
            refuse(
                node.location, keyPath,
                "wants \(ShapeWords.wanted(.secret)); a secret itself may not stand in a profile")
            return value(.null, of: node)
        }
        switch reference {
        case .environment(let name) where !EnvironmentFile.isName(name), .credential(let name) where name.contains("/"):
            refuse(node.location, keyPath, "`\(shown(name))` is no name of a variable or credential")
        case .file(let path): return value(.string("file:" + absolute(path, node)), of: node)
        case .environment, .command, .credential: break
        }
        return plain
    }

    // MARK: Scalars

    /// The keys of a shape that may be a map of keys.
    static func keys(in shape: ValueShape) -> [KeyDescriptor] {
        switch shape {
        case .object(let keys): keys
        case .either(let shapes): shapes.lazy.map(keys).first { !$0.isEmpty } ?? []
        case .string, .path, .name, .boolean, .integer, .number, .duration, .byteCount, .calendarSpan, .secret, .choice,
            .list,
            .map, .dictionary, .anything:
            []
        }
    }

    /// As ``scalar(_:as:)``, for shapes that are a scalar only sometimes.
    static func typedScalar(_ node: YAMLNode, as shape: ValueShape) -> ConfigValue.Content? {
        switch shape {
        case .either(let shapes): shapes.lazy.compactMap { typedScalar(node, as: $0) }.first
        case .list(let element): typedScalar(node, as: element)
        case .string, .path, .name, .boolean, .integer, .number, .duration, .byteCount, .calendarSpan, .secret, .choice,
            .map,
            .dictionary, .object, .anything:
            scalar(node, as: shape)
        }
    }

    /// The tree as it is, every scalar typed by itself.
    func typed(_ node: YAMLNode) -> ConfigValue {
        switch node.content {
        case .scalar(let text, let isPlain): value(isPlain ? CoreSchema.resolve(text) : .string(text), of: node)
        case .list(let nodes): value(.list(nodes.map(typed)), of: node)
        case .map(let entries):
            value(
                .map(
                    entries.map { ConfigValue.Entry(key: $0.key, keyLocation: $0.keyLocation, value: typed($0.value)) }),
                of: node)
        }
    }

    /// The content of a scalar under a shape; `nil` when it does not fit.
    ///
    /// A quoted scalar is a string. Only where the key wants a number or a boolean and the text came from a variable is it
    /// typed anew, for JSON has no other way to write `${NAME}`.
    static func scalar(_ node: YAMLNode, as shape: ValueShape) -> ConfigValue.Content? {
        guard case .scalar(let text, let isPlain) = node.content, !node.isNull else { return nil }
        let content = isPlain || node.origin != nil ? CoreSchema.resolve(text) : .string(text)
        switch shape {
        case .string: return .string(text)
        case .path: return text.isEmpty || text.contains("\0") ? nil : .string(text)
        case .name: return SourceName.isValid(text) ? .string(text) : nil
        case .boolean: if case .boolean = content { return content }
        case .integer(let range): if case .integer(let value) = content, range.contains(value) { return content }
        case .number(let range):
            switch content {
            case .number(let value) where range.contains(value): return content
            case .integer(let value) where range.contains(Double(value)): return .number(Double(value))
            case .null, .boolean, .integer, .number, .string, .list, .map: return nil
            }
        case .duration: return Duration(profileText: text).map { _ in .string(text) }
        case .byteCount: return ByteCount(profileText: text).map { _ in .string(text) }
        case .calendarSpan: return CalendarSpan(text).map { _ in .string(text) }
        case .choice(let words): return words.contains(text) ? .string(text) : nil
        case .secret, .list, .map, .dictionary, .object, .either, .anything: return nil
        }
        return nil
    }

    /// Whether a value has a shape's build, without looking far into it.
    static func fits(_ node: YAMLNode, _ shape: ValueShape) -> Bool {
        switch (shape, node.content) {
        case (.anything, _): true
        case (.either(let shapes), _): shapes.contains { fits(node, $0) }
        case (.object, .map), (.map, .map), (.dictionary, .map), (.list, .list): true
        case (.list(let element), _): fits(node, element)
        case (.secret, .map): node["command"] != nil
        case (.secret, .scalar(let text, _)):
            ["env:", "file:", "credential:"].contains { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }
        case (_, .scalar): scalar(node, as: shape) != nil
        case (_, .list), (_, .map): false
        }
    }

    private static func isSimilar(_ node: YAMLNode, _ shape: ValueShape) -> Bool {
        switch (shape, node.content) {
        case (.object, .map), (.map, .map), (.dictionary, .map), (.list, .list): true
        case (.list, _), (.object, _), (.map, _), (.dictionary, _): false
        case (_, .scalar): !node.isNull
        case (_, .list), (_, .map): false
        }
    }
}
