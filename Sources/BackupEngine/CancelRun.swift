package import BackupModel
import Foundation

/// Ends runs that are at work, by their own way of ending: the signal that Ctrl-C is, to exactly the process that history has.
package struct CancelRun: Sendable {
    private let profile: ProfileName
    private let store: any RunStore
    private let host: any HostFacts
    private let clock: any HostClock

    package init(profile: ProfileName, store: any RunStore, host: any HostFacts, clock: any HostClock) {
        self.profile = profile
        self.store = store
        self.host = host
        self.clock = clock
    }

    package enum End: Sendable, Equatable {
        /// By itself, as its record says.
        case ended(RunRecord)
        /// It is gone and its record has no end: what it left is for the next run, or for recovery.
        case gone(RunRecord)
        /// It is still giving back what it took.
        case atWork(RunRecord)
    }

    /// How long a process takes to be gone that was killed.
    private static let grace = Duration.seconds(10)

    /// Those at work now, oldest first.
    package func live() throws(StoreError) -> [RunRecord] {
        let ours = host.currentProcess()
        return try store.unfinished(profile: profile).filter { isAtWork($0) && $0.process != ours }
            .sorted { $0.id < $1.id }
    }

    /// The runs that are meant.
    /// - Parameters:
    ///   - text: a run's id, or the beginning of one; `nil` for the one at work.
    ///   - all: every one at work, should there be several.
    /// - Returns: of a run that has ended already, its record.
    package func chosen(_ text: String?, all: Bool) throws -> [RunRecord] {
        let live = try live()
        guard let text else {
            guard live.count < 2 || all else {
                let list = live.map { "\n  \($0.id)  \($0.operation.rawValue), process \($0.process.pid)" }.joined()
                throw Failure(
                    "\(live.count) runs of profile \(profile) are at work:\(list)",
                    hint: "name one of them, or give --all", kind: .usage)
            }
            return live
        }
        let known = live + (try store.runs(RunQuery(profile: profile, limit: 1000)))
        var found: [RunRecord] = []
        for run in known where run.id.rawValue.lowercased().hasPrefix(text.lowercased()) {
            if !found.contains(where: { $0.id == run.id }) { found.append(run) }
        }
        guard let run = found.first else {
            throw Failure(
                "profile \(profile) has no run \(text)", hint: "`holdfast history` lists them", kind: .notFound)
        }
        guard found.count == 1 else {
            throw Failure(
                "\(text) may mean any of \(found.prefix(5).map(\.id.rawValue).joined(separator: ", "))",
                hint: "give more of it", kind: .usage)
        }
        return [run]
    }

    /// - Parameters:
    ///   - patience: how long it may take to give back what it took.
    ///   - force: then asks it to hurry, and kills it at last.
    /// - Throws: ``Failure`` when it belongs to somebody else; `CancellationError`.
    package func end(_ run: RunRecord, within patience: Duration, force: Bool) async throws -> End {
        guard isAtWork(run) else { return try outcome(of: run) }
        guard try host.signal(run.process, .terminate) else { return try outcome(of: run) }
        if try await waits(for: run, patience) { return try outcome(of: run) }
        guard force else { return .atWork(run) }
        // Asked twice it kills its children at once, and still gives everything back.
        _ = try host.signal(run.process, .terminate)
        if try await waits(for: run, CancelRun.grace) { return try outcome(of: run) }
        _ = try host.signal(run.process, .kill)
        guard try await waits(for: run, CancelRun.grace) else { return .atWork(run) }
        return try outcome(of: run)
    }

    private func isAtWork(_ run: RunRecord) -> Bool {
        run.finished == nil && host.process(run.process.pid) == run.process
    }

    /// - Returns: whether it is gone.
    private func waits(for run: RunRecord, _ patience: Duration) async throws -> Bool {
        let end = clock.uptime + patience
        while host.process(run.process.pid) == run.process {
            guard clock.uptime < end else { return false }
            try await clock.sleep(for: .milliseconds(100))
        }
        return true
    }

    private func outcome(of run: RunRecord) throws(StoreError) -> End {
        let now = try store.run(run.id) ?? run
        return now.outcome == nil ? .gone(now) : .ended(now)
    }
}
