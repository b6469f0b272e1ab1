import BackupModel
import Testing

@Suite("Outcome")
struct OutcomeTests {
    @Test func `the worst stands for the run`() {
        let order: [Outcome] = [.succeeded, .skipped, .degraded, .partial, .interrupted, .failed]
        #expect(Set(order) == Set(Outcome.allCases))
        for (index, worse) in order.enumerated() {
            for better in order[...index] { #expect(Outcome.worst(of: [better, worse]) == worse) }
        }
        #expect(Outcome.worst(of: []) == .succeeded)
    }

    @Test(arguments: [
        (Outcome.succeeded, BackupModel.ExitStatus.success, BackupModel.ExitStatus.success),
        (.skipped, .tryLater, .tryLater),
        (.degraded, .success, .degraded), (.partial, .partial, .partial),
        (.interrupted, .interrupted, .interrupted), (.failed, .failed, .failed),
    ])
    func `each outcome has its exit code`(
        outcome: Outcome, status: BackupModel.ExitStatus, strict: BackupModel.ExitStatus
    ) {
        #expect(outcome.exitStatus(strict: false) == status)
        #expect(outcome.exitStatus(strict: true) == strict)
    }
}
