package import BackupModel

/// One mail handed to a server by curl. Its address, who asks, and the addresses it goes to are on standard input; the mail is in
/// a memory file.
/// - Source: https://curl.se/docs/manpage.html, `--mail-from`, `--mail-rcpt`, `--mail-rcpt-allowfails`, `--ssl-reqd`,
///   `--upload-file`; checked with curl 7.88.1, which doubles leading dots itself.
package struct CurlMail: Sendable {
    /// `smtp://host:587`, `smtps://host:465`
    package var server: String
    package var from: String
    package var to: [String]
    /// Lines end with CR LF.
    package var mail: [UInt8]
    package var user: (name: String, password: Secret)?
    /// Refuses to go on without TLS.
    package var requiresTLS: Bool
    package var certificates: String?
    /// What it calls this machine.
    package var hello: String
    package var limit: Duration = .seconds(30)

    package init(
        server: String, from: String, to: [String], mail: [UInt8], requiresTLS: Bool, hello: String
    ) {
        self.server = server
        self.from = from
        self.to = to
        self.mail = mail
        self.requiresTLS = requiresTLS
        self.hello = hello
    }

    package func command() -> ToolCommand {
        var configuration = CurlConfiguration()
        for option in ["silent", "globoff"] { configuration.add(option) }
        configuration.add("proto", "=smtp,smtps")
        configuration.add("url", "\(server)/\(hello)")
        configuration.add("mail-from", from)
        for address in to { configuration.add("mail-rcpt", address) }
        // One address that is no longer there must not keep the others from it.
        if to.count > 1 { configuration.add("mail-rcpt-allowfails") }
        if requiresTLS { configuration.add("ssl-reqd") }
        if let user {
            configuration.add("user", Array("\(user.name):".utf8) + user.password.reveal(for: .childProcess))
        }
        if let certificates { configuration.add("cacert", certificates) }
        configuration.add("connect-timeout", "15")
        configuration.add("max-time", String(max(1, Int(limit.inSeconds))))
        configuration.add("write-out", CurlMessage.ending)
        var command = ToolCommand("curl", ["--disable", "--config", "-"])
        configuration.give(to: &command)
        command.secretsInInput = user.map { [$0.password] } ?? []
        command.secrets.append(.memoryFileArgument("-T", Secret(mail)))
        command.limits = ToolCommand.Limits(total: limit + .seconds(5), stall: nil)
        command.inheritedVariables = CurlMessage.inheritedVariables
        command.acceptedExitCodes = Set(0...99)
        command.keptOutput = .kibibytes(16)
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .signal(.terminate)
        return command
    }
}
