package import BackupModel
import Foundation

/// Puts one file into S3 with `aws`, for machines whose curl cannot sign. It takes a start of aws for each.
/// - Source: https://docs.aws.amazon.com/cli/latest/reference/s3api/put-object.html, checked for aws-cli 1.45.11.
package struct AwsUpload: Sendable {
    package var address: S3Address
    /// `nil`: what aws finds by itself, in the environment or in `~/.aws`.
    package var credential: S3Credential?
    /// PEM
    package var certificates: String?

    package init(address: S3Address, credential: S3Credential?) {
        self.address = address
        self.credential = credential
    }

    /// What came of putting a file.
    package enum Answer: Sendable, Equatable {
        case put
        /// There is one already, and we asked to create.
        case found
        /// It cannot ask to create only; such versions are older than 2024.
        case cannotCreateOnly
        case refused(code: String, detail: String)
        case unreachable(String)
    }

    /// - Parameters:
    ///   - file: absolute.
    ///   - path: below the address.
    ///   - digest: SHA-256 of the content in hexadecimal digits: the server refuses anything else.
    ///   - creating: asks that nothing be replaced.
    package func command(_ file: String, to path: String, digest: String, creating: Bool) -> ToolCommand {
        let key = (address.prefix.isEmpty ? "" : address.prefix + "/") + path
        var words = ["s3api", "put-object", "--bucket", address.bucket, "--key", key, "--body", file]
        words += ["--checksum-sha256", AwsUpload.base64(digest)]
        if creating { words += ["--if-none-match", "*"] }
        return command(words)
    }

    /// A file of any size, in parts where it is large, which aws aborts when it is interrupted. It cannot ask to create only; what
    /// is there under the same name has the same content.
    /// - Source: https://docs.aws.amazon.com/cli/latest/reference/s3/cp.html, checked for aws-cli 1.45.11.
    package func large(_ file: String, to path: String) -> ToolCommand {
        let key = (address.prefix.isEmpty ? "" : address.prefix + "/") + path
        var command = command([
            "s3", "cp", "--only-show-errors", "--no-progress", file, "s3://\(address.bucket)/\(key)",
        ])
        command.teardown = TeardownStep.interruptFirst
        return command
    }

    private func command(_ operation: [String]) -> ToolCommand {
        var words = ["--endpoint-url", address.endpoint, "--output", "json"]
        if let credential { words += ["--region", credential.region] }
        if let certificates { words += ["--ca-bundle", certificates] }
        words += ["--cli-connect-timeout", "30", "--cli-read-timeout", "120"]
        var command = ToolCommand("aws", words + operation)
        command.environment = ["AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true"]
        if let credential {
            // By path: the names of buckets are no hosts of most servers of one's own.
            let settings = "[default]\ns3 =\n  addressing_style = path\n"
            command.secrets = [
                .memoryFile(variable: "AWS_CONFIG_FILE", Secret(settings)),
                .memoryFile(variable: "AWS_SHARED_CREDENTIALS_FILE", AwsUpload.file(credential)),
            ]
        } else {
            command.inheritedVariables = [
                "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_REGION", "AWS_DEFAULT_REGION",
            ]
        }
        command.acceptedExitCodes = Set(0...255)
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    private static func file(_ credential: S3Credential) -> Secret {
        var text = Array("[default]\naws_access_key_id = ".utf8) + credential.keyID.reveal(for: .childProcess)
        text += Array("\naws_secret_access_key = ".utf8) + credential.key.reveal(for: .childProcess)
        if let token = credential.sessionToken {
            text += Array("\naws_session_token = ".utf8) + token.reveal(for: .childProcess)
        }
        return Secret(text + [10])
    }

    static func base64(_ digest: String) -> String {
        var bytes = Data()
        var rest = Substring(digest)
        while rest.count >= 2 {
            bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        return bytes.base64EncodedString()
    }

    /// - Parameter code: its exit code; `nil` when it was ended by a signal.
    package static func answer(exitCode code: Int32?, diagnostics: String) -> Answer {
        if code == 0 { return .put }
        if diagnostics.contains("Unknown options"), diagnostics.contains("--if-none-match") { return .cannotCreateOnly }
        let detail = diagnostics.split(whereSeparator: \.isNewline).last.map(String.init) ?? "it ended without a word"
        // An error occurred (AccessDenied) when calling the PutObject operation: …
        guard let start = detail.range(of: "An error occurred (")?.upperBound,
            let end = detail.range(of: ")", range: start..<detail.endIndex)?.lowerBound
        else { return .unreachable(detail) }
        let word = String(detail[start..<end])
        return word == "PreconditionFailed" || word == "412" ? .found : .refused(code: word, detail: detail)
    }
}
