import ArgumentParser

/// Lets the options that every command takes stand before the command too: `holdfast -p app backup`. The parser knows them
/// behind it only.
enum GlobalArguments {
    private static let flags: Set<String> = ["--json", "--quiet", "-q", "--verbose", "-v"]
    private static let options: Set<String> = ["--profile", "-p", "--config-dir"]

    /// - Returns: the words with those options behind the command that they name. Without a command, as before `--help`,
    ///   they mean nothing and are left out.
    static func behindCommand(_ words: [String]) -> [String] {
        var rest = words[...]
        var leading: [String] = []
        while let word = rest.first {
            if flags.contains(word) || options.contains(where: { $0.hasPrefix("--") && word.hasPrefix("\($0)=") }) {
                leading.append(rest.removeFirst())
            } else if options.contains(word), rest.count > 1 {
                leading += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else {
                break
            }
        }
        let command = CommandNames.path(of: rest)
        guard !leading.isEmpty, !command.isEmpty else { return Array(rest) }
        return command + leading + rest.dropFirst(command.count)
    }
}
