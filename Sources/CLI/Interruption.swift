import BackupModel
import HostSystem
import Synchronization

/// Which signal asked the program to stop, when one did, and what to do when a second one comes.
enum Interruption {
    private struct State {
        var signal: SignalWatch.Signal?
        var onHurry: @Sendable () -> Void = {}
    }
    private static let state = Mutex(State())

    /// The first signal counts.
    static func note(_ signal: SignalWatch.Signal) { state.withLock { $0.signal = $0.signal ?? signal } }

    static var hasCome: Bool { state.withLock { $0.signal != nil } }

    /// - Parameter body: ends all children at once and for good; called when somebody asks a second time.
    static func onHurry(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onHurry = body } }

    static func hurry() { state.withLock { $0.onHurry }() }

    static var exitStatus: ExitStatus {
        switch state.withLock({ $0.signal }) {
        case nil, .interrupt: .interrupted
        case .terminate, .hangUp: .terminated
        }
    }
}
