import BackupModel
import Foundation
import ProcessSpawn
import Synchronization

/// The one long-lived thread that starts all children and watches them: the kernel sends a child its orphan signal when the
/// *thread* that started it ends, so it must not be a thread of a pool.
final class Supervisor: Sendable {
    private let inbox = Mutex<[@Sendable (SupervisorLoop) -> Void]>([])
    private let wakeRead: Int32
    private let wakeWrite: Int32

    /// - Throws: ``ToolError/exhausted(what:code:reason:)``
    init(_ launcher: Launcher) throws(ToolError) {
        hf_prepare_parent()
        var ends: (Int32, Int32) = (-1, -1)
        let code = hf_pipe(0, &ends.0, &ends.1)
        guard code == 0 else {
            throw .exhausted(what: "making the supervisor's pipe failed", code: code, reason: describe(errno: code))
        }
        (wakeRead, wakeWrite) = ends
        _ = hf_set_nonblocking(wakeRead)
        _ = hf_set_nonblocking(wakeWrite)
        try start(launcher)
    }

    deinit {
        close(wakeRead)
        close(wakeWrite)
    }

    private func start(_ launcher: Launcher) throws(ToolError) {
        let body = Unmanaged.passRetained(ThreadBody { SupervisorLoop(launcher, self).run() })
        let code = hf_start_thread(runThreadBody, body.toOpaque())
        guard code != 0 else { return }
        body.release()
        throw .exhausted(what: "starting the supervisor's thread failed", code: code, reason: describe(errno: code))
    }

    /// Has something done on the supervisor's thread, soon.
    func post(_ work: @escaping @Sendable (SupervisorLoop) -> Void) {
        inbox.withLock { $0.append(work) }
        wake()
    }

    func wake() {
        var byte: UInt8 = 1
        // A full pipe wakes as well.
        _ = write(wakeWrite, &byte, 1)
    }

    /// Takes what was posted; for the loop.
    func takePosted() -> [@Sendable (SupervisorLoop) -> Void] {
        var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        while read(wakeRead, &bytes, MemoryLayout.size(ofValue: bytes)) > 0 {}
        return inbox.withLock { posted in
            defer { posted = [] }
            return posted
        }
    }

    var wakeDescriptor: Int32 { wakeRead }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func runThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    hf_take_priority_of_process()
    Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}

/// What runs on the supervisor's thread, and never leaves it.
final class SupervisorLoop {
    private let launcher: Launcher
    private let supervisor: Supervisor
    private var jobs: [Job] = []
    private var isStopping = false
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
    /// Rounds in a row in which nothing happened but that a child printed something, at once.
    private var trickle = 0
    /// A program that writes each line by itself would wake us for each; after so many rounds it may fill its pipe for a
    /// moment first.
    private static let patience = 64

    init(_ launcher: Launcher, _ supervisor: Supervisor) {
        self.launcher = launcher
        self.supervisor = supervisor
    }

    deinit { buffer.deallocate() }

    func start(_ request: JobRequest) {
        let job = Job(request)
        job.start(launcher, now: .now)
        jobs.append(job)
        request.start.give(job.startFailure)
    }

    func channel(of request: JobRequest) -> Channel? { jobs.first { $0.request === request }?.channel }

    func killEverything() {
        for job in jobs { job.kill(now: .now) }
    }

    /// Ends the thread when the last job is over.
    func stop() { isStopping = true }

    func run() {
        while true {
            for work in supervisor.takePosted() { work(self) }
            var next: Instant?
            let now = Instant.now
            for job in jobs { next = earlier(next, job.advance(buffer, now: now)) }
            let finished = jobs.compactMap { job in job.outcome.map { (job.request, job.producer, $0) } }
            // First gone, with every descriptor it held, then told.
            if !finished.isEmpty { jobs.removeAll { $0.outcome != nil } }
            for (request, producer, outcome) in finished {
                if let producer { request.watch?.ended(process: producer) }
                request.end.give(outcome)
            }
            if isStopping, jobs.isEmpty { return }
            wait(until: next)
        }
    }

    /// Sleeps until something happens, and takes it in.
    private func wait(until next: Instant?) {
        var watched: [pollfd] = [pollfd(fd: supervisor.wakeDescriptor, events: Int16(POLLIN), revents: 0)]
        var actions: [() -> Void] = [{}]
        var ended: [Job] = []
        for job in jobs {
            for child in job.unreaped {
                for drain in child.openOutputs where !drain.isPaused {
                    watched.append(pollfd(fd: drain.number, events: Int16(POLLIN), revents: 0))
                    actions.append { [buffer] in drain.drain(into: buffer) }
                }
                guard child.isAlive else { continue }
                watched.append(pollfd(fd: child.handleNumber, events: Int16(POLLIN), revents: 0))
                actions.append { ended.append(job) }
            }
            if let channel = job.channel, let number = channel.writable {
                watched.append(pollfd(fd: number, events: Int16(POLLOUT), revents: 0))
                actions.append { channel.write(program: job.request.stages[0].program) }
            }
        }
        if trickle > SupervisorLoop.patience { usleep(1000) }
        let begun = Instant.now
        let timeout = next.map { begun.duration(to: $0).wholeMilliseconds } ?? -1
        let count = poll(&watched, nfds_t(watched.count), timeout)
        // The kernel is short of memory: waiting a moment is better than spinning.
        if count < 0, errno != EINTR { usleep(10_000) }
        guard count > 0 else { return }
        for (entry, action) in zip(watched, actions) where entry.revents != 0 { action() }
        let isBusy = begun.duration(to: .now) < .milliseconds(1)
        let isPrinting = watched[0].revents == 0 && ended.isEmpty && !jobs.contains { $0.channel != nil }
        trickle = isBusy && isPrinting ? trickle + 1 : 0
        for job in ended { job.noteEndings(buffer, now: .now) }
    }
}

extension Duration {
    /// Rounded up, so that what is due then is really due; never negative.
    fileprivate var wholeMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        let rounded = Double(seconds) * 1000 + (Double(attoseconds) / 1e15).rounded(.up)
        return Int32(min(max(rounded, 0), 3_600_000))
    }
}
