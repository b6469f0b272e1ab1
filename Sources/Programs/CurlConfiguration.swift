package import BackupModel

/// What curl is told on its standard input, so that nothing of it stands in argv.
/// - Source: https://curl.se/docs/manpage.html#-K, checked for curl 7.88.1.
struct CurlConfiguration {
    private(set) var text: [UInt8] = []
    private var secrets: [Secret] = []

    mutating func add(_ option: String) { text += Array(option.utf8) + [10] }

    mutating func add(_ option: String, _ value: String) { add(option, Array(value.utf8)) }

    mutating func add(_ option: String, _ value: [UInt8]) {
        text += Array("\(option) = \"".utf8) + CurlConfiguration.escaped(value) + [34, 10]
    }

    /// Signs the request as S3 wants it.
    /// - Parameter digest: SHA-256 of the body.
    mutating func sign(_ credential: S3Credential, digest: String) {
        for secret in [credential.keyID, credential.key, credential.sessionToken].compactMap(\.self)
        where !secrets.contains(secret) {
            secrets.append(secret)
        }
        add("aws-sigv4", "aws:amz:\(credential.region):s3")
        add("user", credential.keyID.reveal(for: .childProcess) + [58] + credential.key.reveal(for: .childProcess))
        add("header", "x-amz-content-sha256: \(digest)")
        if let token = credential.sessionToken {
            add("header", Array("x-amz-security-token: ".utf8) + token.reveal(for: .childProcess))
        }
    }

    mutating func add(user: Secret, password: Secret) {
        secrets.append(password)
        add("user", user.reveal(for: .childProcess) + [58] + password.reveal(for: .childProcess))
    }

    /// Has a curl read this.
    func give(to command: inout ToolCommand) {
        command.input = .secret(Secret(text))
        command.secretsInInput = secrets
    }

    /// Has a curl read this whose standard input is needed for something else; its last argument is `--config`.
    func giveAsFile(to command: inout ToolCommand) { command.secrets.append(.memoryFileArgument("", Secret(text))) }

    /// Inside the quotes of curl's configuration.
    private static func escaped(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { byte -> [UInt8] in
            switch byte {
            case 34, 92: [92, byte]
            case 10: [92, 110]
            case 13: [92, 114]
            default: [byte]
            }
        }
    }
}

/// Who asks S3.
package struct S3Credential: Sendable, Equatable {
    package var region: String
    package var keyID: Secret
    package var key: Secret
    package var sessionToken: Secret?

    /// SHA-256 of nothing, which a request without a body is signed with.
    package static let digestOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    package init(region: String, keyID: Secret, key: Secret, sessionToken: Secret? = nil) {
        self.region = region
        self.keyID = keyID
        self.key = key
        self.sessionToken = sessionToken
    }
}
