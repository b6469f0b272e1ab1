/// Runs programs on another host by OpenSSH's client, which must neither ask anything nor believe an unknown host.
///
/// - Source: https://man.openbsd.org/ssh (9.2), https://man.openbsd.org/ssh_config
package struct SecureShell: Sendable, Equatable {
    /// `user@host`, or a name that `~/.ssh/config` knows.
    package var destination: String
    /// `Port=2222`, as `-o` takes them. The first value of an option counts, so these cannot undo ours.
    package var options: [String]
    package var identity: String?

    package static let program = "ssh"
    /// The agent with the keys.
    package static let variables: Set<String> = ["SSH_AUTH_SOCK"]

    package init(destination: String, options: [String] = [], identity: String? = nil) {
        self.destination = destination
        self.options = options
        self.identity = identity
    }

    /// - Parameter words: a program and its arguments. The client joins what it is given with blanks and has it read by the
    ///   user's shell there, so each word is quoted.
    package func arguments(running words: [String]) -> [String] {
        var result = ["-T"]
        // The connection counts as lost after a minute of silence, whatever the network thinks.
        for option in [
            "BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=15", "ServerAliveInterval=15",
            "ServerAliveCountMax=4", "ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes", "ControlMaster=no",
        ] { result += ["-o", option] }
        if let identity { result += ["-o", "IdentitiesOnly=yes", "-i", identity] }
        for option in options { result += ["-o", option] }
        return result + ["--", destination, words.map(ShellWord.quoted).joined(separator: " ")]
    }

    /// Why the client itself failed; `nil` where it was the program there.
    package enum Trouble: Sendable, Equatable {
        case unknownHost
        case notAuthenticated
        case unreachable

        /// - Source: the texts of OpenSSH 9.2
        package init?(diagnostics: String) {
            let known: [(String, Trouble)] = [
                ("Host key verification failed", .unknownHost), ("No ED25519 host key is known", .unknownHost),
                (": Permission denied (", .notAuthenticated), ("Too many authentication failures", .notAuthenticated),
                ("ssh: connect to host", .unreachable), ("ssh: Could not resolve hostname", .unreachable),
                ("Connection timed out", .unreachable), ("Connection closed by", .unreachable),
                ("Connection reset by", .unreachable), ("kex_exchange_identification", .unreachable),
                ("Broken pipe", .unreachable),
            ]
            guard let found = known.first(where: { diagnostics.contains($0.0) }) else { return nil }
            self = found.1
        }
    }
}
