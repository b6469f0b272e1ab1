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
        let query = "delimiter=%2F&list-type=2&prefix=" + S3Address.escaped(prefix, keepingSlashes: false)
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

    /// The names directly below a prefix: of objects, and of what stands before the next slash, both without the prefix.
    package static func names(_ body: String, below prefix: String) -> (objects: Set<String>, folders: Set<String>) {
        func texts(_ tag: String, in text: some StringProtocol) -> [String] {
            text.components(separatedBy: "<\(tag)>").dropFirst().compactMap { part in
                part.range(of: "</\(tag)>").map { String(part[..<$0.lowerBound]) }
            }
        }
        func names(_ keys: [String]) -> Set<String> {
            Set(keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count).prefix { $0 != "/" }) })
        }
        return (
            names(texts("Contents", in: body).flatMap { texts("Key", in: $0) }),
            names(texts("CommonPrefixes", in: body).flatMap { texts("Prefix", in: $0) })
        )
    }
}
