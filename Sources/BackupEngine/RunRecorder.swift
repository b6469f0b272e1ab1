import BackupModel
import Foundation
import Synchronization

/// Keeps the record of one run: what it did goes to the observer at once and to history at the points that matter.
actor RunRecorder {
    private var current: RunRecord
    private let store: any RunStore
    private let clock: any HostClock
    private nonisolated let observer: any RunObserver
    private let failpoint: @Sendable (RunStep) async -> Void
    private nonisolated let redact: @Sendable (String) -> String
    private let begun: Duration
    private nonisolated let notices = Mutex<[String]>([])

    init(_ record: RunRecord, engine: Engine) {
        current = record
        store = engine.store
        clock = engine.clock
        observer = engine.observer
        failpoint = engine.failpoint
        redact = engine.redact
        begun = engine.clock.uptime
    }

    /// All that is known so far.
    var record: RunRecord {
        var record = current
        record.notices = notices.withLock { $0 }
        return record
    }

    /// - Throws: ``StoreError`` when the record is not on disk; then nothing may begin.
    func begin() throws(StoreError) {
        try store.begin(record)
        observer.observe(.began(record))
    }

    /// Runs one step and records how it ended.
    /// - Throws: ``RunStop``, also when the task was cancelled before the step.
    func step<Value: Sendable>(
        _ step: RunStep, subject: String? = nil, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        if Task.isCancelled { throw RunStop.cancelled }
        var entry = StepRecord(step: step, subject: subject, started: clock.now)
        let start = clock.uptime
        observer.observe(.stepBegan(step, subject: subject))
        await failpoint(step)
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        entry.duration = clock.uptime - start
        switch result {
        case .success: entry.outcome = .succeeded
        case .failure(RunStop.cancelled):
            entry.outcome = .interrupted
        case .failure(RunStop.skipped(let error)):
            entry.outcome = .skipped
            entry.detail = redact(error.description)
        case .failure(let error):
            let failure = RunRecorder.failure(of: error)
            entry.outcome = failure.kind == .interrupted ? .interrupted : .failed
            entry.detail = redact(failure.description)
            entry.toolOutput = ToolWords.of(error).mapValues(redact)
        }
        if let details = details.removeValue(forKey: RunRecorder.key(step, subject)) { details(&entry) }
        current.steps.append(entry)
        observer.observe(.stepEnded(entry))
        return try result.get()
    }

    private var details: [String: (inout StepRecord) -> Void] = [:]

    /// Adds to the record of a step that is under way.
    func annotate(_ step: RunStep, subject: String? = nil, _ change: @escaping @Sendable (inout StepRecord) -> Void) {
        let key = RunRecorder.key(step, subject)
        let earlier = details[key]
        details[key] = { entry in
            earlier?(&entry)
            change(&entry)
        }
    }

    private static func key(_ step: RunStep, _ subject: String?) -> String { step.rawValue + "\u{0}" + (subject ?? "") }

    func change(_ body: @Sendable (inout RunRecord) -> Void) { body(&current) }

    /// Notes the version of the tool that a repository is driven by.
    func note(tool: String) {
        let words = tool.split(separator: " ", maxSplits: 1).map(String.init)
        if words.count == 2 { current.tools[words[0]] = words[1] }
    }

    /// Needs no waiting, so that whoever says something has said it by the time it returns: nothing comes after the record
    /// is closed.
    nonisolated func notice(_ text: String) {
        let text = redact(text)
        let isNew = notices.withLock { notices in
            guard !notices.contains(text) else { return false }
            notices.append(text)
            return true
        }
        if isNew { observer.observe(.notice(text)) }
    }

    func fail(_ error: any OperatorError) {
        let failure = redacted(Failure(error))
        if !current.failures.contains(failure) { current.failures.append(failure) }
    }

    /// A source that this run could not capture.
    func gap(_ source: SourceName, _ failure: Failure) {
        fail(Failure("\(source): \(failure.description)", hint: failure.hint, kind: failure.kind))
        let gap = ManifestGap(source: source, cause: redact(failure.description))
        current.gaps.append(gap)
        observer.observe(.gap(gap))
    }

    private func redacted(_ failure: Failure) -> Failure {
        Failure(redact(failure.description), hint: failure.hint.map(redact), kind: failure.kind)
    }

    /// Writes what is known so far.
    func checkpoint() throws(StoreError) { try store.update(record) }

    /// Closes the record. A record that cannot be written is itself a failure of the run: success needs it on disk.
    func finish(_ outcome: Outcome) -> RunRecord {
        current.finished = clock.now
        current.duration = clock.uptime - begun
        current.outcome = outcome
        do {
            try store.update(record)
        } catch {
            fail(error)
            current.outcome = .failed
        }
        observer.observe(.ended(record))
        return record
    }

    /// What was to be given back and could not be belongs to the record too, although it is closed.
    func add(afterwards notices: [String]) -> RunRecord {
        guard !notices.isEmpty else { return record }
        for text in notices { notice(text) }
        do { try store.update(record) } catch { notice("this could not be recorded: \(error.description)") }
        return record
    }

    /// An error of any layer as a value that can be recorded.
    static func failure(of error: any Error) -> Failure {
        switch error {
        case RunStop.cancelled: Failure("interrupted", kind: .interrupted)
        case RunStop.skipped(let cause), RunStop.failed(let cause): Failure(cause)
        case RunStop.noneCaptured(let failure): failure
        case let failure as Failure: failure
        case let cause as any OperatorError: Failure(cause)
        case is CancellationError: Failure("interrupted", kind: .interrupted)
        default: Failure(String(describing: error))
        }
    }
}
