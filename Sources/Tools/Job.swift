import BackupModel
import Foundation
import ProcessSpawn

/// One program, or a chain of them joined by pipes, from the start to the last reaping. Confined to the supervisor's thread.
///
/// The rule of a chain: end of file reaches a consumer only when its producer did its work, or after the consumer has been
/// told to stop. Until then we hold a copy of the pipe's write end (``Link``).
final class Job {
    let request: JobRequest
    let channel: Channel?
    /// One per stage; `nil` for one that never started.
    private var children: [Child?]
    /// `links[i]` leads into `children[i + 1]`.
    private var links: [Link] = []
    /// The first of a chain, once it has been started.
    private(set) var producer: Int32?
    private var firstFailure: Int?
    private(set) var startFailure: ToolError?
    private var wasEmpty = false
    /// Our end of an input that says nothing (``ToolInput/held``).
    private var signOfLife: Descriptor?
    private var isEnding = false

    /// How long a consumer that ended well waits for its producer to do the same before it counts as having left early.
    private static let producerGrace = Duration.seconds(5)

    init(_ request: JobRequest) {
        self.request = request
        children = request.stages.map { _ in nil }
        channel = request.diagnostics.map(Channel.init)
    }

    var unreaped: [Child] { children.compactMap(\.self).filter { $0.result == nil } }
    private var isChain: Bool { children.count > 1 }

    // MARK: - Start

    /// Starts the last stage first, so that no producer runs without its consumer.
    func start(_ launcher: Launcher, now: Instant) {
        guard !request.isCancelled else {
            isEnding = true
            return
        }
        do throws(ToolError) {
            let input = try firstInput(launcher)
            var pipes: [Pipe] = []
            for _ in request.stages.dropFirst() {
                let pipe = try Pipe(size: .mebibytes(1))
                try Launcher.writeFirstLines(of: request.stages[pipes.count + 1], into: pipe.writeEnd)
                links.append(Link(held: try pipe.writeEnd.duplicate()))
                pipes.append(pipe)
            }
            // The original ends are closed with `pipes`: from then on the children and our held copies alone keep them.
            for index in request.stages.indices.reversed() {
                children[index] = try startStage(
                    index, launcher, input: index == 0 ? input : pipes[index - 1].readEnd,
                    output: index < pipes.count ? pipes[index].writeEnd : nil, now: now)
            }
        } catch {
            startFailure = error
            end(now: now) { _ in .pipelineFailed }
        }
    }

    private func firstInput(_ launcher: Launcher) throws(ToolError) -> Descriptor {
        let command = request.stages[0]
        if let channel {
            let input = try channel.makeInput()
            try channel.begin(with: command)
            return input
        }
        guard command.input == .held else { return try launcher.input(of: command) }
        let pipe = try launcher.heldInput(of: command)
        signOfLife = pipe.writeEnd
        return pipe.readEnd
    }

    private func startStage(
        _ index: Int, _ launcher: Launcher, input: Descriptor, output: Descriptor?, now: Instant
    ) throws(ToolError) -> Child {
        let command = request.stages[index]
        let errors = try Pipe()
        var drain: OutputDrain?
        var childOutput = output
        if output == nil, command.output == .ours {
            childOutput = try Descriptor.copy(of: STDOUT_FILENO)
        } else if output == nil {
            let pipe = try Pipe(size: request.reader == nil ? 0 : .mebibytes(1))
            childOutput = pipe.writeEnd
            drain = OutputDrain(pipe.readEnd, kept: command.keptOutput, takeLine: lineTaker)
            channel?.source = drain
        }
        let errorDrain = OutputDrain(errors.readEnd, kept: command.keptOutput)
        if let diagnostics = request.diagnostics {
            errorDrain.observer = { [unowned errorDrain] _ in diagnostics.text = errorDrain.captured.text }
        }
        let streams = Launcher.Streams(input: input, output: childOutput ?? errors.writeEnd, errors: errors.writeEnd)
        let process = try launcher.start(command, streams, orphanSignal: orphanSignal(index))
        if isChain, index == 0 {
            producer = process.pid
            request.watch?.started(command.program, process: process.pid)
        }
        return Child(
            command, process, output: drain, errors: errorDrain, reader: drain == nil ? nil : request.reader, now: now)
    }

    private var lineTaker: ((UnsafeRawBufferPointer) -> Void)? {
        if let channel { return { [unowned channel] in channel.take($0) } }
        return request.reader.map { reader in { reader.read(line: $0) } }
    }

    /// A consumer must die with us before end of file can look like success; a producer must not, for it would send that end.
    private func orphanSignal(_ index: Int) -> Int32 {
        if isChain { return index == 0 ? 0 : SIGINT }
        switch request.stages[index].whenOrphaned {
        case .signal(let signal): return signal.number
        case .leave: return 0
        }
    }

    // MARK: - Endings

