package import BackupModel

/// gpg, as a filter.
/// - Source: gpg(1) of GnuPG 2.2.40, https://www.gnupg.org/documentation/manuals/gnupg/; checked with that version.
package enum GnuPG {
    /// Encrypts to keys of the user's own ring. Which keys these are is the profile's word, so no web of trust is asked.
    package static func encrypt(to recipients: [String]) -> ToolCommand {
        filter(
            quiet + ["--trust-model=always", "--compress-algo=none", "--encrypt"]
                + recipients.flatMap { ["--recipient", $0] })
    }

    /// Encrypts with a passphrase. Without the count gpg asks its agent for one, and there is none.
    /// - Parameter home: a private folder, so that nothing of the user's own configuration plays a part.
    package static func encrypt(passphrase: Secret, home: String) -> ToolCommand {
        var command = filter(
            quiet + symmetric + [
                "--symmetric", "--cipher-algo=AES256", "--compress-algo=none", "--s2k-digest-algo=SHA512",
                "--s2k-count=65011712",
            ])
        command.secrets = [.memoryFileArgument("--passphrase-file=", passphrase)]
        command.environment["GNUPGHOME"] = home
        return command
    }

    /// By the user's own agent and keys.
    package static func decrypt() -> ToolCommand { filter(quiet + ["--decrypt"]) }

    package static func decrypt(passphrase: Secret, home: String) -> ToolCommand {
        var command = filter(quiet + symmetric + ["--decrypt"])
        command.secrets = [.memoryFileArgument("--passphrase-file=", passphrase)]
        command.environment["GNUPGHOME"] = home
        return command
    }

    /// Whether what gpg said means that the passphrase is wrong or the key is not to be had.
    package static func tellsOfWrongKey(_ errors: String) -> Bool {
        errors.contains("Bad session key") || errors.contains("No secret key")
    }

    private static let quiet = ["--batch", "--quiet", "--no-tty"]
    private static let symmetric = ["--no-autostart", "--no-symkey-cache", "--pinentry-mode=loopback"]

    private static func filter(_ arguments: [String]) -> ToolCommand {
        var command = ToolCommand("gpg", arguments)
        command.inheritedVariables = ["GNUPGHOME"]
        command.teardown = TeardownStep.terminateFirst
        return command
    }
}
