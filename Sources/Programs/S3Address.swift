import Foundation

/// Where in S3 a repository is, read as restic reads it.
/// - Source: https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html#amazon-s3, checked for 0.14.0 to 0.19.1.
package struct S3Address: Sendable, Equatable {
    /// `https://s3.amazonaws.com`, without a slash at its end.
    package var endpoint: String
    package var bucket: String
    /// Without slashes at its ends; may be empty.
    package var prefix: String

    /// AWS's own, which serves every region.
    package static let generalHost = "s3.amazonaws.com"

    /// `s3:HOST/BUCKET/PREFIX`, `s3:http://HOST:PORT/BUCKET/PREFIX`, `s3://HOST/BUCKET/PREFIX`.
    /// - Returns: `nil` for anything else.
    package init?(_ location: String) {
        guard location.hasPrefix("s3:") else { return nil }
        var rest = location.dropFirst(3)
        var scheme = "https"
        if rest.hasPrefix("http://") || rest.hasPrefix("https://") {
            scheme = rest.hasPrefix("https") ? "https" : "http"
            rest = rest.dropFirst(scheme.count + 3)
        } else if rest.hasPrefix("//") {
            rest = rest.dropFirst(2)
        }
        let parts = rest.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: true).map(String.init)
        guard parts.count >= 2 else { return nil }
        endpoint = "\(scheme)://\(parts[0])"
        bucket = parts[1]
        prefix = parts.count > 2 ? parts[2].split(separator: "/").joined(separator: "/") : ""
    }

    /// The address of one object, by path. Repository paths need no escaping; the prefix may.
    package func url(of path: String) -> String {
        let key = ([bucket] + (prefix.isEmpty ? [] : [prefix]) + [path]).joined(separator: "/")
        return endpoint + "/" + S3Address.escaped(key, keepingSlashes: true)
    }

    static func escaped(_ text: String, keepingSlashes: Bool) -> String {
        let plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
        let allowed = CharacterSet(charactersIn: plain + (keepingSlashes ? "/" : ""))
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
    }

    /// Lists one object of the repository; the query is in order and escaped, as it is signed.
    package var listURL: String {
        let unreserved = CharacterSet(
            charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        let under = prefix.isEmpty ? "" : prefix + "/"
        return "\(endpoint)/\(bucket)/?list-type=2&max-keys=1&prefix="
            + (under.addingPercentEncoding(withAllowedCharacters: unreserved) ?? under)
    }

    /// The region that a request is signed for, where the host is one of those that tell it.
    /// - Source: the providers' own pages on endpoints; tried with none of them.
    package var regionOfHost: String? {
        let host = endpoint.split(separator: "/").last.map { $0.prefix { $0 != ":" } } ?? ""
        if host.hasSuffix(".r2.cloudflarestorage.com") { return "auto" }
        for (before, after) in S3Address.regionsBetween where host.hasPrefix(before) && host.hasSuffix(after) {
            guard host.count > before.count + after.count else { continue }
            let region = host.dropFirst(before.count).dropLast(after.count)
            if !region.contains(".") { return String(region) }
        }
        return nil
    }

    /// What stands before and after the region in a host's name; AWS's older and two-stack forms too.
    private static let regionsBetween = [
        ("s3.dualstack.", ".amazonaws.com"), ("s3.", ".amazonaws.com"), ("s3-", ".amazonaws.com"),
        ("s3.", ".amazonaws.com.cn"), ("s3.", ".backblazeb2.com"), ("s3.", ".wasabisys.com"), ("s3.", ".scw.cloud"),
        ("s3.", ".io.cloud.ovh.net"), ("", ".your-objectstorage.com"),
    ]
}
