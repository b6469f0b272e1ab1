import BackupModel
import Yams

/// Reads one YAML document into ``YAMLNode``, within fixed bounds whatever is fed to it.
struct YAMLReader {
    static let maximumBytes = 1 << 20
    static let maximumDepth = 64
    static let maximumAliases = 8
    static let maximumNodes = 50_000

    let file: String
    private(set) var problems: [ConfigProblem] = []
    private var nodes = 0
    private var duplicates: [SourceLocation: String] = [:]

    init(file: String) { self.file = file }

    /// - Returns: `nil`, with ``problems`` saying why, unless the bytes are one well-formed document. An empty document is an
    ///   empty map.
    mutating func read(_ bytes: [UInt8]) -> YAMLNode? {
        guard var text = decode(bytes), hasFewAliases(text) else { return nil }
        guard let root = compose(&text) else { return nil }
        let node = convert(root, depth: 0)
        return problems.isEmpty ? node : nil
    }

    // MARK: Text

    private mutating func decode(_ bytes: [UInt8]) -> String? {
        guard bytes.count <= Self.maximumBytes else {
            refuse(1, 1, "the file is larger than \(Self.maximumBytes >> 10) KiB, which no profile needs to be")
            return nil
        }
        let content = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes[3...] : bytes[...]
        if let index = content.firstIndex(where: { ($0 < 32 && $0 != 9 && $0 != 10 && $0 != 13) || $0 == 127 }) {
            let what = content[index] == 0 ? "a NUL byte" : "the control character \(content[index])"
            let (line, column) = place(of: index, in: content)
            refuse(line, column, "\(what) has no place in a profile; is this a text file in UTF-8?")
            return nil
        }
        guard let text = String(validating: content, as: UTF8.self) else {
            let valid = String(decoding: content, as: UTF8.self).utf8
            let index = zip(content.indices, valid).first { content[$0] != $1 }?.0 ?? content.startIndex
            let (line, column) = place(of: index, in: content)
            refuse(line, column, "this is not valid UTF-8; save the file in UTF-8")
            return nil
        }
        return text
    }

    private func place(of index: Int, in bytes: ArraySlice<UInt8>) -> (Int, Int) {
        let before = bytes[..<index]
        let line = before.count { $0 == 10 } + 1
        let start = before.lastIndex(of: 10).map { $0 + 1 } ?? bytes.startIndex
        return (line, before[start...].count { $0 & 0xc0 != 0x80 } + 1)
    }

    /// Composing expands aliases, and comparing keys walks what they stand for, so their number is bounded before. Counts
    /// what could be one, in comments and quoted text too, where there is also something that could be an anchor.
    private mutating func hasFewAliases(_ text: String) -> Bool {
        var previous: UInt8 = 10
        var line = 1
        var column = 0
        var anchors = 0
        var aliases: [(Int, Int)] = []
        let bytes = Array(text.utf8)
        for (index, byte) in bytes.enumerated() {
            column += 1
            let isIndicator = byte == 38 || byte == 42
            if isIndicator, index + 1 < bytes.count, Self.startsName(bytes[index + 1]), Self.separates(previous) {
                if byte == 38 { anchors += 1 } else { aliases.append((line, column)) }
            }
            if byte == 10 || (byte == 13 && (index + 1 == bytes.count || bytes[index + 1] != 10)) {
                line += 1
                column = 0
            }
            previous = byte
        }
        guard anchors > 0, aliases.count > Self.maximumAliases else { return true }
        let (badLine, badColumn) = aliases[Self.maximumAliases]
        refuse(
            badLine, badColumn,
            "more than \(Self.maximumAliases) aliases (`*name`); put what is shared into a base profile "
                + "and name it under `extends:`")
        return false
    }

    private static func startsName(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95 || byte == 45
            || byte >= 128
    }

    private static func separates(_ byte: UInt8) -> Bool {
        [9, 10, 13, 32, 44, 45, 58, 63, 91, 93, 123, 125].contains(byte)
    }

    // MARK: Composing

