package import BackupModel

/// Asks a server once for a small file, to hear in its own words whether it can be used: restic asks for the head of it alone,
/// to which a refusal has no words, and tries for a quarter of an hour whatever the reason.
/// - Source: seen with restic 0.18.0 and 0.19.1: an expired token is `400 Bad Request`, tried for 15 minutes; clocks that differ
///   are `Access Denied`.
package struct CurlGreeting: Sendable {
    package enum Credential: Sendable {
        case s3(S3Credential)
        case basic(user: String, password: Secret)
        case none
    }

    package var url: String
    package var credential: Credential
    /// PEM
    package var certificates: String?

    package init(url: String, credential: Credential, certificates: String? = nil) {
        self.url = url
        self.credential = credential
        self.certificates = certificates
    }

    /// SHA-256 of nothing.
    private static let emptyDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    package var command: ToolCommand {
        var configuration = CurlConfiguration()
        configuration.add("silent")
        configuration.add("url", url)
        switch credential {
        case .s3(let credential): configuration.sign(credential, digest: CurlGreeting.emptyDigest)
        case .basic(let user, let password):
            configuration.add("user", Array("\(user):".utf8) + password.reveal(for: .childProcess))
        case .none: break
        }
        if let certificates { configuration.add("cacert", certificates) }
        configuration.add("connect-timeout = 15")
        configuration.add("max-time = 30")
        configuration.add("max-filesize = 65536")
        configuration.add("write-out = \"\\n%{http_code}\\t%{url}\\t%{errormsg}\\n\"")
        var command = ToolCommand("curl", ["--disable", "--config", "-"])
        command.input = .secret(Secret(configuration.text))
        command.acceptedExitCodes = Set(0...99)
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    package enum Finding: Sendable, Equatable {
        /// Whatever restic makes of it is told well enough.
        case fine
        /// Not even the bucket is there.
        case noBucket
        case refused(String)
        /// Asking again may help.
        case unreachable(String)
    }

    /// - Parameter output: what curl printed.
    package static func finding(_ output: String) -> Finding {
        guard let answer = CurlUpload.answers(output).last else { return .fine }
        let code = CurlUpload.errorCode(output)
        switch (answer.status, code) {
        case (_, "NoSuchBucket"): return .noBucket
        case (_, "RequestTimeTooSkewed"):
            return .refused(
                "RequestTimeTooSkewed: this machine's clock and the server's differ by more than 15 minutes")
        case (_, "ExpiredToken"), (_, "TokenRefreshRequired"):
            return .refused("\(code ?? ""): the credential has expired")
        case (_, "InvalidAccessKeyId"): return .refused("InvalidAccessKeyId: the server does not know this key")
        case (0, _): return .unreachable(answer.trouble.isEmpty ? "no answer" : answer.trouble)
        case (429, _), (500..., _): return .unreachable("it answers \(answer.status)" + (code.map { " \($0)" } ?? ""))
        default: return .fine
        }
    }
}
