import BackupModel
import Foundation

/// A question to whoever sits at the terminal.
enum Question {
    /// Whether anybody can be asked: standard input and error are a terminal, and we are in its foreground.
    static var canBeAsked: Bool {
        isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) == getpgrp()
    }

    /// - Returns: true for `y` or `yes` alone; false also when the task is cancelled while it waits, as by Ctrl-C.
    static func agrees(_ text: String) -> Bool {
        // What was typed while something else ran was not meant for this.
        tcflush(STDIN_FILENO, TCIFLUSH)
        Console.write(Array("\(text) [y/N] ".utf8), to: STDERR_FILENO)
        return ["y", "yes"].contains(line()?.lowercased() ?? "")
    }

    /// - Returns: a line without blanks at its ends; `nil` at the end of the input, and when the task is cancelled while it
    ///   waits.
    private static func line() -> String? {
        var answer: [UInt8] = []
        while !Task.isCancelled {
            var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            guard poll(&input, 1, 100) > 0 else { continue }
            var byte: UInt8 = 0
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { break }
            guard byte != 10 else {
                return String(decoding: answer, as: UTF8.self).trimmingCharacters(in: .whitespaces)
            }
            answer.append(byte)
        }
        Console.write(Array("\n".utf8), to: STDERR_FILENO)
        return nil
    }

    /// As ``agrees(_:)``.
    /// - Throws: ``Failure`` where nobody is there.
    static func confirmed(_ question: String) throws -> Bool {
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure("nobody is there to ask", hint: "give --yes when no terminal is attached", kind: .usage)
        }
        return agrees(question)
    }

    /// - Returns: what was typed, without blanks at its ends.
    /// - Throws: ``Failure`` when the input ends; `CancellationError` by Ctrl-C.
    static func ask(_ question: String) throws -> String {
        Console.write(Array("\(question) ".utf8), to: STDERR_FILENO)
        if let line = line() { return line }
        try Task.checkCancellation()
        throw Failure("nothing was chosen", kind: .usage)
    }

    /// Numbers of what is listed, from 1: `2`, `1 3`, `2-4`.
    /// - Returns: indices; `nil` for what are none.
    static func indices(_ text: String, of count: Int) -> [Int]? {
        var found: [Int] = []
        for word in text.split(whereSeparator: { $0 == " " || $0 == "," }) {
            let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard let first = ends[0], let last = ends.count == 1 ? first : ends[1], ends.count <= 2, first >= 1,
                last <= count, first <= last
            else { return nil }
            found += (first...last).map { $0 - 1 }
        }
        return found.isEmpty ? nil : found
    }
}
