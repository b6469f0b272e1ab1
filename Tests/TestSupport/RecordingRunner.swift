package import BackupModel
import Synchronization

/// A runner that starts nothing: it records what it was asked for and answers from a closure, or from answers given
/// beforehand. Every command of a pipeline is asked for by itself, the first stage first.
package final class RecordingRunner: ToolRunner {
    package typealias Answer = @Sendable (ToolCommand) async throws(ToolError) -> ToolResult

    private let answer: Answer
    private let recorded = Mutex<[ToolCommand]>([])
    private let texts = Mutex<[String]>([])
    private let missing: Set<String>

    /// - Parameters:
    ///   - missing: programs that ``locate(_:)`` does not find.
    ///   - answer: gives the result of each command; the default ends well without a word.
    package init(missing: Set<String> = [], answer: @escaping Answer = { RecordingRunner.ended($0) }) {
        self.missing = missing
        self.answer = answer
    }

    /// Answers with these results in order, each with the command it was asked for; then `exit 0` without a word.
    package convenience init(scripted: [(code: Int32, output: String, errors: String)]) {
        let remaining = Mutex(scripted[...])
        self.init { command in
            guard let next = remaining.withLock({ $0.popFirst() }) else { return RecordingRunner.ended(command) }
            return RecordingRunner.ended(command, next.code, output: next.output, errors: next.errors)
        }
    }

    /// All commands so far, in the order they were asked for.
    package var commands: [ToolCommand] { recorded.withLock { $0 } }

    /// A result as of a program that ended by itself.
    package static func ended(
        _ command: ToolCommand, _ code: Int32 = 0, output: String = "", errors: String = ""
    ) -> ToolResult {
        let (output, errors) = (Array(output.utf8), Array(errors.utf8))
        return ToolResult(
            command: command, termination: .exited(code), output: CapturedOutput(head: output),
            errors: CapturedOutput(head: errors),
            usage: ResourceUsage(bytesWritten: ByteCount(Int64(output.count + errors.count))))
    }

    package func locate(_ program: String) -> String? {
        if missing.contains(program) { return nil }
        return program.hasPrefix("/") ? program : "/usr/bin/\(program)"
    }

    package func run(_ command: ToolCommand, reading reader: (any LineReader)?) async throws(ToolError) -> ToolResult {
        recorded.withLock { $0.append(command) }
        if missing.contains(command.program) { throw .notFound(program: command.program, searched: ["/usr/bin"]) }
        let result = try await answer(command)
        if let reader { RecordingRunner.read(result.output, to: reader) }
        return result
    }

    /// Commits when every stage did its work and, with `refusingEmpty`, the first wrote something. A stage after one that
    /// failed is asked for as well, and its result is marked as stopped.
    package func pipeline(
        _ stages: [ToolCommand], refusingEmpty: Bool, reading reader: (any LineReader)?
    ) async throws(ToolError) -> PipelineResult {
        var results: [ToolResult] = []
        for stage in stages { results.append(try await run(stage, reading: nil)) }
        let wasEmpty = refusingEmpty && results[0].didItsWork && results[0].producedBytes == 0
        let firstFailure = wasEmpty ? 0 : results.firstIndex { !$0.didItsWork }
        if let firstFailure {
            for index in results.indices where index > firstFailure { results[index].stopped = .pipelineFailed }
        }
        if let reader, let last = results.last { RecordingRunner.read(last.output, to: reader) }
        return PipelineResult(
            stages: results, committed: firstFailure == nil, firstFailure: firstFailure, wasEmpty: wasEmpty)
    }

    /// The lines of the answer's output are what the program says, one for each question.
    package func converse<Value: Sendable>(
        with command: ToolCommand, _ body: @Sendable (any Conversation) async throws -> Value
    ) async throws -> Value {
        let result = try await run(command, reading: nil)
        return try await body(RecordedConversation(result) { [self] text in texts.withLock { $0.append(text) } })
    }

    /// What was sent to programs in conversations, in order.
    package var sent: [String] { texts.withLock { $0 } }

    private static func read(_ output: CapturedOutput, to reader: any LineReader) {
        var lines = output.text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for line in lines { Array(line.utf8).withUnsafeBytes { reader.read(line: $0) } }
    }
}

private final class RecordedConversation: Conversation {
    let diagnostics: String
    private let lines: Mutex<ArraySlice<String>>
    private let record: @Sendable (String) -> Void

    init(_ result: ToolResult, record: @escaping @Sendable (String) -> Void) {
        diagnostics = result.errors.text
        lines = Mutex(result.output.text.split(separator: "\n").map(String.init)[...])
        self.record = record
    }

    func send(_ text: String) async throws(ToolError) { record(text) }
    func nextLine(within limit: Duration) async throws(ToolError) -> String? { lines.withLock { $0.popFirst() } }
}
