package import BackupModel

/// One object in S3, uploaded in parts by curl. Until ``complete(_:_:_:digest:_:certificates:)`` is answered nothing is to be seen
/// of it.
/// - Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html; tried with the server of the tests and curl
///   7.88.1. That CompleteMultipartUpload takes `If-None-Match` is by its page, since 2024.
package enum S3Parts {
    /// The least that a part may have but the last, and how many there may be.
    /// - Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    package static let leastPart = ByteCount(5 << 20)
    package static let most: Int64 = 10_000

    /// Begins an upload; ``id(_:)`` reads the answer.
    package static func begin(_ url: String, _ credential: S3Credential, certificates: String?) -> CurlRequest {
        var request = CurlRequest(
            .post, url + "?uploads=", .s3(credential, digest: S3Credential.digestOfNothing))
        // So that curl says how long it is: S3 takes nothing without.
        request.body = ""
        request.certificates = certificates
        request.limit = .seconds(120)
        return request
    }

    package static func id(_ output: String) -> String? { CurlListing.texts("UploadId", in: output).first }

    /// Puts one part, which comes through a pipe. ``CurlRequest/answer(_:)`` and ``tag(_:)`` read the answer.
    /// - Parameters:
    ///   - bytes: of the part. curl cannot see its size, and S3 takes nothing without one.
    ///   - digest: SHA-256 of the part: the server refuses anything else.
    package static func put(
        _ number: Int, of id: String, _ url: String, bytes: Int64, digest: String, _ credential: S3Credential,
        certificates: String?, limit: ByteCount?
    ) -> ToolCommand {
        var configuration = CurlConfiguration()
        configuration.add("silent")
        configuration.add("include")
        configuration.add("url", "\(url)?partNumber=\(number)&uploadId=\(escaped(id))")
        configuration.add("upload-file", "-")
        configuration.sign(credential, digest: digest)
        configuration.add("header", "Content-Length: \(bytes)")
        configuration.add("header", "Transfer-Encoding:")
        configuration.add("header", "Expect:")
        if let certificates { configuration.add("cacert", certificates) }
        if let limit { configuration.add("limit-rate = \(max(1, limit.bytes))") }
        configuration.add("connect-timeout = 30")
        configuration.add("speed-limit = 1")
        configuration.add("speed-time = 120")
        configuration.add("write-out", CurlRequest.ending)
        // Its standard input is the part.
        var command = ToolCommand("curl", ["--disable", "--config"])
        configuration.giveAsFile(to: &command)
        command.acceptedExitCodes = Set(0...99)
        command.teardown = TeardownStep.terminateFirst
        return command
    }

    /// What the server calls a part.
    package static func tag(_ output: String) -> String? {
        output.split(whereSeparator: \.isNewline).last { $0.lowercased().hasPrefix("etag:") }.map {
            $0.dropFirst("etag:".count).split(separator: " ").joined()
        }
    }

    package static func document(_ tags: [String]) -> String {
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            + tags.enumerated().map {
                "<Part><PartNumber>\($0.offset + 1)</PartNumber><ETag>\($0.element)</ETag></Part>"
            }
            .joined() + "</CompleteMultipartUpload>"
    }

    /// Makes the object of its parts, unless there is one already. The answer may be 200 and yet have an error in it.
    /// - Parameter digest: of the document.
    package static func complete(
        _ id: String, _ url: String, _ document: String, digest: String, _ credential: S3Credential,
        certificates: String?
    ) -> CurlRequest {
        var request = CurlRequest(.post, "\(url)?uploadId=\(escaped(id))", .s3(credential, digest: digest))
        request.body = document
        request.headers = ["If-None-Match: *"]
        request.certificates = certificates
        // Of a large one it takes minutes.
        request.limit = .seconds(900)
        return request
    }

    package static func abort(_ url: String, _ id: String, _ credential: S3Credential, _ certificates: String?)
        -> CurlRequest
    {
        var request = CurlRequest(
            .delete, "\(url)?uploadId=\(escaped(id))", .s3(credential, digest: S3Credential.digestOfNothing))
        request.certificates = certificates
        return request
    }

    private static func escaped(_ id: String) -> String { S3Address.escaped(id, keepingSlashes: false) }
}
