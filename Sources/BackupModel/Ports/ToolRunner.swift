/// Starts external programs and watches over them until they are dead. Cancelling the surrounding task tears the program
/// down (``ToolCommand/teardown``, then SIGKILL to its group) and returns a result with `stopped == .cancelled`: the call
/// never ends while the child lives.
package protocol ToolRunner: Sendable {
    /// Where a program is, by the runner's search path; `nil` when it is not there or not executable.
    func locate(_ program: String) -> String?

    /// Runs one program. Both outputs are always drained.
    /// - Parameter reader: receives standard output line by line as it comes; the kept head and tail are kept all the same.
    /// - Throws: ``ToolError`` when it could not be started; a bad exit is a result.
    func run(_ command: ToolCommand, reading reader: (any LineReader)?) async throws(ToolError) -> ToolResult

    /// Runs a chain of programs joined by kernel pipes that never touch our memory.
    ///
    /// Of every pipe we hold a copy of the write end open. A stage that ends with an accepted code has its copy closed, so
    /// that the next stage sees end of file; when any stage ends otherwise, all later stages get SIGINT while their input is
    /// still open, and end of file reaches them only after they acknowledged or 1.5 s passed. So no consumer ever commits what a
    /// failed producer left.
    /// - Parameters:
    ///   - stages: at least two.
    ///   - refusingEmpty: a first stage that ends well without having written anything counts as failed.
    ///   - reader: receives the last stage's standard output.
    func pipeline(
        _ stages: [ToolCommand], refusingEmpty: Bool, reading reader: (any LineReader)?
    ) async throws(ToolError) -> PipelineResult

    /// Starts a program whose standard input and output we keep open, such as a database session that must outlive a dump.
    /// It is ended when `body` returns or throws.
    /// - Throws: what `body` throws, or ``ToolError``.
    func converse<Value: Sendable>(
        with command: ToolCommand, _ body: @Sendable (any Conversation) async throws -> Value
    ) async throws -> Value
}

extension ToolRunner {
    package func run(_ command: ToolCommand) async throws(ToolError) -> ToolResult {
        try await run(command, reading: nil)
    }
}

/// Takes lines of output as they come, on the supervisor's thread: it must be quick and must not block.
package protocol LineReader: Sendable {
    /// - Parameter bytes: one line without its newline, valid during the call only. Lines longer than 1 MiB arrive cut.
    func read(line bytes: UnsafeRawBufferPointer)

    /// How many bytes of the lines so far, newlines included, only said again what was known: a program that prints its
    /// status every second is not alive for that. Never shrinks.
    var repeatedBytes: Int64 { get }
}

extension LineReader {
    package var repeatedBytes: Int64 { 0 }
}

/// A program we talk to. Not for use by several tasks at once.
package protocol Conversation: Sendable {
    /// Writes to its standard input.
    func send(_ text: String) async throws(ToolError)
    /// The next line of its standard output without the newline; `nil` at the end of it.
    /// - Throws: ``ToolError/conversationEnded(program:detail:)`` after `limit` without a line.
    func nextLine(within limit: Duration) async throws(ToolError) -> String?
    /// What it has written to standard error so far (its last part).
    var diagnostics: String { get }
}