    /// Yams refuses a map with a key twice without saying where the second is. So the first is given another spelling and
    /// the text composed again; ``convert(_:depth:)`` then finds both.
    private mutating func compose(_ text: inout String) -> Node? {
        for round in 0...20 {
            do {
                return try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot() ?? Node([(Node, Node)]())
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                let mark = context.mark
                let name = names.sorted().first ?? ""
                let location = SourceLocation(file: file, line: mark.line, column: mark.column)
                guard round < 20, round * text.utf8.count < 3 << 20, duplicates[location] == nil,
                    let unique = UnicodeScalar(0xe000 + UInt32(round)),
                    let renamed = DuplicateKey.rename(name, line: mark.line, column: mark.column, to: unique, in: text)
                else {
                    refuse(mark.line, mark.column, "the key `\(shown(name))` is there more than once")
                    return nil
                }
                duplicates[location] = name
                text = renamed
            } catch {
                let (line, column, message) = YAMLMessages.explain(error, in: text)
                refuse(line, column, message)
                return nil
            }
        }
        return nil
    }

    private mutating func convert(_ node: Node, depth: Int) -> YAMLNode {
        let location = SourceLocation(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
        let nothing = YAMLNode(.scalar("", isPlain: true), at: location)
        nodes += 1
        if nodes > Self.maximumNodes || depth > Self.maximumDepth {
            if problems.count < 20, nodes <= Self.maximumNodes + 1 {
                problems.append(
                    ConfigProblem(
                        at: location, keyPath: "",
                        message: depth > Self.maximumDepth
                            ? "nested deeper than \(Self.maximumDepth) levels"
                            : "more than \(Self.maximumNodes) values, aliases expanded"))
            }
            return nothing
        }
        switch node {
        case .scalar(let scalar):
            let isText = checkTag(scalar.tag, at: location)
            if scalar.string.utf8.contains(0) {
                problems.append(
                    ConfigProblem(at: location, keyPath: "", message: "a NUL character has no place in a profile"))
            }
            return YAMLNode(.scalar(scalar.string, isPlain: scalar.style == .plain && !isText), at: location)
        case .sequence(let sequence):
            checkTag(sequence.tag, at: location)
            var elements: [YAMLNode] = []
            for element in sequence { elements.append(convert(element, depth: depth + 1)) }
            return YAMLNode(.list(elements), at: location)
        case .mapping(let mapping):
            checkTag(mapping.tag, at: location)
            return YAMLNode(.map(convert(mapping, depth: depth)), at: location)
        case .alias: return nothing
        }
    }

    private mutating func convert(_ mapping: Node.Mapping, depth: Int) -> [YAMLNode.Entry] {
        var entries: [YAMLNode.Entry] = []
        var places: [String: SourceLocation] = [:]
        for (key, value) in mapping {
            let location = SourceLocation(file: file, line: key.mark?.line ?? 1, column: key.mark?.column ?? 1)
            guard case .scalar(let scalar) = key else {
                problems.append(
                    ConfigProblem(at: location, keyPath: "", message: "a key must be text, not a list or a map"))
                continue
            }
            let name = duplicates[location] ?? scalar.string
            if name == "<<" {
                problems.append(
                    ConfigProblem(
                        at: location, keyPath: "",
                        message:
                            "merge keys (`<<`) are not read; put what is shared into a base profile and name it under "
                            + "`extends:`"))
                continue
            }
            if let first = places[name] {
                problems.append(
                    ConfigProblem(
                        at: location, keyPath: shown(name),
                        message: "this key is there twice; the first is in line \(first.line), column \(first.column)"))
                continue
            }
            places[name] = location
            entries.append(YAMLNode.Entry(key: name, keyLocation: location, value: convert(value, depth: depth + 1)))
        }
        return entries
    }

    /// - Returns: true when the tag makes a scalar a string.
    @discardableResult
    private mutating func checkTag(_ tag: Tag, at location: SourceLocation) -> Bool {
        let name = tag.description
        switch name {
        case "", "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq": return false
        case "tag:yaml.org,2002:str": return true
        default:
            problems.append(
                ConfigProblem(
                    at: location, keyPath: "",
                    message: "the tag `\(shown(name))` is not read; write the value without it"))
            return false
        }
    }

    private mutating func refuse(_ line: Int, _ column: Int, _ message: String) {
        problems.append(
            ConfigProblem(at: SourceLocation(file: file, line: line, column: column), keyPath: "", message: message))
    }
}