    /// Takes notice of deaths, the last stage first: a producer that dies because its consumer went is not the one to blame.
    func noteEndings(_ buffer: UnsafeMutableRawBufferPointer, now: Instant) {
        for (index, child) in children.enumerated().reversed() {
            guard let child, child.isAlive else { continue }
            child.look(buffer, now: now)
            if !child.isAlive, !isEnding { childEnded(index, child, now: now) }
        }
    }

    private func childEnded(_ index: Int, _ child: Child, now: Instant) {
        let next = index < links.count ? links[index] : nil
        // Its own death may be seen before that of the consumer which caused it.
        let consumerLeft = next.map { $0.isAbandoned || children[index + 1]?.isAlive == false } ?? false
        // Whose reader is gone fails for that reason, whatever it makes of it.
        guard child.didItsWork else { return fail(consumerLeft ? index + 1 : index, now: now) }
        if index == 0, request.refusingEmpty, let produced = child.producedBytes, produced.bytes <= 0 {
            wasEmpty = true
            return fail(0, now: now)
        }
        // Who ended well without reading everything has not done what it says.
        if index > 0 {
            if children[index - 1]?.isAlive == true {
                links[index - 1].producerDeadline = now + Job.producerGrace
            } else if links[index - 1].hasLeftovers {
                return fail(index, now: now)
            }
        }
        guard let next else { return }
        if consumerLeft, next.hasLeftovers { return fail(index + 1, now: now) }
        next.letEndThrough()
    }

    private func fail(_ index: Int, _ reason: StopReason? = nil, now: Instant) {
        firstFailure = index
        end(now: now) { $0 == index ? reason : .pipelineFailed }
    }

    /// Ends all that is alive; consumers get their signal while their input is held open.
    private func end(now: Instant, reason: (Int) -> StopReason?) {
        isEnding = true
        signOfLife = nil
        for (index, child) in children.enumerated().reversed() {
            guard let child, child.isAlive else { continue }
            if index > 0 { links[index - 1].expectAcknowledgement(of: child, now: now) }
            child.stop(reason(index), steps: teardown(of: child, index), now: now)
        }
    }

    private func teardown(of child: Child, _ index: Int) -> [TeardownStep] {
        let own = child.command.teardown
        guard isChain else { return own }
        guard index > 0 else { return TeardownStep.terminateFirst }
        // SIGINT first, whatever the command says: it is what restic cleans up after in all of its versions.
        if let first = own.first, first.signal == .interrupt, first.grace >= .seconds(10) { return own }
        return [TeardownStep(.interrupt, grace: .seconds(10))] + own.filter { $0.signal != .interrupt }
    }

    /// Ends everything at once. Held copies stay open until the consumers are dead.
    func kill(now: Instant) {
        isEnding = true
        signOfLife = nil
        for child in children.reversed() { child?.kill(.cancelled, now: now) }
    }

    // MARK: - Course

    /// Does what is due. Returns when to come back.
    func advance(_ buffer: UnsafeMutableRawBufferPointer, now: Instant) -> Instant? {
        var next: Instant?
        if request.isCancelled, !isEnding { end(now: now) { _ in .cancelled } }
        for (index, child) in children.enumerated() {
            let passed = child?.passedLimit(now: now, next: &next) { waitsForNeighbour(index) }
            if let passed, !isEnding { fail(index, passed, now: now) }
        }
        for (index, link) in links.enumerated() {
            if !isEnding, let due = link.producerDeadline, children[index]?.isAlive == true {
                if now >= due { fail(index + 1, now: now) } else { next = earlier(next, due) }
            }
            if isEnding { next = earlier(next, link.release(to: children[index + 1], now: now)) }
        }
        if let channel {
            if channel.mustEnd(now: now, next: &next), !isEnding { end(now: now) { _ in .cancelled } }
            channel.advance(now: now, isOver: unreaped.first?.isAlive != true, next: &next)
        }
        for child in children { next = earlier(next, child?.advance(buffer, now: now)) }
        return next
    }

    /// True while a stage without a sign of life can only wait for the one before or after it. Of two neighbours, the state
    /// of the pipe between them charges exactly one.
    private func waitsForNeighbour(_ index: Int) -> Bool {
        if index < links.count, let unread = links[index].unreadBytes, unread > 0 { return true }
        return index > 0 && links[index - 1].unreadBytes == 0
    }

    /// What came of it, once nothing of it is left unreaped.
    var outcome: Result<PipelineResult, ToolError>? {
        guard unreaped.isEmpty else { return nil }
        if let startFailure { return .failure(startFailure) }
        let results = zip(request.stages, children).map { command, child in
            // Cancelled before it was started: as if the signal had come at once.
            child?.result ?? ToolResult(command: command, termination: .signaled(SIGINT), stopped: .cancelled)
        }
        return .success(
            PipelineResult(
                stages: results, committed: !isEnding, firstFailure: firstFailure, wasEmpty: wasEmpty))
    }
}
