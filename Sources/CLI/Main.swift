import ArgumentParser
import BackupModel
import Foundation
import HostSystem
import Synchronization

/// Where the program begins: signals first, then the command, in a task that a signal can cancel.
@main
enum Main {
    static func main() {
        // Scripts ask every tool for its version, again and again: neither parser nor tasks need to be set up for that.
        if CommandLine.arguments.dropFirst() == ["--version"] {
            Console.write(Array("\(ProgramVersion.text)\n".utf8), to: STDOUT_FILENO)
            return
        }
        Task(priority: .medium) {
            await perform()
            exit(ExitStatus.success.rawValue)
        }
        dispatchMain()
    }

    private static func perform() async {
        let words = GlobalArguments.behindCommand(Array(CommandLine.arguments.dropFirst()))
        // Before anything begins: a signal that comes first must not find its default, which leaves what was begun.
        let current = Mutex<Task<(any Error)?, Never>?>(nil)
        do {
            try NoDump.apply(forChildren: words.first != Guard._commandName)
            _ = try SignalWatch.start { signal, count in
                Interruption.note(signal)
                if count == 1 { current.withLock { $0?.cancel() } } else { Interruption.hurry() }
            }
        } catch {
            Console.write(Array("error: \(error.description)\n".utf8), to: STDERR_FILENO)
            exit(ExitStatus.failed.rawValue)
        }
        let work = Task { () -> (any Error)? in
            do {
                try CommandNames.check(words)
                var command = try Holdfast.parseAsRoot(words)
                if var command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
                return nil
            } catch {
                return error
            }
        }
        current.withLock { $0 = work }
        if Interruption.hasCome { work.cancel() }
        guard let error = await work.value else { return }
        if let failure = error as? Failure ?? CommandNames.failure(of: error, in: words) {
            CommandFailure.report(
                failure, Console(quiet: false, verbose: false, json: words.contains("--json")))
            exit(words.first == Guard._commandName ? Guard.notRun : ExitStatus(for: failure.kind).rawValue)
        }
        Holdfast.exit(withError: error)
    }
}
