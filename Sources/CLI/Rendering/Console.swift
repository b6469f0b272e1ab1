import BackupModel
import Foundation
import Synchronization

/// The program's two outputs: results on standard output, diagnostics on standard error. Everything that came from outside
/// is made harmless before it reaches a terminal.
final class Console: Sendable {
    let isQuiet: Bool
    let isVerbose: Bool
    let isJSON: Bool
    /// Colour and a live display only where somebody watches.
    let isTerminal: Bool
    /// Where results go: standard error where standard output belongs to another program.
    private let results: Int32
    /// Standard error goes to the journal, which takes priorities.
    private let isJournal = Journal.isListening(to: STDERR_FILENO)
    private let live = Mutex<String>("")
    private let redaction = Mutex<@Sendable (String) -> String>({ $0 })

    /// Blots secrets out of everything that is printed.
    var redact: @Sendable (String) -> String {
        get { redaction.withLock { $0 } }
        set { redaction.withLock { $0 = newValue } }
    }

    private let pasted = Mutex<String?>(nil)

    /// What a command that is printed to be pasted ends with, so that it means this profile wherever it is pasted; `nil` until one is
    /// loaded.
    var profileWords: String? {
        get { pasted.withLock { $0 } }
        set { pasted.withLock { $0 = newValue } }
    }

    private let record = Mutex<@Sendable (String) -> Void>({ _ in })

    /// Is told of every warning as well.
    var recorder: @Sendable (String) -> Void {
        get { record.withLock { $0 } }
        set { record.withLock { $0 = newValue } }
    }

    init(quiet: Bool, verbose: Bool, json: Bool, resultsTo results: Int32 = STDOUT_FILENO) {
        self.results = results
        isQuiet = quiet
        isVerbose = verbose
        isJSON = json
        isTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    /// A result.
    func print(_ text: String) {
        live.withLock { shown in
            clear(&shown)
            Console.write(redact(text) + "\n", to: results)
        }
    }

    func print(_ document: JSONValue) { print(document.text(indented: true)) }

    /// A diagnostic, unless `--quiet`.
    func say(_ text: String, _ level: LogLevel = .info) {
        guard !isQuiet, !isJSON else { return }
        diagnose(text, level)
    }

    func warn(_ text: String) {
        diagnose(styled("warning: ", "33") + Console.harmless(text), .warning)
        recorder(text)
    }

    /// An error with its hint.
    func report(_ error: any OperatorError) {
        diagnose(styled("error: ", "31") + Console.harmless(error.description), .error)
        if let hint = error.hint { diagnose("  " + styled("→ ", "36") + Console.harmless(hint), .error) }
    }

    /// Replaces the live line; nothing where nobody watches.
    func show(live line: String) {
        guard isTerminal, !isQuiet, !isJSON else { return }
        live.withLock { shown in
            guard shown != line else { return }
            let width = Console.terminalWidth
            let cut = String(Console.harmless(line).prefix(max(20, width - 1)))
            Console.write("\r\u{1b}[K" + cut, to: STDERR_FILENO)
            shown = line
        }
    }

    private func diagnose(_ text: String, _ level: LogLevel) {
        live.withLock { shown in
            clear(&shown)
            let text = redact(text)
            Console.write((isJournal ? Journal.marked(text, level) : text) + "\n", to: STDERR_FILENO)
        }
    }

    private func clear(_ shown: inout String) {
        guard !shown.isEmpty else { return }
        Console.write("\r\u{1b}[K", to: STDERR_FILENO)
        shown = ""
    }

    func styled(_ text: String, _ code: String) -> String {
        isTerminal && ProcessInfo.processInfo.environment["NO_COLOR"] == nil ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }

    private static var terminalWidth: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// As ``harmless(_:)`` for what others named, such as a file: a line break in it would begin a line of its own.
    static func harmlessName(_ name: String) -> String {
        harmless(name.contains("\n") ? name.replacing("\n", with: "\\u{a}") : name)
    }

    /// Control, bidirectional and line-breaking characters become visible escapes, so that a file name cannot drive the
    /// terminal or fake a line. Newlines of our own messages stay.
    static func harmless(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 && scalar != "\n" || (0x7f...0x9f).contains(scalar.value)
            let isDirectional =
                (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
                || (0x2028...0x2029).contains(scalar.value)
            if isControl || isDirectional {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func write(_ text: String, to descriptor: Int32) { write(Array(text.utf8), to: descriptor) }

    /// A reader that has gone away (`| head`) is no reason to stop: what it does not take is dropped.
    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}
