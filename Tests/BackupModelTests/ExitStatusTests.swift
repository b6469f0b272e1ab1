import BackupModel
import Foundation
import Testing

@Suite("Exit codes")
struct ExitStatusTests {
    private static let table: [(FailureKind, Int32)] = [
        (.failed, 1), (.notFound, 1), (.unproven, 5), (.noRepository, 10), (.locked, 11), (.wrongPassword, 12),
        (.usage, 64), (.damaged, 65), (.toolMissing, 69), (.serverUnreachable, 69), (.destinationFull, 74),
        (.destinationReadOnly, 74), (.tryLater, 75), (.newerVersion, 76), (.notPermitted, 77), (.badProfile, 78),
        (.interrupted, 130), (.terminated, 143),
    ]

    @Test(arguments: table) func `every kind of failure has its code`(kind: FailureKind, code: Int32) {
        #expect(BackupModel.ExitStatus(for: kind).rawValue == code)
    }

    @Test func `the table leaves none out`() {
        #expect(Set(Self.table.map(\.0)) == Set(FailureKind.allCases))
    }

    private func run(_ outcome: Outcome?, _ kinds: [FailureKind]) -> RunRecord {
        var run = RunRecord(
            id: RunID(startedAt: Date(), entropy: 1), profile: ProfileName(unchecked: "p"), operation: .backup,
            started: Date(), process: ProcessIdentity(pid: 1, startTime: 1, bootID: ""), user: "", profileDigest: "")
        run.outcome = outcome
        run.failures = kinds.map { Failure("x", kind: $0) }
        return run
    }

    @Test func `of several failures the first that has a code of its own decides`() {
        #expect(run(.failed, [.failed, .locked, .damaged]).exitStatus(strict: false) == .locked)
        #expect(run(.failed, [.failed]).exitStatus(strict: false) == .failed)
        // Timers take "not now" for a success.
        #expect(run(.failed, [.tryLater, .failed]).exitStatus(strict: false) == .failed)
        #expect(run(.failed, []).exitStatus(strict: false) == .failed)
        #expect(run(nil, []).exitStatus(strict: false) == .failed)
    }

    @Test func `what did not fail goes by its outcome`() {
        #expect(run(.skipped, [.locked]).exitStatus(strict: false) == .tryLater)
        #expect(run(.degraded, []).exitStatus(strict: true) == .degraded)
        #expect(run(.succeeded, []).exitStatus(strict: true) == .success)
        #expect(run(.interrupted, [.interrupted]).exitStatus(strict: false) == .interrupted)
    }
}
