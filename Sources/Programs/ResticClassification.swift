package import BackupModel
package import Foundation

/// Why restic failed. Exit codes tell a few apart in newer versions; the rest, and everything in 0.14, is told apart by what
/// it says.
package enum ResticFailure: Sendable, Equatable {
    case noRepository
    case wrongPassword
    case locked(ResticLockNotice?)
    case formatTooNew
    case damaged
    /// `path` is the file that could not grow, where it is told: it may lie in the folder for temporary files.
    case full(path: String?)
    case readOnly
    case denied
    case unreachable
    case sourceUnreadable
    case notFound
    case usage
    case unknown

    /// - Source: https://restic.readthedocs.io/en/stable/075_scripting.html#exit-codes (10 and 11 from 0.17.0, 12 from
    ///   0.17.1); the texts were collected from 0.14.0, 0.18.0 and 0.19.1.
    package init(exitCode: Int32?, _ diagnostics: ResticDiagnostics, now: Date) {
        let said = diagnostics.aboutRepository.lowercased()
        let says = { (words: String...) in words.contains(where: said.contains) }
        if exitCode == 11 || says("repository is already locked") {
            self = .locked(ResticLockNotice(diagnostics.aboutRepository, now: now))
        } else if exitCode == 12 || says("wrong password or no key found") {
            self = .wrongPassword
        } else if says("unsupported repository version") {
            self = .formatTooNew
        } else if exitCode == 10 || Self.lacksConfig(said) {
            self = .noRepository
        } else if says("no space left on device", "disk quota exceeded", "(507)", "507 insufficient storage") {
            self = .full(path: Self.pathThatIsFull(diagnostics.aboutRepository))
        } else if says("read-only file system") {
            self = .readOnly
        } else if Self.lacksSnapshot(said) {
            self = .notFound
        } else if Self.tellsOfDamage(diagnostics) {
            self = .damaged
        } else if says(
            "access denied", "permission denied", "operation not permitted", "unexpected http response (401)",
            "unexpected http response (403)", "403 forbidden", "401 unauthorized",
            "access key id you provided does not", "signature we calculated does not match", "token has expired",
            "token is expired", "expiredtoken", "difference between the request time",
            "no credentials found")
        {
            self = .denied
        } else if says(
            "connection refused", "no such host", "i/o timeout", "network is unreachable", "no route to host",
            "connection reset", "tls handshake timeout", "connection timed out", "dial tcp", "ssh: connect to host",
            "returned error, retrying", "reduce your request rate", "internal error", "service unavailable",
            "unexpected eof",
            "server closed idle connection", "http response (5", "x509:", "deadline exceeded",
            "unable to start the sftp session", "temporary failure in name resolution")
        {
            self = .unreachable
        } else if says(
            "all source directories/files do not exist", "all target directories/files do not exist",
            "at least one source file could not be read", "snapshot is empty")
        {
            self = .sourceUnreadable
        } else if says("no matching id found for prefix", "not found in snapshot", "no snapshot found", ": not found") {
            self = .notFound
        } else if says("unknown flag", "unknown command", "unknown shorthand flag", "invalid backend") {
            self = .usage
        } else {
            self = .unknown
        }
    }

    /// True when a backup that made a snapshot did so over an index that has lost its way: its exit code 3 then is about the
    /// repository and not about the source.
    package static func tellsOfDamage(_ diagnostics: ResticDiagnostics) -> Bool {
        if diagnostics.items.contains(where: { item in
            isDamage(item.reason.lowercased())
                // 0.14.0 gives no reason; a folder that cannot be read has a path of its own.
                || item.path == "/" && item.reason == "unknown reason"
        }) {
            return true
        }
        return diagnostics.aboutRepository.split(whereSeparator: \.isNewline).contains { isDamage($0.lowercased()) }
    }

    private static func isDamage(_ line: String) -> Bool {
        let signs = [
            "ciphertext verification failed", "invalid data returned", "unexpected file size", "unexpected pack id",
            "is not known; the repository could be damaged", "repository contains errors", "config file has zero size",
            "not found in repository", "not found in index", "packs from index missing", "loadindex returned errors",
            "repository is damaged", "pack id does not match",
        ]
        if signs.contains(where: line.contains) { return true }
        if line.contains("config or key") && line.contains("is damaged") { return true }
        if line.contains("pack ") && line.contains("does not exist") { return true }
        let isAboutStoredFile = ["<data/", "<index/"].contains(where: line.contains)
        return isAboutStoredFile && line.contains("no such file or directory")
    }

    private static func lacksConfig(_ said: String) -> Bool {
        said.split(whereSeparator: \.isNewline).contains { line in
            line.contains("unable to open config file")
                && ["no such file", "does not exist"].contains(where: line.contains)
        }
    }

    /// A whole id is not looked up but loaded, from 0.15.0.
    private static func lacksSnapshot(_ said: String) -> Bool {
        said.split(whereSeparator: \.isNewline).contains { line in
            line.contains("failed to load snapshot")
                && ["no such file", "does not exist"].contains(where: line.contains)
        }
    }

    /// From `write /path/to/file: no space left on device`.
    private static func pathThatIsFull(_ said: String) -> String? {
        guard let end = said.range(of: ": no space left on device"),
            let start = said[..<end.lowerBound].range(of: " /", options: .backwards)
        else { return nil }
        return String(said[said.index(after: start.lowerBound)..<end.lowerBound])
    }
}

/// The lock in the way, as restic's own message names it; there may be more.
package struct ResticLockNotice: Sendable, Equatable {
    package var lock: RepositoryLock

    /// From `repository is already locked [exclusively ]by PID 4242 on host by user (UID 0, GID 0)`, followed by `lock was
    /// created at 2026-11-21 00:35:07 (1m3.6s ago)` and `storage ID b72d3bea`; `nil` for anything else.
    package init?(_ text: String, now: Date) {
        guard let marker = text.range(of: "repository is already locked ") else { return nil }
        let rest = text[marker.upperBound...]
        let line = rest.prefix { !$0.isNewline }
        let exclusive = line.hasPrefix("exclusively ")
        let words = line.split(separator: " ")
        guard let pidIndex = words.firstIndex(of: "PID"), pidIndex + 5 < words.count,
            let pid = Int32(words[pidIndex + 1]), words[pidIndex + 2] == "on", words[pidIndex + 4] == "by"
        else { return nil }
        let age = rest.range(of: " ago)").flatMap { end in
            rest[..<end.lowerBound].range(of: "(", options: .backwards).map { rest[$0.upperBound..<end.lowerBound] }
        }
        let id = rest.range(of: "storage ID ").map { rest[$0.upperBound...].prefix { $0.isHexDigit } }
        lock = RepositoryLock(
            id: id.map(String.init) ?? "", time: now.addingTimeInterval(-(age.flatMap(Self.seconds) ?? 0)),
            exclusive: exclusive, host: String(words[pidIndex + 3]), user: String(words[pidIndex + 5]), pid: pid)
    }

    /// Go's way to print a duration: `1h2m3.5s`, `98.2ms`.
    private static func seconds(_ text: Substring) -> Double? {
        var total = 0.0
        var rest = text
        while !rest.isEmpty {
            let number = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !$0.isNumber }
            rest = rest.dropFirst(unit.count)
            let scales = ["h": 3600.0, "m": 60, "s": 1, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9]
            guard let value = Double(number), let scale = scales[String(unit)] else { return nil }
            total += value * scale
        }
        return total
    }
}
