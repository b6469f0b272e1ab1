package import BackupModel
import Foundation
import Synchronization

/// The write end that the signal handler knows.
private nonisolated(unsafe) var handlerDescriptor: Int32 = -1

/// Hands SIGINT, SIGTERM and SIGHUP to ordinary code: the first asks to cancel, a further one to hurry.
///
/// Handlers, unlike ignored signals, do not pass to children. SIGPIPE is ignored, so that writing to a program that is gone is
/// an error and not our end. SIGHUP stays ignored when we were started so, as `nohup` does.
package final class SignalWatch: Sendable {
    package enum Signal: Sendable, Equatable { case interrupt, terminate, hangUp }

    private static let watched: [(number: Int32, signal: Signal)] = [
        (SIGINT, .interrupt), (SIGTERM, .terminate), (SIGHUP, .hangUp),
    ]
    private static let isRunning = Mutex(false)

    private struct State {
        var writeEnd: Int32
        var former: [(number: Int32, action: sigaction)]
    }
    private let state: Mutex<State?>

    /// - Parameter handler: called on a thread of its own with the signal and how many have come so far, this one included.
    /// - Throws: ``Failure`` when the system refuses, or a watch is running already.
    package static func start(_ handler: @escaping @Sendable (Signal, Int) -> Void) throws(Failure) -> SignalWatch {
        let isFirst = isRunning.withLock { running in
            defer { running = true }
            return !running
        }
        guard isFirst else { throw Failure("signals are watched already") }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure("signals cannot be watched: \(reason(errno))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A handler must never wait, not even when the pipe is full of signals.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        handlerDescriptor = ends[1]
        let readEnd = ends[0]
        Thread.detachNewThread { SignalWatch.deliver(from: readEnd, to: handler) }
        return SignalWatch(state: State(writeEnd: ends[1], former: install()))
    }

    private init(state: sending State) { self.state = Mutex(state) }

    /// Puts the former handling back.
    package func stop() {
        state.withLock { state in
            guard let ending = state else { return }
            for (number, action) in ending.former {
                var action = action
                sigaction(number, &action, nil)
            }
            handlerDescriptor = -1
            close(ending.writeEnd)
            state = nil
            SignalWatch.isRunning.withLock { $0 = false }
        }
    }

    private static func deliver(from readEnd: Int32, to handler: @Sendable (Signal, Int) -> Void) {
        defer { close(readEnd) }
        var count = 0
        var number: UInt8 = 0
        while true {
            let length = read(readEnd, &number, 1)
            if length < 0, errno == EINTR { continue }
            guard length == 1 else { return }
            count += 1
            if let signal = watched.first(where: { $0.number == Int32(number) })?.signal { handler(signal, count) }
        }
    }

    private static func install() -> [(number: Int32, action: sigaction)] {
        var former: [(number: Int32, action: sigaction)] = []
        func set(_ number: Int32, _ handler: (@convention(c) (Int32) -> Void)?) {
            var old = sigaction()
            var new = sigaction()
            #if os(Linux)
                new.__sigaction_handler.sa_handler = handler
            #else
                new.__sigaction_u.__sa_handler = handler
            #endif
            new.sa_flags = Int32(SA_RESTART)
            sigaction(number, &new, &old)
            former.append((number, old))
        }
        set(SIGPIPE, SIG_IGN)
        var mask = sigset_t()
        sigemptyset(&mask)
        for (number, _) in watched where !(number == SIGHUP && isIgnored(number)) {
            set(number) { number in
                // SAFETY: in a handler: only write(2) and a variable that was set before it was installed.
                let saved = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(handlerDescriptor, &byte, 1)
                errno = saved
            }
            sigaddset(&mask, number)
        }
        // Whoever started us may have blocked them.
        pthread_sigmask(SIG_UNBLOCK, &mask, nil)
        return former
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var old = sigaction()
        sigaction(number, nil, &old)
        #if os(Linux)
            let handler = old.__sigaction_handler.sa_handler
        #else
            let handler = old.__sigaction_u.__sa_handler
        #endif
        return unsafeBitCast(handler, to: Int.self) == 1
    }
}
