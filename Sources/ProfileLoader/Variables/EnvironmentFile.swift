package import BackupModel
import Foundation

/// A file of `NAME=value` lines, read and never executed. Shells, systemd and compose files disagree on what some lines
/// mean; such a value is kept apart as doubtful, and using it is an error.
package struct EnvironmentFile: Sendable, Equatable {
    package struct Variable: Sendable, Equatable {
        package var name: String
        package var value: String
        package var location: SourceLocation
        /// Why readers of the line would not agree on the value; `nil` when they do.
        package var doubt: String?
    }

    package static let maximumBytes = 256 << 10

    /// In the order of the lines; of several with one name the last counts.
    package private(set) var variables: [Variable] = []
    package private(set) var problems: [ConfigProblem] = []

    package init(text: String, path: String) {
        for (index, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let location = SourceLocation(file: path, line: index + 1, column: 1)
            var line = raw.drop { $0 == " " || $0 == "\t" }
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("export ") || line.hasPrefix("export\t") {
                line = line.dropFirst(6).drop { $0 == " " || $0 == "\t" }
            }
            guard let equals = line.firstIndex(of: "="), EnvironmentFile.isName(line[..<equals]) else {
                refuse(location, "this is no line of the form `NAME=value`; it is not executed as a script")
                continue
            }
            read(line[line.index(after: equals)...], of: String(line[..<equals]), at: location)
        }
    }

    private mutating func read(_ text: Substring, of name: String, at location: SourceLocation) {
        var value = ""
        var doubt: String?
        var rest = text
        switch text.first {
        case "'":
            rest = text.dropFirst()
            guard let end = rest.firstIndex(of: "'") else {
                return refuse(location, "\(name): the `'` is not closed on this line")
            }
            value = String(rest[..<end])
            rest = rest[rest.index(after: end)...]
        case "\"":
            rest = text.dropFirst()
            var isClosed = false
            while let character = rest.popFirst() {
                if character == "\"" {
                    isClosed = true
                    break
                }
                if character == "\\", let next = rest.first {
                    if ["\"", "\\", "$", "`"].contains(next) {
                        value.append(rest.removeFirst())
                    } else {
                        value.append(character)
                        doubt = "has a `\\` in double quotes"
                    }
                } else {
                    if character == "$" || character == "`" { doubt = "has a `\(character)` in double quotes" }
                    value.append(character)
                }
            }
            guard isClosed else { return refuse(location, "\(name): the `\"` is not closed on this line") }
        default:
            value = String(text[..<(comment(in: text) ?? text.endIndex)])
            while value.last == " " || value.last == "\t" { value.removeLast() }
            rest = text[text.endIndex...]
            if let odd = value.first(where: { " \t\"'\\$`;&|<>()*?[]{}~!".contains($0) }) {
                doubt = odd == " " || odd == "\t" ? "has a blank and no quotes" : "has a `\(odd)` and no quotes"
            }
        }
        let trailing = rest.drop { $0 == " " || $0 == "\t" }
        guard trailing.isEmpty || (trailing.hasPrefix("#") && trailing.startIndex != rest.startIndex) else {
            return refuse(location, "\(name): something follows the closing quote")
        }
        variables.append(Variable(name: name, value: value, location: location, doubt: doubt))
    }

    /// Where ` #` begins a comment.
    private func comment(in text: Substring) -> Substring.Index? {
        var previous: Character = "x"
        for index in text.indices {
            if text[index] == "#", previous == " " || previous == "\t" || index == text.startIndex { return index }
            previous = text[index]
        }
        return nil
    }

    private mutating func refuse(_ location: SourceLocation, _ message: String) {
        guard problems.count < ShapeChecker.maximumProblems else { return }
        problems.append(ConfigProblem(at: location, keyPath: "", message: message))
    }

    package static func isName(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95
        }
    }
}

extension EnvironmentFile {
    /// Reads a file, and refuses one that others could read or replace: such files hold passwords.
    /// - Parameter user: who runs us; the file must be theirs or root's.
    static func load(_ path: String, named at: SourceLocation, isOptional: Bool, user: UInt32) -> (
        file: EnvironmentFile?, problems: [ConfigProblem]
    ) {
        func refused(_ message: String) -> (EnvironmentFile?, [ConfigProblem]) {
            (
                nil,
                [ConfigProblem(at: at, keyPath: "environment-files", message: "\(shown(path, limit: 200)): \(message)")]
            )
        }
        let content: BoundedFile
        do throws(BoundedFile.Problem) {
            content = try BoundedFile.read(path, limit: maximumBytes)
        } catch .missing where isOptional {
            return (nil, [])
        } catch .missing {
            return refused(
                "there is no such file; create it, or write `-\(shown(path, limit: 200))` if it may be absent")
        } catch {
            return refused(error.words)
        }
        guard content.owner == 0 || content.owner == user else {
            return refused("it belongs to user \(content.owner); it must belong to root or to you")
        }
        guard content.mode & 0o022 == 0 else {
            return refused("others can write it; chmod 600 \(shown(path, limit: 200))")
        }
        guard content.mode & 0o004 == 0 else {
            return refused("everybody can read the secrets in it; chmod 600 \(shown(path, limit: 200))")
        }
        guard !content.bytes.contains(0), let text = String(validating: content.bytes, as: UTF8.self) else {
            return refused("it is not text in UTF-8")
        }
        let file = EnvironmentFile(text: text.hasPrefix("\u{feff}") ? String(text.dropFirst()) : text, path: path)
        return (file, file.problems)
    }
}
