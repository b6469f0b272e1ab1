import BackupModel
import Foundation

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

    /// Takes out `.` and `..` by name, as the operator reads them; links are left to the file system.
    private static func normalised(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    package var folder: String? { if case .folder(let path) = self { path } else { nil } }

    /// As restic takes it. A folder whose name looks like a backend's is no trouble, for it begins with a slash.
    package var text: String {
        switch self {
        case .folder(let path), .remote(let path): path
        }
    }

    /// True for an address such as `rest:https://user:word@host/`: argv and messages would show it.
    package var containsPassword: Bool {
        guard case .remote(let address) = self, let start = address.range(of: "://")?.upperBound else { return false }
        let authority = address[start...].prefix { $0 != "/" }
        return authority.contains("@") && authority.prefix { $0 != "@" }.contains(":")
    }
}
