import BackupModel
import Foundation
import Synchronization

/// Stops the program at the beginning of a step or at a moment inside one, for tests of interruption. Only debug builds have
/// it: `HOLDFAST_FAILPOINT=STEP:kill`, or `int`, `term`, `hup`.
enum Failpoint {
    private static let hasStruck = Atomic(false)

    /// - Parameter place: the raw value of a ``RunStep`` or a ``RunMoment``.
    static func reach(_ place: String) async {
        #if DEBUG
            guard let wish = ProcessInfo.processInfo.environment["HOLDFAST_FAILPOINT"] else { return }
            let halves = wish.split(separator: ":").map(String.init)
            guard halves.count == 2, halves[0] == place else { return }
            let signals = ["kill": SIGKILL, "int": SIGINT, "term": SIGTERM, "hup": SIGHUP]
            guard let signal = signals[halves[1]] else { return }
            // Parts come by here side by side, and a second signal means haste: everything is then killed at once.
            if !hasStruck.exchange(true, ordering: .relaxed) { kill(getpid(), signal) }
            // It takes a moment to become a cancellation; while things are given back it becomes none.
            for _ in 0..<100 where !Task.isCancelled { usleep(10_000) }
        #endif
    }
}
