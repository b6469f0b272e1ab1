package import BackupModel

/// Signatures by an ssh key (`ssh-keygen -Y`), over what comes on standard input.
/// - Source: https://man.openbsd.org/ssh-keygen.1, `-Y sign` and `-Y verify`; checked with OpenSSH 9.2.
package enum SSHSignature {
    /// Keeps a signature made for this from passing for one made for something else.
    package static let namespace = "holdfast-archive"
    private static let signer = "holdfast"

    /// Writes an armoured signature to standard output.
    /// - Parameter key: the private key's file, without a passphrase, or the public key's where an agent has the other.
    package static func sign(_ text: [UInt8], with key: String) -> ToolCommand {
        var command = ToolCommand("ssh-keygen", ["-Y", "sign", "-q", "-n", namespace, "-f", key])
        command.input = .bytes(text)
        command.inheritedVariables = ["SSH_AUTH_SOCK"]
        command.limits.total = .seconds(60)
        return command
    }

    /// Prints the public key of a private one.
    package static func publicKey(of key: String) -> ToolCommand {
        var command = ToolCommand("ssh-keygen", ["-y", "-f", key])
        command.limits.total = .seconds(60)
        return command
    }

    /// - Parameters:
    ///   - signers: a file of ``allowedSigners(_:)``.
    ///   - signature: a file.
    package static func verify(_ text: [UInt8], signature: String, signers: String) -> ToolCommand {
        var command = ToolCommand(
            "ssh-keygen", ["-Y", "verify", "-q", "-n", namespace, "-I", signer, "-f", signers, "-s", signature])
        command.input = .bytes(text)
        command.limits.total = .seconds(60)
        return command
    }

    /// From a file of public keys, or of allowed signers, whoever those are allowed to sign as.
    package static func allowedSigners(inFile text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " || $0 == "\t" } }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }
            .map { line in
                let isKey = ["ssh-", "ecdsa-", "sk-"].contains { line.hasPrefix($0) }
                if isKey { return allowedSigners(String(line)) }
                return signer + line.drop { $0 != " " && $0 != "\t" } + "\n"
            }.joined()
    }

    /// - Parameter publicKey: as `ssh-keygen -y` prints it.
    package static func allowedSigners(_ publicKey: String) -> String {
        "\(signer) namespaces=\"\(namespace)\" \(publicKey)\n"
    }
}
