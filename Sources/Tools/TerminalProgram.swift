import Foundation
import ProcessSpawn

/// Runs a program that asks its questions on a terminal and takes the answer nowhere else: our session gets a terminal, on
/// which every answer lies ready. The program's standard input, output and error are ours.
///
/// It ends with us, however we end: the system hangs up on a session whose leader is gone.
package enum TerminalProgram {
    package struct Trouble: Error, CustomStringConvertible {
        package var description: String
    }

    /// Waits for its end. Only the leader of a session can call it, which every child of ours is, and only once.
    /// - Parameters:
    ///   - program: looked for in PATH.
    ///   - answers: one line each, without control characters, at most 1000 bytes: a terminal acts on some of them and takes no
    ///     longer line (termios(3), Linux 6.1: 4096).
    /// - Returns: its exit code, or 128 and the number of the signal that ended it.
    package static func run(_ program: String, _ arguments: [String], answers: [[UInt8]]) throws(Trouble) -> Int32 {
        for answer in answers where answer.count > 1000 || answer.contains(where: { $0 < 32 || $0 == 127 }) {
            throw Trouble(description: "what a terminal is to be told must be one line without control characters")
        }
        var (controller, terminal): (Int32, Int32) = (-1, -1)
        let code = hf_open_terminal(&controller, &terminal)
        guard code == 0 else { throw trouble("a terminal cannot be had", code) }
        for answer in answers {
            let line = answer + [10]
            guard write(controller, line, line.count) == line.count else {
                throw trouble("a terminal takes no answer", errno)
            }
        }
        let child = try start(program, arguments)
        // What it asks, and what the terminal repeats of the answers, is nobody's to see; unread it would block the program.
        let asked = controller
        Thread.detachNewThread { drain(asked) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { throw trouble("\(program) cannot be waited for", errno) }
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    private static func drain(_ controller: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(controller, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return }
        }
    }

    private static func start(_ program: String, _ arguments: [String]) throws(Trouble) -> pid_t {
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child: pid_t = 0
        let code = posix_spawnp(&child, program, nil, nil, &words, environ)
        guard code == 0 else { throw trouble("\(program) cannot be started", code) }
        return child
    }

    private static func trouble(_ what: String, _ code: Int32) -> Trouble {
        Trouble(description: "\(what): \(String(cString: strerror(code)))")
    }
}
