import BackupModel
import Foundation

/// Our copy of the write end of the pipe into a consumer. While it is open, the consumer cannot see end of file.
final class Link {
    private let held: Descriptor
    private var probe: Descriptor?
    /// When a consumer that ended before its producer counts as having left early.
    var producerDeadline: Instant?
    private var releaseAt: Instant?
    private var said: [UInt8] = []
    private var isAcknowledged = false

    /// How long a consumer that was told to stop may go without saying so before it sees end of file.
    private static let acknowledgementGrace = Duration.milliseconds(1500)
    /// - Source: restic 0.14.0 to 0.19.1, cmd/restic/cleanup.go: `signal %s received, cleaning up`
    private static let acknowledgements = ["signal interrupt received", "cleaning up"]

    init(held: Descriptor) { self.held = held }

    /// Bytes on their way while end of file is held back; `nil` afterwards.
    var unreadBytes: Int64? { held.unreadBytes }
    /// A consumer, now dead, has not read everything; false where the system does not say.
    var hasLeftovers: Bool { ((held.isOpen ? held.unreadBytes : probe?.unreadBytes) ?? 0) > 0 }
    /// The consumer has closed its side or is dead.
    var isAbandoned: Bool { held.hasNoReader }

    /// The producer did its work: the consumer may see the end. What it leaves unread stays to be seen.
    func letEndThrough() {
        // The same pipe opened anew for reading: it keeps nobody from seeing the end, and no producer is left to fool.
        let number = open("/proc/self/fd/\(held.number)", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        if number >= 0 { probe = Descriptor(owning: number) }
        held.close()
    }

    /// The consumer has been told to stop; from here on it may see the end as soon as it says so.
    func expectAcknowledgement(of consumer: Child, now: Instant) {
        guard held.isOpen else { return }
        releaseAt = now + Link.acknowledgementGrace
        consumer.errors.observer = { [unowned self] in hear($0) }
    }

    private func hear(_ chunk: UnsafeRawBufferPointer) {
        // Enough for a phrase that straddles two chunks.
        said = Array(said.suffix(64)) + Array(chunk.suffix(8192))
        let text = String(decoding: said, as: UTF8.self)
        if Link.acknowledgements.contains(where: text.contains) { isAcknowledged = true }
    }

    /// Lets the end through to a consumer that is stopping, when its time has come. Returns when to come back.
    /// - Parameter consumer: `nil` when it never started.
    func release(to consumer: Child?, now: Instant) -> Instant? {
        guard held.isOpen else { return nil }
        guard let consumer, consumer.isAlive else {
            held.close()
            return nil
        }
        guard let releaseAt else { return nil }
        if isAcknowledged || now >= releaseAt { held.close() }
        return held.isOpen ? releaseAt : nil
    }
}
