import ArgumentParser
import BackupModel
import Foundation

/// Finds the word of a command line that should name a command and does not. The parser alone would call it, and all that
/// follows, unexpected.
enum CommandNames {
    /// - Throws: ``Failure`` that names the nearest command.
    static func check(_ arguments: [String]) throws(Failure) {
        var command: any ParsableCommand.Type = Holdfast.self
        for word in arguments {
            let below = command.configuration.subcommands
            guard !word.hasPrefix("-"), !below.isEmpty, word != "help" else { return }
            if let next = below.first(where: { $0._commandName == word }) {
                command = next
                continue
            }
            // A word after `backup` names a source, which only the profile knows.
            guard command.configuration.defaultSubcommand == nil else { return }
            throw unknown(word, below: command)
        }
    }

    /// The words at the beginning that name commands.
    static func path(of words: some Sequence<String>) -> [String] {
        var command: any ParsableCommand.Type = Holdfast.self
        var path: [String] = []
        for word in words {
            guard let next = command.configuration.subcommands.first(where: { $0._commandName == word }) else { break }
            path.append(word)
            command = next
        }
        return path
    }

    private static func unknown(_ word: String, below command: any ParsableCommand.Type) -> Failure {
        let root = Holdfast._commandName
        let whole = command._commandName == root ? root : "\(root) \(command._commandName)"
        var names: [String] = []
        for next in command.configuration.subcommands where next.configuration.shouldDisplay {
            names.append(next._commandName)
        }
        let near = Nearest.match(word, in: names).map { "did you mean `\($0)`? " } ?? ""
        return Failure(
            "`\(word)` is no command of \(whole)", hint: near + "commands: \(names.joined(separator: ", "))",
            kind: .usage)
    }

    /// What the parser has against the command line, in our words.
    /// - Returns: `nil` for errors that are none: help that was asked for, and the exit code of a command.
    static func failure(of error: any Error, in words: [String]) -> Failure? {
        guard !(error is ExitCode), Holdfast.exitCode(for: error) == .validationFailure else { return nil }
        let whole = Holdfast.message(for: error)
        // The parser names an option that is near behind its message.
        let halves = whole.components(separatedBy: ". Did you mean '")
        var message = halves[0]
        if let first = message.first, message.dropFirst().first?.isLowercase == true {
            message = first.lowercased() + message.dropFirst()
        }
        if path(of: words) == [Guard._commandName], !words.contains("--") {
            message = "guard runs what stands behind `--`, and there is no `--`"
        }
        let near = halves.count == 2 ? halves[1].split(separator: "'").first.map { "did you mean `\($0)`? " } : nil
        let help = ([Holdfast._commandName] + path(of: words) + ["--help"]).joined(separator: " ")
        return Failure(message, hint: (near ?? "") + "`\(help)` shows what there is", kind: .usage)
    }
}
