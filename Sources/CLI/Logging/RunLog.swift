import BackupModel
import Foundation
import HostSystem
import RunHistory
import Synchronization

/// The log of runs as they go on: each run's own beside the history, and the file that the profile names. Nothing is written
/// before a run begins. A log that cannot be written is told of once and costs the run nothing.
final class RunLog: Sendable {
    private let profile: ProfileName
    private let spec: LogSpec?
    private let logs: RunLogs
    private let clock: any HostClock
    private let redact: @Sendable (String) -> String
    private let trouble: @Sendable (String) -> Void

    private struct State {
        /// What came before the run was known.
        var pending: [LogEntry] = []
        var run: RunID?
        var own: RunLogFile?
        var shared: RotatingFile?
    }
    private let state = Mutex(State())
    private static let mostPending = 1000

    /// - Parameter trouble: is told what goes wrong with the logs themselves.
    init(
        _ profile: Profile, stateFolder: String, clock: any HostClock, redact: @escaping @Sendable (String) -> String,
        trouble: @escaping @Sendable (String) -> Void
    ) {
        self.profile = profile.name
        spec = profile.log
        logs = RunLogs(folder: stateFolder)
        self.clock = clock
        self.redact = redact
        self.trouble = trouble
    }

    /// What comes from now on belongs to a run that is about to begin.
    func expectRun() {
        state.withLock { state in
            state.run = nil
            state.own = nil
            state.pending = []
        }
    }

    /// - Returns: whether it was not known yet.
    @discardableResult
    func begin(_ run: RunID) -> Bool {
        guard state.withLock({ $0.run != run }) else { return false }
        var own: RunLogFile?
        var failure: StoreError?
        do throws(StoreError) {
            own = try logs.begin(run, of: profile, now: clock.now)
        } catch {
            failure = error
        }
        let pending = state.withLock { state in
            state.run = run
            state.own = own
            if let spec, state.shared == nil {
                state.shared = RotatingFile(path: spec.path, limit: spec.size, keep: spec.keep)
            }
            defer { state.pending = [] }
            return state.pending
        }
        for entry in pending { write(entry, run) }
        if let failure { trouble("this run has no log of its own: \(failure.description)") }
        return true
    }

    /// - Parameter message: as it is; secrets and control characters are taken out here.
    func add(
        _ level: LogLevel, _ event: String, _ message: String, subject: String? = nil, outcome: Outcome? = nil,
        duration: Duration? = nil, bytes: ByteCount? = nil
    ) {
        let entry = LogEntry(
            time: clock.now, level: level, profile: profile, event: event,
            message: Console.harmless(redact(message)),
            subject: subject.map { Console.harmlessName(redact($0)) }, outcome: outcome, duration: duration,
            bytes: bytes)
        let run = state.withLock { state in
            if state.run == nil, state.pending.count < RunLog.mostPending { state.pending.append(entry) }
            return state.run
        }
        if let run { write(entry, run) }
    }

    /// A warning of the program's, during a run or just after it.
    @Sendable func warn(_ text: String) { add(.warning, "warning", text) }

    private func write(_ entry: LogEntry, _ run: RunID) {
        var entry = entry
        entry.run = run
        let line: String
        // Texts and numbers alone: there is nothing in it that JSON has no form for.
        do { line = try entry.json() } catch { return }
        let (own, shared) = state.withLock { ($0.own, $0.shared) }
        do throws(StoreError) {
            try own?.append(line, entry.level)
        } catch {
            let isNews = state.withLock { state in
                defer { state.own = nil }
                return state.own != nil
            }
            if isNews { trouble("the log of this run ends early: \(error.description)") }
        }
        guard let spec, let shared, entry.level >= spec.level else { return }
        do throws(Failure) {
            try shared.append(spec.format == .json ? line : entry.plain)
        } catch {
            let isNews = state.withLock { state in
                defer { state.shared = nil }
                return state.shared != nil
            }
            if isNews { trouble(error.description) }
        }
    }
}
