package import BackupModel
import Foundation

/// Runs a program of the operator's: the message as one JSON document on its standard input, the gist of it in its
/// environment. It has taken the message when it exits 0.
package struct CommandNotifier: Notifier {
    package let spec: NotifierSpec
    private let runner: any ToolRunner
    private let niceness: Int32

    package static let kind = NotifierKind(descriptor: descriptor) { (spec, services) throws(NotifierError) in
        CommandNotifier(spec, services)
    }

    package init(_ spec: NotifierSpec, _ services: Services) {
        self.spec = spec
        runner = services.runner
        niceness = services.settings.niceness
    }

    /// - Throws: ``NotifierError/tool(_:)`` when the program is not there or may not be run.
    package func preflight() async throws(NotifierError) -> String {
        let program = try words()[0]
        if let path = runner.locate(program) { return path }
        guard program.contains("/"), FileManager.default.fileExists(atPath: program) else {
            throw .tool(.notFound(program: program, searched: ["PATH"]))
        }
        throw .tool(.couldNotStart(program: program, stage: "exec", code: EACCES, reason: "it is not executable"))
    }

    package func deliver(_ message: NotificationMessage) async throws(NotifierError) {
        let command = try command(for: message)
        let result: ToolResult
        do { result = try await runner.run(command) } catch { throw .tool(error) }
        guard !result.didItsWork else { return }
        switch result.stopped {
        case .cancelled, .pipelineFailed: throw .cancelled(program: program)
        case .totalLimit, .stallLimit: throw .timedOut(program: program, limit: "\(Int(timeLimit.inSeconds)) s")
        case nil:
            let lastLine = result.errors.text.split(whereSeparator: \.isNewline).last ?? ""
            throw .refused(program: program, how: result.termination.description, detail: String(lastLine.suffix(300)))
        }
    }

    /// What is run; nothing of the message is among its arguments.
    func command(for message: NotificationMessage) throws(NotifierError) -> ToolCommand {
        let words = try words()
        var command = ToolCommand(words[0], Array(words.dropFirst()))
        do { command.input = .bytes(try MessageDocument(message).bytes()) } catch {
            throw .refused(program: program, how: "not run", detail: "the message has no JSON: \(error)")
        }
        command.environment = [
            "HOLDFAST_EVENT": message.event.rawValue, "HOLDFAST_PROFILE": message.profile.rawValue,
        ]
        command.environment["HOLDFAST_RUN"] = message.run?.rawValue
        command.environment["HOLDFAST_OUTCOME"] = message.outcome?.rawValue
        command.workingDirectory = profileFolder
        command.limits = ToolCommand.Limits(total: timeLimit, stall: nil)
        command.teardown = TeardownStep.terminateFirst
        command.whenOrphaned = .signal(.terminate)
        command.niceness = niceness
        return command
    }

    /// Program and arguments, the program with its whole path where it has one.
    private func words() throws(NotifierError) -> [String] {
        var words = spec.settings.strings
        guard let first = words.first else {
            throw .refused(program: "command", how: "not run", detail: "the profile names no program")
        }
        if first.contains("/"), !first.hasPrefix("/"), let profileFolder { words[0] = "\(profileFolder)/\(first)" }
        return words
    }

    private var program: String { spec.settings.strings.first ?? "" }
    private var timeLimit: Duration { spec.entry["time-limit"]?.duration ?? .seconds(60) }

    private var profileFolder: String? {
        let file = spec.entry.location.file
        guard file.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return nil }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }

    package static let descriptor = KindDescriptor(
        kind: "command",
        summary: "A program of yours and its arguments; no shell is involved. It gets the message as one JSON document "
            + "on its standard input, and HOLDFAST_EVENT, HOLDFAST_PROFILE and, of a run, HOLDFAST_RUN and "
            + "HOLDFAST_OUTCOME in its environment. A relative path begins at the profile's folder, where it also runs.",
        shape: .list(.string),
        siblingKeys: [
            KeyDescriptor("time-limit", .duration, "It is stopped after this long.", default: "60s")
        ],
        example: """
            command: [/usr/local/bin/tell-me, --channel, backups]
            on: [failed, recovered]
            """,
        check: { entry in
            guard let value = entry["command"], value.strings.first?.isEmpty ?? true else { return [] }
            return [ConfigProblem(at: value.location, keyPath: "command", message: "names no program")]
        })
}
