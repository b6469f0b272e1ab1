import BackupModel
import Foundation
import Programs

/// Where a restic repository is: a folder of this machine, or an address of some backend.
/// - Source: https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html, checked for 0.14.0 to 0.19.1.
package enum ResticLocation: Sendable, Equatable {
    /// An absolute path without `.`, `..` or a final slash.
    case folder(String)
    case remote(String)

    private static let backends = ["rest", "s3", "sftp", "b2", "azure", "gs", "swift", "rclone"]

    /// - Parameter base: what a relative path is relative to.
    /// - Returns: `nil` for an empty location.
    package init?(_ text: String, relativeTo base: String) {
        var path = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !path.isEmpty else { return nil }
        if let colon = path.firstIndex(of: ":"), ResticLocation.backends.contains(String(path[..<colon])) {
            self = .remote(path)
            return
        }
        if path.hasPrefix("local:") { path.removeFirst("local:".count) }
        guard !path.isEmpty else { return nil }
        if path == "~" || path.hasPrefix("~/") {
            path = HomeFolder.path() + path.dropFirst()
        } else if !path.hasPrefix("/") {
            path = base + "/" + path
        }
        self = .folder(ResticLocation.normalised(path))
    }

    /// Why a location that would be taken for a folder looks like an address that was mistyped; `nil` where it does not.
    package static func mistake(in text: String) -> String? {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !["/", "~", ".", "local:"].contains(where: text.hasPrefix), let colon = text.firstIndex(of: ":") else {
            return nil
        }
        let start = text[..<colon]
        guard !start.contains("/"), !backends.contains(String(start)), start != "s3" else { return nil }
        let known = backends.map { "`\($0):`" }.joined(separator: ", ")
        return start.contains("@")
            ? "`\(text)` would be a folder here; a place behind ssh is written `sftp:\(start):\(text[text.index(after: colon)...])`"
            : "`\(start):` is no kind of address (there are \(known)); a folder of that name is written `./\(text)`"
    }

    /// Takes out `.` and `..` by name, as the operator reads them; links are left to the file system.
    private static func normalised(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// What is below it; itself for `nil`.
    package func appending(_ name: String?) -> ResticLocation {
        guard let name else { return self }
        switch self {
        case .folder(let path): return .folder(path == "/" ? "/" + name : path + "/" + name)
        case .remote(var address):
            while address.hasSuffix("/") { address.removeLast() }
            return .remote(address + (address.hasSuffix(":") ? "" : "/") + name)
        }
    }

    package var folder: String? { if case .folder(let path) = self { path } else { nil } }

    /// As restic takes it. A folder whose name looks like a backend's is no trouble, for it begins with a slash.
    package var text: String {
        switch self {
        case .folder(let path), .remote(let path): path
        }
    }

    /// AWS's own general address means another server where a variable names one, as it does for AWS's tools; restic itself
    /// does not look at it. An address that names a server of its own stays.
    /// - Parameter endpoint: `https://s3.us-west-000.backblazeb2.com`
    package func served(by endpoint: String) -> ResticLocation {
        guard case .remote(let text) = self, let address = S3Address(text),
            address.endpoint.hasSuffix("://" + S3Address.generalHost)
        else { return self }
        var server = endpoint.contains("://") ? endpoint : "https://" + endpoint
        while server.hasSuffix("/") { server.removeLast() }
        return .remote(
            "s3:"
                + ([server, address.bucket] + (address.prefix.isEmpty ? [] : [address.prefix])).joined(separator: "/"))
    }

    /// A REST server's address with the user's name and password in it, as every version of restic reads it.
    /// - Returns: `nil` for another kind of address, and for one that bears a name already.
    package func rest(user: String, password: String) -> String? {
        guard case .remote(let text) = self, text.hasPrefix("rest:"), let start = text.range(of: "://")?.upperBound,
            !text[start...].prefix(while: { $0 != "/" }).contains("@")
        else { return nil }
        let plain = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        let words = [user, password].map { $0.addingPercentEncoding(withAllowedCharacters: plain) ?? $0 }
        return text[..<start] + words.joined(separator: ":") + "@" + text[start...]
    }

    /// True for an address such as `rest:https://user:word@host/`: argv and messages would show it.
    package var containsPassword: Bool {
        guard case .remote(let address) = self, let start = address.range(of: "://")?.upperBound else { return false }
        let authority = address[start...].prefix { $0 != "/" }
        return authority.contains("@") && authority.prefix { $0 != "@" }.contains(":")
    }
}
