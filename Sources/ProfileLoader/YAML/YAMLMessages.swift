import Yams

/// What the parser says, in the words of somebody who has to mend the file.
enum YAMLMessages {
    static func explain(_ error: any Error, in text: String) -> (line: Int, column: Int, message: String) {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            return (mark.line, mark.column, sentence(problem, context, at: mark, in: text))
        case YamlError.reader(let problem, let offset, _, _):
            let index = offset.flatMap { text.index(text.startIndex, offsetBy: $0, limitedBy: text.endIndex) }
            let before = text[..<(index ?? text.startIndex)]
            let line = before.split(separator: "\n", omittingEmptySubsequences: false)
            return (
                max(1, line.count), (line.last?.unicodeScalars.count ?? 0) + 1,
                "\(problem): a character that YAML excludes"
            )
        default: return (1, 1, "this could not be read as YAML: \(shown(String(describing: error), limit: 200))")
        }
    }

    private static func sentence(_ problem: String, _ context: YamlError.Context?, at mark: Mark, in text: String)
        -> String
    {
        let opened = context.map { " in the one that begins in line \($0.mark.line), column \($0.mark.column)" } ?? ""
        if problem.hasPrefix("did not find expected ','"),
            character(line: mark.line, column: mark.column, in: text) == "{",
            character(line: mark.line, column: mark.column - 1, in: text) == "$"
        {
            return "within `{ }` and `[ ]` a `${…}` wants quotes: `\"${NAME}\"`"
        }
        switch problem {
        case "found character that cannot start any token":
            return character(line: mark.line, column: mark.column, in: text) == "\t"
                ? "a tab; YAML is indented with blanks"
                : "`\(shown(String(character(line: mark.line, column: mark.column, in: text) ?? " ")))` cannot begin a value; put the value in quotes"
        case let text where text.hasPrefix("found a tab character"): return "a tab; YAML is indented with blanks"
        case "mapping values are not allowed in this context":
            return
                "a `:` that cannot be here; is the line indented wrongly, or does a text with `: ` in it lack quotes?"
        case "could not find expected ':'": return "a `:` is missing before this place\(place(context))"
        case "did not find expected key": return "a key is expected here; is the line indented wrongly?"
        case "did not find expected '-' indicator":
            return "another `-` of the list is expected here; is the line indented wrongly?"
        case "did not find expected ',' or ']'": return "a `,` or `]` is missing\(opened)"
        case "did not find expected ',' or '}'": return "a `,` or `}` is missing\(opened)"
        case "found unexpected end of stream": return "the file ends inside a quoted text\(place(context))"
        case "found unknown escape character":
            return "an unknown `\\` in a text in double quotes; write `\\\\`, or use single quotes"
        case "found undefined alias":
            return "an alias (`*name`) without an anchor (`&name`) before it; put text that begins with `*` in quotes"
        case "but found another document", "did not find expected <document start>":
            return "a second document; a profile is one document in one file"
        case let text where text.hasPrefix("Maximum nesting level"):
            return "nested deeper than \(YAMLReader.maximumDepth) levels"
        default: return problem + (context.map { " \($0.text)\(place($0))" } ?? "")
        }
    }

    private static func place(_ context: YamlError.Context?) -> String {
        context.map { ", which begins in line \($0.mark.line), column \($0.mark.column)" } ?? ""
    }

    private static func character(line: Int, column: Int, in text: String) -> Character? {
        let lines = text.split(separator: "\n", maxSplits: line, omittingEmptySubsequences: false)
        guard line <= lines.count, column > 0 else { return nil }
        return lines[line - 1].unicodeScalars.dropFirst(column - 1).first.map(Character.init)
    }
}

/// Gives a key at a known place another spelling of the same length.
enum DuplicateKey {
    /// - Returns: `nil` when the key does not stand there as it is named, as with an anchor before it.
    static func rename(
        _ name: String, line: Int, column: Int, to replacement: UnicodeScalar, in text: String
    ) -> String? {
        var scalars = text.unicodeScalars
        var index = scalars.startIndex
        var current = 1
        while current < line {
            guard
                let end = scalars[index...].firstIndex(where: {
                    $0 == "\n" || $0 == "\r" || $0 == "\u{85}" || $0 == "\u{2028}" || $0 == "\u{2029}"
                })
            else { return nil }
            let next = scalars.index(after: end)
            index =
                scalars[end] == "\r" && next < scalars.endIndex && scalars[next] == "\n"
                ? scalars.index(after: next) : next
            current += 1
        }
        guard var start = scalars.index(index, offsetBy: column - 1, limitedBy: scalars.endIndex),
            start < scalars.endIndex
        else { return nil }
        if scalars[start] == "\"" || scalars[start] == "'" { start = scalars.index(after: start) }
        let length = name.unicodeScalars.count
        guard length > 0, let end = scalars.index(start, offsetBy: length, limitedBy: scalars.endIndex),
            scalars[start..<end].elementsEqual(name.unicodeScalars)
        else { return nil }
        scalars.replaceSubrange(start..<end, with: repeatElement(replacement, count: length))
        return String(scalars)
    }
}
