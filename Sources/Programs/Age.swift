package import BackupModel

/// age, as a filter that encrypts for recipients. A passphrase it takes on a terminal only: ``OwnStreams/age(_:decrypting:)``.
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

    package static let version = ToolCommand("age", ["--version"])

    /// A recipient without what does not belong to the key: an ssh key's comment, blanks around it.
    /// - Returns: `nil` for what cannot be one. Whether a key is whole, only age knows.
    package static func recipient(_ text: String) -> String? {
        let words = text.split { $0 == " " || $0 == "\t" }.map(String.init)
        guard let first = words.first else { return nil }
        if first.hasPrefix("ssh-") { return words.count > 1 ? "\(first) \(words[1])" : nil }
        return words.count == 1 && first.hasPrefix("age1") ? first : nil
    }

    /// Whether a text is the half of a key that must never be where recipients are.
    package static func isSecret(_ text: String) -> Bool {
        text.uppercased().contains("AGE-SECRET-KEY-") || text.contains("PRIVATE KEY-----")
    }

    /// Whether what age said means that it has no key for the file.
    package static func tellsOfWrongKey(_ errors: String) -> Bool {
        errors.contains("no identity matched") || errors.contains("incorrect passphrase")
    }

    /// Whether a file that begins so was encrypted with a passphrase.
    /// - Source: the age format, https://age-encryption.org/v1, age 1.1.1.
    package static func wantsPassphrase(_ beginning: some Sequence<UInt8>) -> Bool {
        beginning.starts(with: Array("age-encryption.org/v1\n-> scrypt ".utf8))
    }

    /// The recipients that a file of them names.
    package static func recipients(in text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).map { line in
            String(line.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
    }
}
