import BackupModel
import Testing

/// A place where a run can be stopped, and what is so when it was.
struct InterruptionPlace: Sendable, CustomTestStringConvertible {
    let name: String
    var work = Work.backup
    /// What is stored by then is whole, so it counts although the run did not come to its end.
    var counts = false
    /// All is done by then, or being done as one thing: a signal that can be handled comes too late to matter.
    var isOver = false

    enum Work: Sendable {
        case backup
        /// The very first, which makes the repository.
        case firstBackup
        case restore
        case exactRestore
        case restoreIntoPlace
        case verify
        /// With resources, in tests of their own.
        case resources
    }

    var testDescription: String { name }

    init(_ step: RunStep) {
        name = step.rawValue
        switch step {
        case .record, .lockProfile, .recover, .lockRepository, .preflight, .openRepository, .capture, .manifest: break
        case .feed, .retention: counts = true
        case .verify: work = .verify
        case .restore, .settle: work = .restore
        case .hook, .acquire, .giveBack: work = .resources
        case .finish, .release:
            counts = true
            isOver = true
        }
    }

    init(_ moment: RunMoment) {
        name = moment.rawValue
        switch moment {
        case .scratchJournaled, .partStored: break
        case .repositoryCreated: work = .firstBackup
        case .manifestStored, .forgotten: counts = true
        case .staged: work = .restore
        case .settled:
            work = .restore
            isOver = true
        case .besidePlace:
            work = .exactRestore
            isOver = true
        case .settlementJournaled, .allSettled: work = .restoreIntoPlace
        case .resourceJournaled, .resourceTaken, .resourceHeld, .resourceReleased: work = .resources
        }
    }

    /// Every step and every moment there is: a new one is tested without anybody remembering it.
    static let all = RunStep.allCases.map(InterruptionPlace.init) + RunMoment.allCases.map(InterruptionPlace.init)
    static let backups = all.filter { $0.work == .backup }
    static let verifies = all.filter { $0.work == .verify }
    static let restores = all.filter { $0.work == .restore || $0.work == .exactRestore }
}
