import BackupEngine
import BackupModel
import Foundation
import Notifiers

extension Live {
    /// Tells those whom the profile names how a run ended. Whatever becomes of it, the run's outcome and exit code stand;
    /// who could not be told is named on standard error and in the run's record.
    func tell(of run: RunRecord, _ engine: Engine) async {
        guard !profile.notifiers.isEmpty else { return }
        var notifiers: [any Notifier] = []
        for spec in profile.notifiers {
            do { notifiers.append(try NotifierRegistry.make(spec, services)) } catch {
                console.warn("notifier \(spec.name) cannot be used: \(error.description)")
            }
        }
        let isAttended =
            run.trigger == "manual" && (isatty(STDIN_FILENO) == 1 || isatty(STDERR_FILENO) == 1)
        let report = await Notifying(engine, notifiers).tell(of: run, isAttended: isAttended)
        for failure in report.failures {
            console.warn(failure.description + (failure.hint.map { "; \($0)" } ?? ""))
        }
    }
}
