/// A password, key or token. It has no encoder and prints as `‹redacted›`; the bytes come out through
/// ``reveal(for:)`` alone, which names the use, so that every place that sees a secret can be found by searching for it.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What a secret may be taken out for.
    package enum Use: Sendable {
        /// Handed to a child process through a memory file or, where a tool has no other way, its environment.
        case childProcess
        /// Searched for in text that leaves the program, to blot it out.
        case redaction
        /// Compared with another secret, or digested.
        case comparison
    }

    private let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    package init(_ text: String) { bytes = Array(text.utf8) }

    package var isEmpty: Bool { bytes.isEmpty }
    package func reveal(for use: Use) -> [UInt8] { bytes }

    package var description: String { "‹redacted›" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where a secret comes from, as a profile says it.
package enum SecretReference: Hashable, Sendable, CustomStringConvertible {
    /// `env:NAME`
    case environment(String)
    /// `file:/path`; must belong to root or the invoking user and be closed to others.
    case file(String)
    /// `command: [argv…]`; its standard output, without the last newline.
    case command([String])
    /// `credential:NAME`: a systemd credential, below `$CREDENTIALS_DIRECTORY`.
    case credential(String)

    package var description: String {
        switch self {
        case .environment(let name): "env:\(name)"
        case .file(let path): "file:\(path)"
        case .command(let argv): "command:\(argv.first ?? "")"
        case .credential(let name): "credential:\(name)"
        }
    }
}
