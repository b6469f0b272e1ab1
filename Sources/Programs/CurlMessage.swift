package import BackupModel

/// One request of a few kilobytes by curl, to tell somebody something. Nothing of it stands in argv: not its address, which may
/// itself be the secret, nor a header, nor what is said. No redirect is followed, for what is secret would go along.
/// - Source: https://curl.se/docs/manpage.html, `--config`, `--include`, `--data-raw`, `--globoff`, `--proto`; checked with curl
///   7.88.1.
package struct CurlMessage: Sendable {
    package var method: String
    package var url: Secret
    /// What of the address may not be repeated in any message.
    package var secretParts: [Secret] = []
    /// Whole lines, `Name: value`.
    package var headers: [Secret] = []
    /// UTF-8 without NUL; `nil` for none.
    package var body: [UInt8]?
    /// `user:password`
    package var user: (name: String, password: Secret)?
    /// A file of certificates that the server is checked against.
    package var certificates: String?
    package var limit: Duration = .seconds(20)

    package init(_ method: String, _ url: Secret) {
        self.method = method
        self.url = url
    }

    /// Names of variables that lead through a proxy or to other certificates, which are the operator's to set.
    package static let inheritedVariables: Set = [
        "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE",
        "SSL_CERT_DIR", "CURL_CA_BUNDLE",
    ]

    package func command() -> ToolCommand {
        var command = ToolCommand("curl", ["--disable", "--config", "-"])
        configuration().give(to: &command)
        command.secretsInInput = [url] + secretParts + (user.map { [$0.password] } ?? [])
        command.inheritedVariables = CurlMessage.inheritedVariables
        command.limits = ToolCommand.Limits(total: limit + .seconds(5), stall: nil)
        // What went wrong is in the answer.
        command.acceptedExitCodes = Set(0...99)
        command.keptOutput = .kibibytes(16)
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .signal(.terminate)
        return command
    }

    private func configuration() -> CurlConfiguration {
        var configuration = CurlConfiguration()
        for option in ["silent", "include", "globoff"] { configuration.add(option) }
        configuration.add("proto", "=http,https")
        configuration.add("request", method)
        configuration.add("url", url.reveal(for: .childProcess))
        configuration.add("connect-timeout", "15")
        configuration.add("max-time", String(max(1, Int(limit.inSeconds))))
        configuration.add("user-agent", "holdfast")
        if let user {
            configuration.add("user", Array("\(user.name):".utf8) + user.password.reveal(for: .childProcess))
        }
        if let certificates { configuration.add("cacert", certificates) }
        if let body { configuration.add("data-raw", body) }
        for header in headers { configuration.add("header", header.reveal(for: .childProcess)) }
        // A body is sent without asking for leave.
        configuration.add("header", "Expect:")
        configuration.add("write-out", CurlMessage.ending)
        return configuration
    }

    private static let mark = "holdfast-answer\t"
    /// What curl writes last, for ``answer(_:exitCode:)``.
    static let ending = "\n\(mark)%{http_code}\t%{errormsg}\n"

    package struct Answer: Sendable, Equatable {
        /// 0: none came.
        package var status: Int
        /// curl's own.
        package var exitCode: Int32
        /// curl's own words for what went wrong.
        package var trouble: String
        /// The header `Retry-After`, where it is a number of seconds.
        package var retryAfter: Int?
        package var body: String

        package init(status: Int, exitCode: Int32, trouble: String, retryAfter: Int?, body: String) {
            self.status = status
            self.exitCode = exitCode
            self.trouble = trouble
            self.retryAfter = retryAfter
            self.body = body
        }
    }

    package static func answer(_ output: String, exitCode: Int32) -> Answer {
        // In Swift a CR and a LF are one character.
        var lines = output.replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
        var answer = Answer(status: 0, exitCode: exitCode, trouble: "", retryAfter: nil, body: "")
        guard let last = lines.lastIndex(where: { $0.hasPrefix(mark) }) else { return answer }
        let fields = lines[last].split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
        answer.status = fields.count > 1 ? Int(fields[1]) ?? 0 : 0
        answer.trouble = fields.count > 2 ? String(fields[2]) : ""
        lines = Array(lines[..<last])
        // There may be several heads: of a proxy, of `100 Continue`.
        while lines.first?.hasPrefix("HTTP/") == true, let blank = lines.firstIndex(of: "") {
            for line in lines[..<blank] where line.lowercased().hasPrefix("retry-after:") {
                answer.retryAfter = Int(line.dropFirst("retry-after:".count).filter { $0 != " " })
            }
            lines = Array(lines[(blank + 1)...])
        }
        answer.body = lines.joined(separator: "\n")
        return answer
    }
}
