import ArgumentParser
import BackupModel

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
}
