package import BackupModel
import Foundation

/// Puts files into S3 with one curl, several at a time: nothing is asked of the server, and nothing of what it is told stands in
/// argv.
/// - Source: https://curl.se/docs/manpage.html, `--aws-sigv4`, `--parallel`, `--config`; checked for curl 7.88.1.
package struct CurlUpload: Sendable {
    package struct Item: Sendable, Equatable {
        /// Absolute.
        package var file: String
        package var url: String
        /// SHA-256 of the content: signed, so that the server refuses anything else.
        package var digest: String
        package init(file: String, url: String, digest: String) {
            self.file = file
            self.url = url
            self.digest = digest
        }
    }

    package struct Answer: Sendable, Equatable {
        /// 0: none came.
        package var status: Int
        package var url: String
        /// curl's own words for what went wrong.
        package var trouble: String
    }

    package var region: String
    package var keyID: Secret
    package var key: Secret
    package var sessionToken: Secret?
    /// PEM
    package var certificates: String?
    /// Bytes per second over all transfers.
    package var limit: ByteCount?
    package var atATime = 8
    /// Whether what is there under a name is left as it is, and an error.
    package var onlyCreates = true

    package init(region: String, keyID: Secret, key: Secret) {
        self.region = region
        self.keyID = keyID
        self.key = key
    }

    /// - Parameter showingBody: of one item: its answer's body follows, so that the server's own word for a refusal is known.
    package func command(_ items: [Item], showingBody: Bool = false) -> ToolCommand {
        var arguments = ["--disable", "--config", "-"]
        if items.count > 1 {
            arguments = ["--disable", "--parallel", "--parallel-max", String(atATime), "--config", "-"]
        }
        var command = ToolCommand("curl", arguments)
        config(items, showingBody: showingBody).give(to: &command)
        // Each answer is one line.
        command.keptOutput = .kibibytes(512)
        // Transfers that fail are told one by one.
        command.acceptedExitCodes = Set(0...99)
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    private func config(_ items: [Item], showingBody: Bool) -> CurlConfiguration {
        let credential = S3Credential(region: region, keyID: keyID, key: key, sessionToken: sessionToken)
        var configuration = CurlConfiguration()
        for (index, item) in items.enumerated() {
            if index > 0 { configuration.add("next") }
            configuration.add("silent")
            configuration.add("url", item.url)
            configuration.add("upload-file", item.file)
            configuration.sign(credential, digest: item.digest)
            if onlyCreates { configuration.add("header", "If-None-Match: *") }
            // Otherwise a transfer of some size waits for the server's leave.
            configuration.add("header", "Expect:")
            if let certificates { configuration.add("cacert", certificates) }
            if let limit { configuration.add("limit-rate = \(max(1, limit.bytes / Int64(atATime)))") }
            configuration.add("connect-timeout = 30")
            // Less than a byte a second for two minutes is a server that hangs.
            configuration.add("speed-limit = 1")
            configuration.add("speed-time = 120")
            if !showingBody { configuration.add("output", "/dev/null") }
            configuration.add("write-out = \"\\n%{http_code}\\t%{url}\\t%{errormsg}\\n\"")
        }
        return configuration
    }

    /// The answers among what curl printed.
    package static func answers(_ output: String) -> [Answer] {
        output.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count >= 2, fields[0].count == 3, let status = Int(fields[0]) else { return nil }
            return Answer(
                status: status, url: String(fields[1]), trouble: fields.count > 2 ? String(fields[2]) : "")
        }
    }

    /// S3's word for a refusal: `AccessDenied`, `NoSuchBucket`, `ExpiredToken` …
    package static func errorCode(_ body: String) -> String? {
        guard let start = body.range(of: "<Code>")?.upperBound,
            let end = body.range(of: "</Code>", range: start..<body.endIndex)?.lowerBound
        else { return nil }
        return String(body[start..<end].prefix(100))
    }
}
