import BackupEngine
import BackupModel
import Foundation
import Notifiers

extension Live {
    /// Tells those whom the profile names how a run ended. Whatever becomes of it, the run's outcome and exit code stand;
    /// who could not be told is named on standard error and in the run's record.
    func tell(of run: RunRecord, _ engine: Engine) async {
        await report(engine.store) { notifying in await notifying.tell(of: run, isAttended: Live.isAttended(run)) }
    }

    /// Tells those who count runs that one has begun.
    func tellBeginning(of run: RunRecord, _ store: any RunStore) async {
        await report(store) { notifying in await notifying.tellBeginning(of: run, isAttended: Live.isAttended(run)) }
    }

    /// Tells what is overdue now, or that nothing is any more, and what else is still to be told.
    /// - Parameter history: the one that is open, where one is.
    func tell(overdue items: [OverdueItem], _ history: (any RunStore)? = nil) async {
        await report(history) { notifying in await notifying.tell(overdue: items) }
    }

    /// Tells what could not be told before.
    /// - Parameter history: the one that is open, where one is.
    func retryPendingNotifications(_ history: (any RunStore)? = nil) async {
        await report(history) { notifying in await notifying.retryPending() }
    }

    /// - Parameter names: of the notifiers; `nil` for all of the profile's.
    func notifying(_ store: any RunStore, _ names: [NotifierName]? = nil) -> Notifying {
        var notifiers: [any Notifier] = []
        for spec in profile.notifiers where names?.contains(spec.name) ?? true {
            do { notifiers.append(try NotifierRegistry.make(spec, services)) } catch {
                console.warn("notifier \(spec.name) cannot be used: \(error.description)")
            }
        }
        return Notifying(
            notifiers, profile: profile.name, store: store, clock: clock, host: profile.host,
            redact: { [self] in redacted($0) })
    }

    private func report(_ history: (any RunStore)?, _ work: (Notifying) async -> Notifying.Report) async {
        guard !profile.notifiers.isEmpty else { return }
        let store: any RunStore
        do { store = try history ?? self.store() } catch {
            console.warn("nobody could be told: \(error)")
            return
        }
        for failure in await work(notifying(store)).failures {
            console.warn(failure.description + (failure.hint.map { "; \($0)" } ?? ""))
        }
    }

    /// Somebody started it at a terminal and sees how it ends.
    private static func isAttended(_ run: RunRecord) -> Bool {
        run.trigger == "manual" && (isatty(STDIN_FILENO) == 1 || isatty(STDERR_FILENO) == 1)
    }
}
