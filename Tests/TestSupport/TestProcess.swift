package import BackupModel
import Foundation

/// A child of the test's own, started and reaped without `Foundation.Process`, which on Linux can overlook the end of a child as
/// long as another child holds a descriptor of it.
package final class TestProcess {
    package let pid: Int32
    private var status: Int32?

    /// - Parameters:
    ///   - arguments: the program's path comes first.
    ///   - input: becomes its standard input; else that is empty.
    ///   - output: a file for its standard output; else that goes nowhere.
    package init(_ arguments: [String], input: Int32? = nil, output: String? = nil) throws {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, output ?? "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // Threads that run Swift tasks block most signals, and a child would go on doing so.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child: Int32 = 0
        let code = posix_spawn(&child, arguments[0], &actions, &attributes, &words, environ)
        guard code == 0 else {
            throw Failure("\(arguments[0]) could not be started: \(String(cString: strerror(code)))")
        }
        pid = child
    }

    deinit {
        guard status == nil else { return }
        Foundation.kill(pid, SIGKILL)
        wait()
    }

    package func kill(_ signal: Int32) { Foundation.kill(pid, signal) }

    /// Waits for its end.
    @discardableResult package func wait() -> Termination {
        var status = self.status ?? 0
        if self.status == nil {
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            self.status = status
        }
        return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signaled(status & 0x7f)
    }
}
