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

    /// As ``encrypt(to:)``, and for nobody else: no `encrypt-to` and no `group` of the user's own configuration adds or
    /// replaces one.
    /// - Parameter fingerprints: whole.
    package static func encrypt(onlyTo fingerprints: [String]) -> ToolCommand {
        var command = encrypt(to: fingerprints)
        command.arguments.insert(contentsOf: ["--no-encrypt-to", "--no-groups"], at: quiet.count)
        return command
    }

    package static let version = ToolCommand("gpg", ["--version"])

    /// Public keys of the user's ring.
    package static func keys(named recipient: String) -> ToolCommand { listing("--list-keys", [recipient]) }
    /// Of keys with these fingerprints, those whose secret half is in the user's ring too.
    package static func secretKeys(_ fingerprints: [String]) -> ToolCommand {
        listing("--list-secret-keys", fingerprints)
    }

    private static func listing(_ option: String, _ names: [String]) -> ToolCommand {
        var command = filter(quiet + ["--no-auto-check-trustdb", "--with-colons", option, "--"] + names)
        command.limits = ToolCommand.Limits(total: .seconds(60))
        return command
    }

    package struct Key: Sendable, Equatable {
        /// Of the primary key, whole.
        package var fingerprint: String
        /// In words; `nil` for one that can be encrypted to.
        package var obstacle: String?
    }

    /// The primary keys of a listing.
    /// - Source: doc/DETAILS of GnuPG 2.2.40, "Format of the colon listings".
    package static func keys(in listing: String) -> [Key] {
        var keys: [Key] = []
        var pending: String??
        for line in listing.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            switch fields[0] {
            case "pub", "sec": pending = .some(obstacle(fields))
            case "fpr":
                guard let obstacle = pending, fields.count > 9, fields[9].utf8.count >= 40 else { continue }
                keys.append(Key(fingerprint: fields[9], obstacle: obstacle))
                pending = nil
            default: continue
            }
        }
        return keys
    }

    private static func obstacle(_ fields: [String]) -> String? {
        guard fields.count > 11 else { return "gpg says too little of it" }
        switch fields[1] {
        case "r": return "it is revoked"
        case "e": return "it has expired"
        case "i", "d", "n": return "gpg calls it unusable"
        default: break
        }
        if fields[11].contains("D") { return "it is disabled" }
        // In capitals: of the whole key, what its usable subkeys can do.
        return fields[11].contains("E") ? nil : "nothing can be encrypted to it"
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
