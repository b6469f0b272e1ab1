package import BackupModel
import Foundation
import Synchronization

/// Runs programs as children of one supervising thread. See ``ToolRunner`` for what it promises.
///
/// Making one ignores SIGPIPE in this process, and puts an ignored SIGCHLD back to its default.
package final class SupervisedRunner: ToolRunner {
    private let launcher: Launcher
    private let supervisor: Supervisor
    private let delivered = Mutex<[Secret]>([])
    private let watch = Mutex<(any ProducerWatch)?>(nil)
    private let isClosed = Atomic(false)

    /// - Parameters:
    ///   - environment: what children's small environment is taken from.
    ///   - path: where programs are looked for, in the form of PATH; `nil` for the PATH of `environment`.
    /// - Throws: ``ToolError/exhausted(what:code:reason:)``
    package init(
        environment: [String: String] = ProcessInfo.processInfo.environment, path: String? = nil
    ) throws(ToolError) {
        let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        launcher = Launcher(
            search: ProgramSearch(path: path ?? environment["PATH"] ?? defaultPath),
            environment: ChildEnvironment(ours: environment))
        supervisor = try Supervisor(launcher)
    }

    deinit { supervisor.post { $0.stop() } }

    package func locate(_ program: String) -> String? { launcher.search.locate(program) }

    package func run(_ command: ToolCommand, reading reader: (any LineReader)?) async throws(ToolError) -> ToolResult {
        try await perform(JobRequest([command], reader: reader)).stages[0]
    }

    package func pipeline(
        _ stages: [ToolCommand], refusingEmpty: Bool, reading reader: (any LineReader)?
    ) async throws(ToolError) -> PipelineResult {
        precondition(stages.count > 1, "a pipeline has at least two stages")
        let watch = watch.withLock { $0 }
        return try await perform(JobRequest(stages, refusingEmpty: refusingEmpty, reader: reader, watch: watch))
    }

    package func converse<Value: Sendable>(
        with command: ToolCommand, _ body: @Sendable (any Conversation) async throws -> Value
    ) async throws -> Value {
        var command = command
        // A session may have nothing to say for as long as the work that it serves takes.
        command.limits.stall = nil
        let diagnostics = Diagnostics()
        let request = JobRequest([command], diagnostics: diagnostics)
        remember(command)
        return try await withTaskCancellationHandler {
            start(request)
            if let failure = await request.start.value { throw failure }
            let outcome: Result<Value, any Error>
            do {
                outcome = .success(try await body(OpenConversation(supervisor, request, diagnostics)))
            } catch {
                outcome = .failure(error)
            }
            supervisor.post { $0.channel(of: request)?.close(now: .now) }
            _ = await request.end.value
            return try outcome.get()
        } onCancel: {
            cancel(request)
        }
    }

    /// Kills every child and its group at once, for an operator who will not wait for a clean end. Their results say
    /// `cancelled`; programs started afterwards run as usual.
    package func killEverything() { supervisor.post { $0.killEverything() } }

    /// Kills everything, and starts nothing any more: whatever is asked for afterwards counts as cancelled.
    package func close() {
        isClosed.store(true, ordering: .releasing)
        killEverything()
    }

    /// - Parameter watch: is told of every producer of a pipeline from now on.
    package func watchProducers(_ watch: any ProducerWatch) { self.watch.withLock { $0 = watch } }

    /// Knows every secret that a child of this runner was given so far.
    package var redactor: Redactor { Redactor(secrets: delivered.withLock { $0 }) }

    private func perform(_ request: JobRequest) async throws(ToolError) -> PipelineResult {
        request.stages.forEach(remember)
        let outcome = await withTaskCancellationHandler {
            start(request)
            return await request.end.value
        } onCancel: {
            cancel(request)
        }
        return try outcome.get()
    }

    private func start(_ request: JobRequest) {
        if isClosed.load(ordering: .acquiring) { request.cancel() }
        supervisor.post { $0.start(request) }
    }

    private func cancel(_ request: JobRequest) {
        request.cancel()
        supervisor.wake()
    }

    private func remember(_ command: ToolCommand) {
        var secrets = command.secrets.map(\.secret) + command.firstLines
        if case .secret(let secret) = command.input { secrets += command.secretsInInput ?? [secret] }
        delivered.withLock { delivered in
            for secret in secrets where !delivered.contains(secret) { delivered.append(secret) }
        }
    }
}

/// The caller's side of a conversation.
private struct OpenConversation: Conversation {
    private let supervisor: Supervisor
    private let request: JobRequest
    private let recorded: Diagnostics
    private var program: String { request.stages[0].program }

    init(_ supervisor: Supervisor, _ request: JobRequest, _ diagnostics: Diagnostics) {
        self.supervisor = supervisor
        self.request = request
        recorded = diagnostics
    }

    var diagnostics: String { recorded.text }

    func send(_ text: String) async throws(ToolError) {
        let answer = Channel.SendAnswer()
        supervisor.post { [program, request, recorded] loop in
            guard let channel = loop.channel(of: request) else { return answer.give(Channel.ended(program, recorded)) }
            channel.send(Array(text.utf8), program: program, answer)
        }
        if let failure = await answer.value { throw failure }
    }

    func nextLine(within limit: Duration) async throws(ToolError) -> String? {
        let answer = Channel.LineAnswer()
        supervisor.post { [program, request] loop in
            guard let channel = loop.channel(of: request) else { return answer.give(.success(nil)) }
            channel.nextLine(until: .now + limit, program: program, answer)
        }
        return try await answer.value.get()
    }
}
