import ArgumentParser
import BackupModel
import Foundation
import HostSystem

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
        let work = Task { () -> (any Error)? in
            do {
                try CommandNames.check(Array(CommandLine.arguments.dropFirst()))
                var command = try Holdfast.parseAsRoot()
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
        do {
            try NoDump.apply()
            _ = try SignalWatch.start { signal, count in
                Interruption.note(signal)
                if count == 1 { work.cancel() } else { Interruption.hurry() }
            }
        } catch {
            Console.write(Array("error: \(error.description)\n".utf8), to: STDERR_FILENO)
            exit(ExitStatus.failed.rawValue)
        }
        let error = await work.value
        if let failure = error as? Failure {
            Console(quiet: false, verbose: false, json: false).report(failure)
            exit(ExitStatus(for: failure.kind).rawValue)
        }
        if let error { Holdfast.exit(withError: error) }
    }
}
