import BackupEngine
import BackupModel
import Foundation
import Notifiers

extension Live {
    /// Tells those whom the profile names how a run ended. Whatever becomes of it, the run's outcome and exit code stand;
    /// who could not be told is named on standard error and in the run's record.
    func tell(of run: RunRecord, _ engine: Engine) async {
        await report { notifying in await notifying.tell(of: run, isAttended: Live.isAttended(run)) }
    }

    /// Tells those who count runs that one has begun.
    func tellBeginning(of run: RunRecord) async {
        await report { notifying in await notifying.tellBeginning(of: run, isAttended: Live.isAttended(run)) }
    }

    /// Tells what is overdue now, or that nothing is any more, and what else is still to be told.
    func tell(overdue items: [OverdueItem]) async {
        await report { notifying in await notifying.tell(overdue: items) }
    }

    /// Tells what could not be told before.
    func retryPendingNotifications() async {
        await report { notifying in await notifying.retryPending() }
    }

    /// - Parameter names: of the notifiers; `nil` for all of the profile's.
    func notifying(_ names: [NotifierName]? = nil) throws -> Notifying {
        var notifiers: [any Notifier] = []
        for spec in profile.notifiers where names?.contains(spec.name) ?? true {
            do { notifiers.append(try NotifierRegistry.make(spec, services)) } catch {
                console.warn("notifier \(spec.name) cannot be used: \(error.description)")
            }
        }
        return Notifying(
            notifiers, profile: profile.name, store: try store(), clock: clock, host: profile.host,
            redact: { [self] in redacted($0) })
    }

    private func report(_ work: (Notifying) async -> Notifying.Report) async {
        guard !profile.notifiers.isEmpty else { return }
        do {
            for failure in await work(try notifying()).failures {
                console.warn(failure.description + (failure.hint.map { "; \($0)" } ?? ""))
            }
        } catch {
            console.warn("nobody could be told: \(error)")
        }
    }

    /// Somebody started it at a terminal and sees how it ends.
    private static func isAttended(_ run: RunRecord) -> Bool {
        run.trigger == "manual" && (isatty(STDIN_FILENO) == 1 || isatty(STDERR_FILENO) == 1)
    }
}
