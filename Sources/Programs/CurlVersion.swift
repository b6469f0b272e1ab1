package import BackupModel

/// Whether a curl can sign requests for S3. One that does not know an option of its configuration only warns and goes on, and
/// would send the secret key as a password.
/// - Source: https://curl.se/docs/manpage.html, "Added in 7.75.0" of `--aws-sigv4`. That an unknown option is only warned about was
///   seen with curl 7.88.1; no older one was tried.
package struct CurlVersion: Sendable, Equatable, CustomStringConvertible {
    package var major: Int
    package var minor: Int
    package var description: String { "\(major).\(minor)" }

    package static let neededToSign = "7.75"

    /// From the first line of `curl --version`: `curl 7.88.1 (x86_64-pc-linux-gnu) …`.
    package init?(_ output: String) {
        let words = output.split(whereSeparator: \.isWhitespace)
        guard words.count > 1, words[0] == "curl" else { return nil }
        let numbers = words[1].split(separator: ".").map { Int($0.prefix { $0.isNumber }) }
        guard numbers.count > 1, let major = numbers[0], let minor = numbers[1] else { return nil }
        (self.major, self.minor) = (major, minor)
    }

    package var canSign: Bool { (major, minor) >= (7, 75) }

    package static var command: ToolCommand {
        var command = ToolCommand("curl", ["--disable", "--version"])
        command.limits.total = .seconds(30)
        return command
    }
}
