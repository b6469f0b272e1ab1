import BackupModel
package import Foundation

/// The machine's own time.
package struct SystemClock: HostClock {
    package init() {}

    package var now: Date { Date() }

    /// Stands still while the machine sleeps, so that a sleep shows as a gap against the wall clock.
    package var uptime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }

    package func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}
