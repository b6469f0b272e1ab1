import BackupModel
import Foundation

/// Stops the program at the beginning of a step, for tests of interruption. Only debug builds have it:
/// `HOLDFAST_FAILPOINT=STEP:kill` (or `int`, `term`).
enum Failpoint {
    static func reach(_ step: RunStep) async {
        #if DEBUG
            guard let wish = ProcessInfo.processInfo.environment["HOLDFAST_FAILPOINT"] else { return }
            let halves = wish.split(separator: ":").map(String.init)
            guard halves.count == 2, halves[0] == step.rawValue else { return }
            let signals = ["kill": SIGKILL, "int": SIGINT, "term": SIGTERM]
            guard let signal = signals[halves[1]] else { return }
            kill(getpid(), signal)
            // A signal that is handled takes a moment to become a cancellation.
            for _ in 0..<500 where !Task.isCancelled { usleep(10_000) }
        #endif
    }
}
