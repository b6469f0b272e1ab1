package import BackupModel

/// age, as a filter. A passphrase is asked for on a terminal only, so files are encrypted to recipients.
/// - Source: https://github.com/FiloSottile/age/blob/v1.1.1/cmd/age/age.go; checked with age 1.1.1.
package enum Age {
    /// - Parameter recipients: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`; they are public.
    package static func encrypt(to recipients: [String]) -> ToolCommand {
        var command = ToolCommand("age", recipients.flatMap { ["--recipient", $0] })
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    /// - Parameter identity: the text of an identity file: `AGE-SECRET-KEY-…`, or an SSH key without a passphrase.
    package static func decrypt(with identity: Secret) -> ToolCommand {
        var command = ToolCommand("age", ["--decrypt"])
        command.secrets = [.memoryFileArgument("--identity=", identity)]
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    /// Whether what age said means that it has no key for the file.
    package static func tellsOfWrongKey(_ errors: String) -> Bool { errors.contains("no identity matched") }

    /// The recipients that a file of them names.
    package static func recipients(in text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).map { line in
            String(line.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
    }
}
