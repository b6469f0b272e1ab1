package import BackupModel
package import Foundation

/// Everything a piece of work is given: the profile, the ports, and the kinds made from the profile. Handed in by the
/// program, and by tests with everything in memory.
package struct Engine: Sendable {
    package var profile: Profile
    package var sources: [any DumpSource]
    package var primary: any Repository
    /// Fed from the primary, in the order of the profile.
    package var followers: [any Follower]
    package var store: any RunStore
    package var pins: any Pins
    package var journal: any ResourceJournal
    package var locks: any LockService
    package var scratch: any ScratchSpace
    package var host: any HostFacts & Places
    package var clock: any HostClock
    package var observer: any RunObserver
    /// Makes what can restore a part, also of a source that the profile no longer has.
    package var restorer: @Sendable (ManifestPart) throws(SourceError) -> any DumpSource
    /// Called at the beginning of every step; tests stop a run there.
    package var failpoint: @Sendable (RunStep) async -> Void
    /// Called at every ``RunMoment``, likewise.
    package var moment: @Sendable (RunMoment) async -> Void
    /// Called when a run's record is on disk and nothing is locked yet.
    package var announce: @Sendable (RunRecord) async -> Void = { _ in }
    package var hooks: any HookRunner
    /// For run ids.
    package var entropy: @Sendable () -> UInt32
    package var user: String
    /// Blots secrets out of text that is kept or shown.
    package var redact: @Sendable (String) -> String
    /// When this program was made: no clock can be right that is earlier.
    package var released: Date?
    /// The one that the repository's tool records times in: calendar rules count in it.
    package var timeZone: TimeZone

    package init(
        profile: Profile, sources: [any DumpSource], primary: any Repository,
        followers: [any Follower] = [], store: any RunStore, pins: any Pins, journal: any ResourceJournal,
        locks: any LockService, scratch: any ScratchSpace, host: any HostFacts & Places,
        clock: any HostClock, observer: any RunObserver, user: String,
        restorer: @escaping @Sendable (ManifestPart) throws(SourceError) -> any DumpSource,
        redact: @escaping @Sendable (String) -> String = { $0 }, released: Date? = nil,
        timeZone: TimeZone = .current,
        failpoint: @escaping @Sendable (RunStep) async -> Void = { _ in },
        moment: @escaping @Sendable (RunMoment) async -> Void = { _ in }, hooks: any HookRunner = NoHooks(),
        entropy: @escaping @Sendable () -> UInt32 = { UInt32.random(in: 0...UInt32.max) }
    ) {
        self.profile = profile
        self.sources = sources
        self.primary = primary
        self.followers = followers
        self.store = store
        self.pins = pins
        self.journal = journal
        self.locks = locks
        self.scratch = scratch
        self.host = host
        self.clock = clock
        self.observer = observer
        self.user = user
        self.restorer = restorer
        self.redact = redact
        self.released = released
        self.timeZone = timeZone
        self.failpoint = failpoint
        self.moment = moment
        self.hooks = hooks
        self.entropy = entropy
    }

    /// A new record for work that begins now.
    func newRecord(_ operation: RunRecord.Operation, reason: String? = nil, trigger: String = "manual") -> RunRecord {
        let now = clock.now
        var record = RunRecord(
            id: RunID(startedAt: now, entropy: entropy()), profile: profile.name, operation: operation, started: now,
            process: host.currentProcess(), user: user, reason: reason, trigger: trigger,
            profileDigest: profile.digest)
        if primary.spec.follow != nil { record.repository = primary.spec.name }
        return record
    }
}

extension Engine {
    /// The same work on a follower instead of the primary: listing it, testing it, restoring from it.
    package func at(_ repository: any Repository) -> Engine {
        var copy = self
        copy.primary = repository
        copy.followers = []
        return copy
    }

    /// Whether a removal may be refused here without anything being wrong: in a follower whose access nobody has named.
    var expectsRefusal: Bool { primary.spec.follow != nil && primary.spec.access == .auto }

    /// Why a repository that must lie on another disk than what is backed up does not.
    /// - Parameter paths: what is backed up.
    func sharedDisk(_ spec: RepositorySpec, at location: String, with paths: [String]) -> Failure? {
        guard spec.entry["other-device-than-sources"]?.boolean == true, location.hasPrefix("/"),
            let disk = host.device(of: location), let path = paths.first(where: { host.device(of: $0) == disk })
        else { return nil }
        return Failure(
            "repository \(spec.name) at \(location) is on the same disk as \(path)",
            hint: "mount the backup disk, or remove `other-device-than-sources: true` from the repository",
            kind: .failed)
    }

    /// - Parameter names: `nil` for all; each counts once.
    func sources(named names: [SourceName]?) throws(Failure) -> [any DumpSource] {
        guard let names else { return sources }
        for name in names where !sources.contains(where: { $0.spec.name == name }) {
            throw Failure(
                "profile \(profile.name) has no source \(name)",
                hint: "it has: " + sources.map(\.spec.name.rawValue).joined(separator: ", "), kind: .usage)
        }
        return sources.filter { names.contains($0.spec.name) }
    }

    /// Ends a piece of recorded work: the record first, then what was taken is given back.
    func close(_ recorder: RunRecorder, _ holdings: Holdings, _ outcome: Outcome) async -> RunRecord {
        let toolStarts = primary.toolStarts
        await recorder.change { $0.toolStarts = toolStarts }
        _ = await recorder.finish(outcome)
        await failpoint(.release)
        return await recorder.add(afterwards: await holdings.release())
    }
}

/// Why a run stopped before its end.
enum RunStop: Error {
    case cancelled
    /// Another run holds what it needs.
    case skipped(any OperatorError)
    case failed(any OperatorError)
    /// No source got through, and each has said why: the record needs no further failure.
    case noneCaptured(Failure)
}

/// Runs `body` to its end even when the surrounding task has been cancelled: for giving back what was taken. Everything
/// in it must be bounded in time by itself.
func uncancelled<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
    await Task.detached { await body() }.value
}
