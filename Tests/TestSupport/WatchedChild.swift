import Foundation
import Synchronization

/// A child that a thread of its own waits for. `Foundation.Process` learns of an end by a descriptor that other children, started
/// at the same moment, may hold on to; then it never learns of it, and the test hangs.
package final class WatchedChild: Sendable {
    package let pid: Int32
    private let state = Mutex(State())

    private struct State {
        /// The exit code; minus the signal's number when one ended it.
        var code: Int32?
        var waiting: [CheckedContinuation<Int32, Never>] = []
    }

    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// Leads a process group of its own.
    /// - Parameters:
    ///   - words: the program, by its path, and its arguments.
    ///   - input: a file; `nil` is empty.
    package init(
        _ words: [String], environment: [String: String], input: String? = nil, output: String, errors: String
    ) throws {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o666)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o666)
        // Threads that run Swift tasks block most signals, and a child would go on doing so.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for word in arguments + variables { free(word) } }
        var child: Int32 = 0
        let code = posix_spawn(&child, words[0], &actions, &attributes, &arguments, &variables)
        guard code == 0 else {
            throw Failure(description: "\(words[0]) could not be started: \(String(cString: strerror(code)))")
        }
        pid = child
        Thread.detachNewThread { self.watch() }
    }

    package var isRunning: Bool { state.withLock { $0.code == nil } }

    /// As ``code``, for who cannot wait; `nil` while it runs.
    package var endedCode: Int32? { state.withLock { $0.code } }

    /// Unless it has ended.
    package func signal(_ number: Int32, wholeGroup: Bool = false) {
        state.withLock { if $0.code == nil { kill(wholeGroup ? -pid : pid, number) } }
    }

    /// Waits for its end.
    package var code: Int32 {
        get async {
            await withCheckedContinuation { waiting in
                let ended: Int32? = state.withLock { state in
                    if state.code == nil { state.waiting.append(waiting) }
                    return state.code
                }
                if let ended { waiting.resume(returning: ended) }
            }
        }
    }

    private func watch() {
        var facts = siginfo_t()
        while waitid(P_PID, id_t(pid), &facts, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        var status: Int32 = 0
        let (code, waiting) = state.withLock { state in
            // Reaped under the lock, so that nobody signals a number that is somebody else's by now.
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let code = status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
            state.code = code
            defer { state.waiting = [] }
            return (code, state.waiting)
        }
        for continuation in waiting { continuation.resume(returning: code) }
    }
}
