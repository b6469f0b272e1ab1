import Foundation

/// Tells whether a child has done anything since it last did, from its output and the kernel's account of it.
///
/// Printing costs a write and a little time. So, as long as a child has printed nothing but what was known
/// (``LineReader/repeatedBytes``), only more than that counts. What a restic does that waits for ever: per second one line and
/// less than 1 ms of CPU time; every five minutes a lock of some hundred bytes (measured with 0.14.0, 0.18.0 and 0.19.1).
struct SignsOfLife {
    /// As it was at the last sign.
    private var output: Int64 = 0
    private var repeated: Int64 = 0
    private var account: ProcessAccount?
    private var time: Instant

    /// What a child that only repeats itself may read and write between two signs besides.
    private static let idleBytes: Int64 = 64 << 10
    /// What part of the time it may compute, and how long in any case.
    private static let idleShare = 0.02
    private static let idleTime = Duration.milliseconds(50)

    init(at start: Instant) { time = start }

    /// - Parameters:
    ///   - output: bytes that came so far.
    ///   - repeated: how many of them said nothing new.
    mutating func look(output: Int64, repeated: Int64, account: ProcessAccount, now: Instant) -> Bool {
        // The beginning of a line that will turn out to be a repetition is more than there has been, once.
        let isAlive = output - repeated > self.output - self.repeated || works(account, repeated: repeated, now)
        if isAlive { (self.output, self.repeated, self.account, time) = (output, repeated, account, now) }
        return isAlive
    }

    private func works(_ present: ProcessAccount, repeated: Int64, _ now: Instant) -> Bool {
        let printed = repeated - self.repeated
        guard printed > 0, let account else { return present != account }
        let allowed = max(time.duration(to: now) * SignsOfLife.idleShare, SignsOfLife.idleTime)
        return abs(present.transferred - account.transferred - printed) > SignsOfLife.idleBytes
            || present.computed - account.computed > allowed
    }
}
