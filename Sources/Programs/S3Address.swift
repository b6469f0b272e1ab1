import Foundation

/// Where in S3 a repository is, read as restic reads it.
/// - Source: https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html#amazon-s3, checked for 0.14.0 to 0.19.1.
package struct S3Address: Sendable, Equatable {
    /// `https://s3.amazonaws.com`, without a slash at its end.
    package var endpoint: String
    package var bucket: String
    /// Without slashes at its ends; may be empty.
    package var prefix: String

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
        let allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/")
        let key = ([bucket] + (prefix.isEmpty ? [] : [prefix]) + [path]).joined(separator: "/")
        return endpoint + "/" + (key.addingPercentEncoding(withAllowedCharacters: allowed) ?? key)
    }

    /// The region that a request is signed for, where the host tells it: `s3.eu-central-1.amazonaws.com`.
    package var regionOfHost: String? {
        let host = endpoint.split(separator: "/").last.map(String.init) ?? ""
        let labels = host.split(separator: ":")[0].split(separator: ".").map(String.init)
        guard let service = labels.firstIndex(where: { $0 == "s3" || $0.hasPrefix("s3-") }), labels.count > service + 2
        else { return nil }
        let next = labels[service + 1]
        return next.contains("-") ? next : nil
    }
}
