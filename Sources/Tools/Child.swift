import BackupModel
import Foundation
import ProcessSpawn

/// Counted on the monotonic clock, which stands still while the machine sleeps.
typealias Instant = SuspendingClock.Instant

/// One living child: drained, watched, torn down and at last reaped. Confined to the supervisor's thread.
///
/// It stays unreaped from its death until its outputs are at their end: that long its number, and so its group, cannot be
/// anybody else's.
final class Child {
    let command: ToolCommand
    let started: Instant
    /// What comes on standard output; `nil` when that is the pipe to the next stage.
    let output: OutputDrain?
    let errors: OutputDrain
    private let reader: (any LineReader)?

    /// Known from its death on.
    private(set) var termination: Termination?
    /// Known when it has been reaped.
    private(set) var result: ToolResult?
    /// Why we end it, when the fault is not its own.
    private(set) var stopped: StopReason?
    private(set) var isStopping = false

    private var process: hf_spawned
    private let handle: Descriptor
    private let transfers: Descriptor?
    private var died: Instant?
    private var bytesWritten: ByteCount?
    private var remainingSteps: [TeardownStep] = []
    /// When the next step of the teardown is due; after death: until when the outputs are waited for.
    private var deadline: Instant?
    private var life: SignsOfLife
    private var lastSign: Instant
    private var nextSample: Instant?

    /// How long what a dead child left in its group may hold its outputs open.
    private static let drainGrace = Duration.seconds(2)

    /// More than any pipe holds; a bound, for what a dead child left behind may go on writing.
    private static let lastRounds = 64

    init(
        _ command: ToolCommand, _ process: hf_spawned, output: OutputDrain?, errors: OutputDrain,
        reader: (any LineReader)? = nil, now: Instant
    ) {
        self.command = command
        self.reader = reader
        life = SignsOfLife(at: now)
        self.process = process
        self.output = output
        self.errors = errors
        handle = Descriptor(owning: process.handle)
        transfers = process.transfers < 0 ? nil : Descriptor(owning: process.transfers)
        started = now
        lastSign = now
    }

    var pid: Int32 { process.pid }
    var isAlive: Bool { termination == nil }
    var handleNumber: Int32 { handle.number }
    var openOutputs: [OutputDrain] { [output, errors].compactMap(\.self).filter(\.isOpen) }

    /// Ended by itself with an accepted code.
    var didItsWork: Bool {
        guard stopped == nil, case .exited(let code) = termination else { return false }
        return command.acceptedExitCodes.contains(code)
    }

    /// What it wrote to standard output, by the kernel's account. Known from its death on.
    var producedBytes: ByteCount? { bytesWritten.map { ByteCount($0.bytes - errors.total) } }

    // MARK: - Ending it

    /// Starts to end it: each step signals the whole group and waits; SIGKILL is always last.
    /// - Parameter reason: `nil` when it is to blame itself.
    func stop(_ reason: StopReason?, steps: [TeardownStep], now: Instant) {
        guard isAlive, !isStopping else { return }
        isStopping = true
        stopped = reason
        remainingSteps = steps
        takeNextStep(now)
    }

    /// Ends it and its group at once.
    func kill(_ reason: StopReason, now: Instant) {
        guard result == nil else { return }
        if isAlive, !isStopping { stopped = reason }
        isStopping = true
        remainingSteps = []
        takeNextStep(now)
    }

    private func takeNextStep(_ now: Instant) {
        guard !remainingSteps.isEmpty else {
            _ = hf_signal_group(&process, SIGKILL)
            // For a child that is not in its own group any more.
            if isAlive { _ = hf_signal(&process, SIGKILL) }
            deadline = isAlive ? nil : now
            return
        }
        let step = remainingSteps.removeFirst()
        _ = hf_signal_group(&process, step.signal.number)
        // A stopped child would not see the signal.
        _ = hf_signal_group(&process, SIGCONT)
        deadline = now + step.grace
    }

    // MARK: - Watching it

    /// Looks whether it has died; then takes its last words and its account.
    func look(_ buffer: UnsafeMutableRawBufferPointer, now: Instant) {
        guard isAlive else { return }
        var ending = hf_ending()
        // Nobody else may collect our children; should it have happened all the same, its end is unknown and so not good.
        let vanished = hf_look(&process, &ending) == ECHILD
        guard ending.has_ended != 0 || vanished else { return }
        termination =
            vanished ? .signaled(0) : ending.by_signal != 0 ? .signaled(ending.status) : .exited(ending.status)
        died = now
        bytesWritten = vanished ? nil : transfers.flatMap(ProcessAccount.bytesWritten)
        for drain in openOutputs {
            drain.isPaused = false
            drain.drain(into: buffer, rounds: Child.lastRounds)
        }
        // While it is torn down, its group keeps the time of the present step: it may be cleaning up.
        deadline = isStopping ? deadline ?? now + .milliseconds(200) : now + Child.drainGrace
    }

    /// Does what is due. Returns when to come back.
    func advance(_ buffer: UnsafeMutableRawBufferPointer, now: Instant) -> Instant? {
        guard result == nil else { return nil }
        if isAlive {
            if let due = deadline, now >= due { takeNextStep(now) }
            return deadline
        }
        if !openOutputs.isEmpty, let due = deadline, now < due { return due }
        finish(buffer)
        return nil
    }

    private func finish(_ buffer: UnsafeMutableRawBufferPointer) {
        if !openOutputs.isEmpty || isStopping { _ = hf_signal_group(&process, SIGKILL) }
        for drain in openOutputs {
            drain.drain(into: buffer)
            drain.close()
        }
        var ending = hf_ending()
        _ = hf_reap(&process, &ending)
        handle.close()
        transfers?.close()
        result = ToolResult(
            command: command, termination: termination ?? .signaled(0), output: output?.captured ?? CapturedOutput(),
            errors: errors.captured,
            usage: ResourceUsage(
                wall: started.duration(to: died ?? started), userCPU: .microseconds(ending.user_microseconds),
                systemCPU: .microseconds(ending.system_microseconds), peakMemory: ByteCount(ending.peak_bytes),
                bytesWritten: bytesWritten),
            stopped: stopped)
    }

    // MARK: - Limits

    /// The limit that it has passed, if any. `next` is brought forward to when to look again.
    /// - Parameter isExcused: asked when it shows no sign of life; true while it can only wait for another.
    func passedLimit(now: Instant, next: inout Instant?, isExcused: () -> Bool) -> StopReason? {
        guard isAlive, !isStopping else { return nil }
        if let total = command.limits.total {
            if now >= started + total { return .totalLimit }
            next = earlier(next, started + total)
        }
        guard let stall = command.limits.stall else { return nil }
        if now >= nextSample ?? started {
            if showsLife(now) || isExcused() { lastSign = now }
            nextSample = now + min(max(stall / 4, .milliseconds(20)), .seconds(5))
            if now >= lastSign + stall { return .stallLimit }
        }
        next = earlier(next, nextSample)
        return nil
    }

    private func showsLife(_ now: Instant) -> Bool {
        life.look(
            output: errors.total + (output?.total ?? 0), repeated: reader?.repeatedBytes ?? 0,
            account: ProcessAccount(tree: pid), now: now)
    }
}

func earlier(_ left: Instant?, _ right: Instant?) -> Instant? {
    guard let left, let right else { return left ?? right }
    return min(left, right)
}

extension ToolSignal {
    var number: Int32 {
        switch self {
        case .interrupt: SIGINT
        case .terminate: SIGTERM
        case .kill: SIGKILL
        case .hangUp: SIGHUP
        }
    }
}
