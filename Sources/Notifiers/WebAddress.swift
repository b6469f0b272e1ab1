import BackupModel
import Foundation

/// An address of HTTP. It may hold a token, so it prints as its host alone.
struct WebAddress: Sendable, CustomStringConvertible {
    private let base: String
    private var path: String
    private var query: String?
    let host: String
    let isEncrypted: Bool

    /// - Throws: ``NotifierError/misconfigured(service:reason:hint:)`` that does not repeat it.
    init(_ secret: Secret, of service: String) throws(NotifierError) {
        func wrong(_ reason: String, _ hint: String? = nil) -> NotifierError {
            .misconfigured(service: service, reason: reason, hint: hint ?? "write it as https://host/path")
        }
        let text = String(decoding: secret.reveal(for: .childProcess), as: UTF8.self)
        guard text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
            throw wrong("its address has blanks, line breaks or other characters in it that no address has")
        }
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }) else {
            throw wrong("its address begins with neither https:// nor http://")
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?#".contains($0) }
        guard !authority.isEmpty else { throw wrong("its address names no host") }
        guard !authority.contains("@") else {
            throw wrong("its address has a user in it", "give user and password under keys of their own")
        }
        isEncrypted = scheme == "https://"
        base = scheme + authority
        host = String(authority)
        let tail = rest.dropFirst(authority.count).prefix { $0 != "#" }
        let parts = tail.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = String(parts.first ?? "")
        query = parts.count > 1 ? String(parts[1]) : nil
    }

    /// On this machine, where nobody else listens.
    var isLocal: Bool {
        let name = host.hasPrefix("[") ? String(host.prefix { $0 != "]" }) + "]" : String(host.prefix { $0 != ":" })
        return ["localhost", "127.0.0.1", "[::1]"].contains(name)
    }

    var description: String { "\(isEncrypted ? "https" : "http")://\(host)" }

    func appending(_ suffix: String) -> WebAddress {
        var copy = self
        while copy.path.hasSuffix("/") { copy.path.removeLast() }
        copy.path += suffix
        return copy
    }

    func adding(_ name: String, _ value: String) -> WebAddress {
        var copy = self
        copy.query = (query.map { $0.isEmpty ? "" : $0 + "&" } ?? "") + "\(name)=\(value)"
        return copy
    }

    /// Without what comes after the last slash, and that.
    var split: (WebAddress, last: String) {
        var copy = self
        let last = path.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? ""
        copy.path = String(path.dropLast(path.hasSuffix("/") ? last.count + 1 : last.count))
        copy.query = nil
        return (copy, last)
    }

    var secret: Secret { Secret(base + path + (query.map { "?" + $0 } ?? "")) }

    /// What may not be repeated: path and query as a whole, and every long word in them.
    var secretParts: [Secret] {
        let words = (path + "/" + (query ?? "")).split { "/?&=".contains($0) }.filter { $0.count >= 12 }
        let whole = path.count >= 8 ? [path] : []
        let texts: [String] = whole + words.map { String($0) }
        return texts.map { Secret($0) }
    }
}
