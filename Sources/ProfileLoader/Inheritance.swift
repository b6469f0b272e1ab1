import BackupModel

/// Follows `extends:` and merges: maps deeply, everything else replaced, an explicit null removes what the base said.
struct Inheritance {
    static let maximumDepth = 8

    let home: String
    private(set) var problems: [ConfigProblem] = []
    /// Every file that was read, the profile's own first.
    private(set) var files: [String] = []

    init(home: String) { self.home = home }

    /// - Returns: the merged tree; `nil` when the file itself could not be read.
    mutating func load(_ path: String) -> YAMLNode? { load(path, chain: [], from: nil) }

    private mutating func load(_ path: String, chain: [(path: String, identity: String)], from: SourceLocation?)
        -> YAMLNode?
    {
        let place = from ?? SourceLocation(file: path, line: 1, column: 1)
        let keyPath = from == nil ? "" : "extends"
        func refuse(_ message: String) {
            problems.append(ConfigProblem(at: place, keyPath: keyPath, message: message))
        }
        let identity = PathText.resolvingLinks(path)
        if chain.contains(where: { $0.identity == identity }) {
            let steps = (chain.map(\.path) + [path]).map { shown($0, limit: 200) }.joined(separator: " → ")
            refuse("a profile that extends itself: \(steps)")
            return nil
        }
        guard chain.count < Self.maximumDepth, files.count < 32 else {
            refuse("more than \(Self.maximumDepth) profiles that extend one another")
            return nil
        }
        let content: BoundedFile
        do throws(BoundedFile.Problem) {
            content = try BoundedFile.read(path, limit: YAMLReader.maximumBytes)
        } catch {
            refuse("\(shown(path, limit: 200)): \(error.words)")
            return nil
        }
        guard content.mode & 0o002 == 0 else {
            refuse("\(shown(path, limit: 200)): everybody can write it, and so decide what is run; chmod o-w it")
            return nil
        }
        files.append(path)
        var reader = YAMLReader(file: path)
        guard let node = reader.read(path.hasSuffix(".json") ? JSONEscapes.joined(content.bytes) : content.bytes) else {
            problems += reader.problems
            return nil
        }
        guard case .map = node.content else {
            problems.append(
                ConfigProblem(
                    at: node.location, keyPath: "", message: "a profile is a map of keys, this is \(node.kindInWords)"))
            return nil
        }
        return extend(node, at: path, chain: chain + [(path, identity)])
    }

    private mutating func extend(
        _ node: YAMLNode, at path: String, chain: [(path: String, identity: String)]
    ) -> YAMLNode {
        guard let bases = node["extends"] else { return node }
        var merged = YAMLNode(.map([]), at: node.location)
        for base in bases.elements {
            guard let name = base.text, !name.isEmpty, !name.contains("${") else {
                problems.append(
                    ConfigProblem(
                        at: base.location, keyPath: "extends",
                        message: "wants file names, such as `[base.yaml]`, without variables"))
                continue
            }
            let place = PathText.absolute(name, below: PathText.folder(of: path), home: home)
            guard var parent = load(place, chain: chain, from: base.location) else { continue }
            // What a base is called, and that it is one, is its own affair.
            if case .map(let entries) = parent.content {
                parent.content = .map(
                    entries.filter { !["profile", "abstract", "extends", "description"].contains($0.key) })
            }
            merged = Inheritance.merge(parent, under: merged)
        }
        return Inheritance.merge(node, under: merged)
    }

    /// `upper` wins.
    static func merge(_ upper: YAMLNode, under lower: YAMLNode) -> YAMLNode {
        guard case .map(let upperEntries) = upper.content, case .map(let lowerEntries) = lower.content else {
            return upper
        }
        var entries = lowerEntries
        let places = Dictionary(uniqueKeysWithValues: lowerEntries.enumerated().map { ($1.key, $0) })
        for entry in upperEntries {
            guard let index = places[entry.key] else {
                entries.append(entry)
                continue
            }
            entries[index] = YAMLNode.Entry(
                key: entry.key, keyLocation: entry.keyLocation, value: merge(entry.value, under: entries[index].value))
        }
        return YAMLNode(.map(entries), at: upper.location)
    }
}
