package import BackupModel

/// A way to run programs somewhere else: inside a container, or on another host.
///
/// A program there does not end with the client here that started it, sees none of our files and none of our variables, and
/// whatever stands in the client's arguments can be read by every user of this host. So a command is enclosed: variables that
/// are no secret become words of `env`; secrets come as the first lines of standard input; and what has no input of its own
/// gets one that ends when the client is gone, by which a watcher beside it ends it.
package enum Passage: Sendable, Equatable {
    /// - Parameters:
    ///   - id: as the engine says it.
    ///   - user: who runs the program there; without it, the container's own user.
    case container(ContainerEngine, id: String, user: String?)
    case secureShell(SecureShell)

    /// The same program, there.
    /// - Precondition: its secrets go by variables of its environment; memory files do not exist there.
    package func enclose(_ command: ToolCommand) -> ToolCommand {
        var far = command
        var (names, lines): ([String], [Secret]) = ([], [])
        for delivery in command.secrets {
            guard case .environment(let variable, let secret) = delivery else {
                preconditionFailure("a memory file cannot be handed over to another place")
            }
            names.append(variable)
            lines.append(secret)
        }
        let variables = command.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let plain = (variables.isEmpty ? [] : ["env"] + variables) + [command.program] + command.arguments
        let isWatched = command.input == .none
        let words =
            names.isEmpty && !isWatched
            ? plain : ["sh", "-c", Passage.script(names, isWatched: isWatched), "sh"] + plain
        (far.environment, far.secrets, far.firstLines) = ([:], [], lines)
        if isWatched { far.input = .held }
        switch self {
        case .container(let engine, let id, let user):
            far.program = engine.rawValue
            far.arguments =
                ["exec", "--interactive"] + (user.map { ["--user", $0] } ?? []) + [id] + words
            far.inheritedVariables.formUnion(ContainerEngine.variables)
        case .secureShell(let shell):
            far.program = SecureShell.program
            far.arguments = shell.arguments(running: words)
            far.inheritedVariables.formUnion(SecureShell.variables)
        }
        return far
    }

    /// Only what every `sh` has. The secrets are in the variables of the shell and what it starts, and nowhere in an argument.
    ///
    /// - Important: nothing of ours may be left without its parent. In the usual image the server itself is process 1 and
    ///   inherits it, and when an unknown child of it dies by a signal, it believes that a backend crashed and ends all sessions
    ///   (measured with 15.18; `CleanupBackend` in postmaster.c). So the shell waits for the watcher too.
    ///
    /// Measured with podman 4.3.1 and OpenSSH 9.2: with the client killed by SIGKILL the program inside reads end of file, and
    /// is ended; without the watcher it goes on.
    private static func script(_ names: [String], isWatched: Bool) -> String {
        var lines = names.map { "IFS= read -r \($0) || exit 125; export \($0)" }
        guard isWatched else { return (lines + ["exec \"$@\""]).joined(separator: "\n") }
        lines += [
            "exec 3<&0", "\"$@\" 3<&- </dev/null &", "child=$!",
            // Its outputs closed: whoever waits for the end of ours must not wait for the watcher.
            "(while IFS= read -r line <&3; do :; done; kill -TERM \"$child\") >/dev/null 2>&1 &", "watcher=$!",
            "wait \"$child\"; code=$?", "kill \"$watcher\" 2>/dev/null", "wait \"$watcher\" 2>/dev/null",
            "exit \"$code\"",
        ]
        return lines.joined(separator: "\n")
    }

    /// For people.
    package var description: String {
        switch self {
        case .container(_, let id, _): "the container \(id.count == 64 ? String(id.prefix(12)) : id)"
        case .secureShell(let shell): "the host \(shell.destination)"
        }
    }
}
