package import BackupModel
import Foundation

/// Lists what is in S3 with curl.
/// - Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html; checked against the server of the tests with
///   curl 7.88.1.
package struct CurlListing: Sendable {
    package var credential: S3Credential
    /// PEM
    package var certificates: String?

    package init(credential: S3Credential, certificates: String? = nil) {
        self.credential = credential
        self.certificates = certificates
    }

    /// What is directly below a prefix, as XML: names of objects, and of what stands before the next slash. One page of it, a
    /// thousand names. ``CurlUpload/answers(_:)`` has the status.
    /// - Parameter prefix: a key's beginning, with a slash at its end unless it is empty.
    package func command(_ address: S3Address, prefix: String) -> ToolCommand {
        // Sorted and escaped as the signature wants it, for older versions of curl sign what they are given.
        command(
            address, query: "delimiter=%2F&list-type=2&prefix=" + S3Address.escaped(prefix, keepingSlashes: false))
    }

    /// Everything below a prefix, one page of it.
    /// - Parameter token: of the page before; see ``page(_:)``.
    package func all(_ address: S3Address, prefix: String, after token: String?) -> ToolCommand {
        let begin = token.map { "continuation-token=\(S3Address.escaped($0, keepingSlashes: false))&" } ?? ""
        return command(
            address, query: begin + "list-type=2&prefix=" + S3Address.escaped(prefix, keepingSlashes: false))
    }

    /// Uploads in parts that were begun below a prefix and not ended; the first thousand.
    package func uploads(_ address: S3Address, prefix: String) -> ToolCommand {
        // Older versions of curl sign a name without a value as it stands; with `=` all sign it alike.
        command(address, query: "prefix=\(S3Address.escaped(prefix, keepingSlashes: false))&uploads=")
    }

    private func command(_ address: S3Address, query: String) -> ToolCommand {
        var configuration = CurlConfiguration()
        configuration.add("silent")
        configuration.add("url", "\(address.endpoint)/\(address.bucket)/?\(query)")
        configuration.sign(credential, digest: S3Credential.digestOfNothing)
        if let certificates { configuration.add("cacert", certificates) }
        configuration.add("connect-timeout = 30")
        configuration.add("write-out = \"\\n%{http_code}\\t%{url}\\t%{errormsg}\\n\"")
        var command = ToolCommand("curl", ["--disable", "--config", "-"])
        configuration.give(to: &command)
        command.keptOutput = .mebibytes(4)
        command.acceptedExitCodes = Set(0...99)
        command.limits.total = .seconds(300)
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    package struct Page: Sendable, Equatable {
        /// Sizes by key.
        package var objects: [String: Int64] = [:]
        /// Where more follows.
        package var token: String?
    }

    /// What ``all(_:prefix:after:)`` printed.
    package static func page(_ body: String) -> Page {
        var page = Page()
        for entry in texts("Contents", in: body) {
            guard let key = texts("Key", in: entry).first, let size = texts("Size", in: entry).first.flatMap(Int64.init)
            else { continue }
            page.objects[plain(key)] = size
        }
        if texts("IsTruncated", in: body).first == "true" {
            page.token = texts("NextContinuationToken", in: body).first.map(plain)
        }
        return page
    }

    /// Keys and ids that ``uploads(_:prefix:)`` printed.
    package static func uploads(_ body: String) -> [(key: String, id: String)] {
        texts("Upload", in: body).compactMap { entry in
            guard let key = texts("Key", in: entry).first, let id = texts("UploadId", in: entry).first else {
                return nil
            }
            return (plain(key), plain(id))
        }
    }

    static func texts(_ tag: String, in text: some StringProtocol) -> [String] {
        text.components(separatedBy: "<\(tag)>").dropFirst().compactMap { part in
            part.range(of: "</\(tag)>").map { String(part[..<$0.lowerBound]) }
        }
    }

    private static func plain(_ text: String) -> String {
        guard text.contains("&") else { return text }
        return [
            ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&#39;", "'"),
            ("&amp;", "&"),
        ]
        .reduce(text) { $0.replacingOccurrences(of: $1.0, with: $1.1) }
    }

    /// The names directly below a prefix: of objects, and of what stands before the next slash, both without the prefix.
    package static func names(_ body: String, below prefix: String) -> (objects: Set<String>, folders: Set<String>) {
        func names(_ keys: [String]) -> Set<String> {
            Set(keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count).prefix { $0 != "/" }) })
        }
        return (
            names(texts("Contents", in: body).flatMap { texts("Key", in: $0) }),
            names(texts("CommonPrefixes", in: body).flatMap { texts("Prefix", in: $0) })
        )
    }
}
