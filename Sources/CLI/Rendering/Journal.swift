import BackupModel
import Foundation

/// The journal takes a line's priority from a mark before it, and the time from its own clock.
/// - Source: sd-daemon(3), systemd.exec(5) on `$JOURNAL_STREAM`, systemd 252.
enum Journal {
    /// Whether a descriptor is the stream that a service manager has connected to the journal: who redirects it elsewhere keeps
    /// the variable and gets no marks.
    static func isListening(
        to descriptor: Int32, stream: String? = ProcessInfo.processInfo.environment["JOURNAL_STREAM"]
    ) -> Bool {
        guard let numbers = stream?.split(separator: ":"), numbers.count == 2 else { return false }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return false }
        return numbers[0] == "\(facts.st_dev)" && numbers[1] == "\(facts.st_ino)"
    }

    /// Every line with its mark: `<4>warning: …`.
    static func marked(_ text: String, _ level: LogLevel) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { "<\(level.rawValue)>\($0)" }
            .joined(separator: "\n")
    }
}
