package import BackupModel
import Foundation

/// One request by curl whose whole answer is read. Nothing of what it is told stands in argv.
/// - Source: https://curl.se/docs/manpage.html, `--aws-sigv4`, `--include`, `--config`; checked for curl 7.88.1.
package struct CurlRequest: Sendable, Equatable {
    package enum Credential: Sendable, Equatable {
        case anonymous
        case password(user: Secret, password: Secret)
        /// Signed as AWS wants it.
        /// - Parameter digest: SHA-256 of the body.
        case s3(S3Credential, digest: String)
    }

    package enum Method: String, Sendable {
        case get = "GET"
        case put = "PUT"
        case post = "POST"
        case delete = "DELETE"
    }

    package var method: Method
    /// For S3 with the query in order, as it is signed.
    package var url: String
    /// `Name: value`
    package var headers: [String] = []
    /// Printable ASCII.
    package var body: String?
    package var credential: Credential
    /// A file of certificates that the server is checked against.
    package var certificates: String?
    package var limit: Duration = .seconds(30)

    package init(_ method: Method, _ url: String, _ credential: Credential) {
        self.method = method
        self.url = url
        self.credential = credential
    }

    package func command() -> ToolCommand {
        var command = ToolCommand("curl", ["--disable", "--config", "-"])
        configuration().give(to: &command)
        command.limits = ToolCommand.Limits(total: limit + .seconds(15))
        // What went wrong is in the answer.
        command.acceptedExitCodes = Set(0...99)
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    private func configuration() -> CurlConfiguration {
        var configuration = CurlConfiguration()
        configuration.add("silent")
        configuration.add("include")
        configuration.add("request", method.rawValue)
        configuration.add("url", url)
        configuration.add("connect-timeout", "15")
        configuration.add("max-time", String(Int(limit.inSeconds)))
        switch credential {
        case .anonymous: break
        case .password(let user, let password):
            configuration.add(user: user, password: password)
        case .s3(let credential, let digest): configuration.sign(credential, digest: digest)
        }
        if let certificates { configuration.add("cacert", certificates) }
        if let body {
            configuration.add("data-binary", body)
            configuration.add("header", "Content-Type: application/octet-stream")
        }
        for header in headers { configuration.add("header", header) }
        configuration.add("write-out", CurlRequest.ending)
        return configuration
    }

    private static let mark = "answer\t"
    /// What curl writes at the end for ``answer(_:)``.
    static let ending = "\n\(mark)%{http_code}\t%{errormsg}\n"

    package struct Answer: Sendable, Equatable {
        /// 0: none came. 100: the server asked for the content, and no more came.
        package var status: Int
        /// Who says that it answers: the header `Server`.
        package var server: String?
        /// S3's word for a refusal.
        package var errorCode: String?
        /// curl's own words for what went wrong.
        package var trouble: String
    }

    /// - Returns: `nil` for an output without an answer in it.
    package static func answer(_ output: String) -> Answer? {
        let lines = output.split(whereSeparator: \.isNewline)
        guard let last = lines.last(where: { $0.hasPrefix(mark) }) else { return nil }
        let fields = last.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count >= 2, let status = Int(fields[1]) else { return nil }
        let server = lines.first { $0.lowercased().hasPrefix("server:") }.map {
            $0.dropFirst("server:".count).trimmingCharacters(in: .whitespaces)
        }
        return Answer(
            status: status, server: server, errorCode: CurlUpload.errorCode(output),
            trouble: fields.count > 2 ? String(fields[2]) : "")
    }
}
