package import BackupModel

/// `openssl enc` with the options of the shell pipelines that it stands in for, so that
/// `openssl enc -d -aes-256-cbc -pbkdf2` opens its files by hand. It does not authenticate: a changed file may decrypt to
/// something else, so the file's digest is compared first.
/// - Source: https://docs.openssl.org/3.0/man1/openssl-enc/ and openssl-passphrase-options(1) there; checked with OpenSSL 3.0.
package enum OpenSSL {
    package static func encrypt(passphrase: Secret) -> ToolCommand {
        filter(["enc", "-aes-256-cbc", "-salt", "-pbkdf2", "-pass"], passphrase)
    }

    package static func decrypt(passphrase: Secret) -> ToolCommand {
        filter(["enc", "-d", "-aes-256-cbc", "-pbkdf2", "-pass"], passphrase)
    }

    /// A wrong passphrase shows in the padding of the last block; once in 256 times it does not.
    package static func tellsOfWrongKey(_ errors: String) -> Bool { errors.contains("bad decrypt") }

    private static func filter(_ arguments: [String], _ passphrase: Secret) -> ToolCommand {
        var command = ToolCommand("openssl", arguments)
        command.secrets = [.memoryFileArgument("file:", passphrase)]
        command.teardown = TeardownStep.terminateFirst
        return command
    }
}
