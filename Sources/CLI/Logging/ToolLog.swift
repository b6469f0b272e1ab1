import BackupModel

/// A runner that writes down what it ran, how that ended, and the end of what it had to say on standard error. Standard output
/// is data and is never written down.
struct ToolLog: ToolRunner {
    private let runner: any ToolRunner
    private let log: RunLog

    /// So many lines of each program, the last ones.
    private static let mostLines = 40
    private static let longestCommand = 600

    init(_ runner: any ToolRunner, _ log: RunLog) {
        self.runner = runner
        self.log = log
    }

    func locate(_ program: String) -> String? { runner.locate(program) }

    func run(_ command: ToolCommand, reading reader: (any LineReader)?) async throws(ToolError) -> ToolResult {
        let result: ToolResult
        do { result = try await runner.run(command, reading: reader) } catch {
            note(command, error)
            throw error
        }
        note(result)
        return result
    }

    func pipeline(
        _ stages: [ToolCommand], refusingEmpty: Bool, reading reader: (any LineReader)?
    ) async throws(ToolError) -> PipelineResult {
        let result: PipelineResult
        do { result = try await runner.pipeline(stages, refusingEmpty: refusingEmpty, reading: reader) } catch {
            for stage in stages { note(stage, error) }
            throw error
        }
        result.stages.forEach(note)
        return result
    }

    func converse<Value: Sendable>(
        with command: ToolCommand, _ body: @Sendable (any Conversation) async throws -> Value
    ) async throws -> Value {
        log.add(.debug, "tool", "\(shown(command)) is talked to", subject: name(command))
        return try await runner.converse(with: command, body)
    }

    private func note(_ result: ToolResult) {
        let program = name(result.command)
        let stopped = result.stopped.map { ", ended by us (\($0.rawValue))" } ?? ""
        log.add(
            .debug, "tool",
            "\(shown(result.command)): \(result.termination)\(stopped) after \(Format.duration(result.usage.wall))",
            subject: program, duration: result.usage.wall)
        let lines = result.errors.text.split(whereSeparator: \.isNewline)
        guard !lines.isEmpty else { return }
        let left = lines.count > ToolLog.mostLines ? "… \(lines.count - ToolLog.mostLines) lines before\n" : ""
        log.add(
            .debug, "toolSaid",
            left + lines.suffix(ToolLog.mostLines).map { "\(program): \($0)" }.joined(separator: "\n"),
            subject: program)
    }

    private func note(_ command: ToolCommand, _ error: ToolError) {
        log.add(.debug, "tool", "\(shown(command)): \(error.description)", subject: name(command))
    }

    private func name(_ command: ToolCommand) -> String {
        command.program.split(separator: "/").last.map(String.init) ?? command.program
    }

    private func shown(_ command: ToolCommand) -> String {
        let text = command.displayed
        return text.count > ToolLog.longestCommand ? text.prefix(ToolLog.longestCommand) + "…" : text
    }
}
