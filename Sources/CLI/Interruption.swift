import BackupModel
import Synchronization

/// Which signal asked the program to stop, when one did.
enum Interruption {
    private static let signal = Mutex<Int32?>(nil)

    /// The first signal counts.
    static func note(_ number: Int32) { signal.withLock { $0 = $0 ?? number } }

    static var exitStatus: ExitStatus {
        switch signal.withLock({ $0 }) {
        case nil, 2: .interrupted
        default: .terminated
        }
    }
}
