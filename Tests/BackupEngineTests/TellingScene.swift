import BackupModel
import Foundation
import Synchronization
import TestSupport

@testable import BackupEngine

/// A notifier that hears, or for a while does not, and a world around it.
final class TestListener: Notifier {
    let spec: NotifierSpec
    let usualEvents: Set<NotificationEvent>
    let hearsEveryRun: Bool
    let patience: Duration
    private struct State {
        var heard: [NotificationMessage] = []
        var attempts = 0
        var error: NotifierError?
    }
    private let state = Mutex(State())

    init(
        _ name: String = "pager", _ events: Set<NotificationEvent>? = nil, everyRun: Bool = false,
        patience: Duration = .seconds(7 * 86_400), _ change: (inout NotifierSpec) -> Void = { _ in }
    ) {
        let nowhere = ConfigValue(.map([]), at: SourceLocation(file: "", line: 1, column: 1))
        var spec = NotifierSpec(name: NotifierName(unchecked: name), kind: "command", entry: nowhere, events: events)
        change(&spec)
        self.spec = spec
        usualEvents = everyRun ? [.started, .failed, .succeeded, .skipped, .partial] : NotificationEvent.usual
        hearsEveryRun = everyRun
        self.patience = patience
    }

    var heard: [NotificationMessage] { state.withLock { $0.heard } }
    var events: [NotificationEvent] { heard.map(\.event) }
    var attempts: Int { state.withLock { $0.attempts } }
    func fail(with error: NotifierError?) { state.withLock { $0.error = error } }

    func preflight() async throws(NotifierError) -> String { "an ear" }

    func deliver(_ message: NotificationMessage) async throws(NotifierError) {
        let error = state.withLock { state in
            state.attempts += 1
            if state.error == nil { state.heard.append(message) }
            return state.error
        }
        if let error { throw error }
    }
}

struct TellingScene {
    let store = MemoryRunStore()
    /// 02:30 UTC on a Saturday.
    let clock = TestClock(at: Date(timeIntervalSince1970: 1_795_228_200))
    static let down = NotifierError.unreachable(service: "pager", reason: "no route: hunter2", hint: "wait")

    func notifying(_ listeners: TestListener...) -> Notifying {
        Notifying(
            listeners, profile: ProfileName(unchecked: "app"), store: store, clock: clock, host: "host1", timeZone: .gmt
        ) { $0.replacingOccurrences(of: "hunter2", with: "‹redacted›") }
    }

    /// A run that ends now, and is told of.
    @discardableResult
    func run(
        _ outcome: Outcome, _ listeners: TestListener..., attended: Bool = false, failures: [Failure] = [],
        operation: RunRecord.Operation = .backup, _ change: (inout RunRecord) -> Void = { _ in }
    ) async throws -> Notifying.Report {
        clock.advance(by: .seconds(1))
        var run = RunRecord(
            id: RunID(startedAt: clock.now, entropy: 1), profile: ProfileName(unchecked: "app"), operation: operation,
            started: clock.now, process: ProcessIdentity(pid: 1, startTime: 1, bootID: "b"), user: "root",
            profileDigest: "")
        run.outcome = outcome
        run.finished = clock.now
        run.failures = failures
        change(&run)
        try store.begin(run)
        let notifying = Notifying(
            listeners, profile: run.profile, store: store, clock: clock, host: "host1", timeZone: .gmt
        ) { $0.replacingOccurrences(of: "hunter2", with: "‹redacted›") }
        return await notifying.tell(of: run, isAttended: attended)
    }

    func waiting() throws -> [WaitingMessage] { try store.waiting(profile: ProfileName(unchecked: "app")) }

    func standing(_ listener: TestListener) throws -> NotifierStanding {
        try store.standing(of: listener.spec.name, profile: ProfileName(unchecked: "app"))
    }
}
