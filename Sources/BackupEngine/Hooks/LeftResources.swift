package import BackupModel

/// Gives back what programs of the operator's took for runs that are dead, last taken first. Whatever of it fails is tried again
/// by the next run.
///
/// - Important: under the profile's lock, or two would give the same thing back.
package struct LeftResources: Sendable {
    private let journal: any ResourceJournal
    private let hooks: any HookRunner
    private let host: any HostFacts
    private let profile: ProfileName
    private let redact: @Sendable (String) -> String

    package struct Released: Sendable {
        package var notices: [String] = []
        package var failures: [Failure] = []
    }

    init(_ engine: Engine) {
        self.init(
            journal: engine.journal, hooks: engine.hooks, host: engine.host, profile: engine.profile.name,
            redact: engine.redact)
    }

    package init(
        journal: any ResourceJournal, hooks: any HookRunner, host: any HostFacts, profile: ProfileName,
        redact: @escaping @Sendable (String) -> String
    ) {
        self.journal = journal
        self.hooks = hooks
        self.host = host
        self.profile = profile
        self.redact = redact
    }

    private struct Left: Sendable {
        var entry: JournalEntry
        var resource: HeldResource
    }

    private func left(except current: RunID?) throws(StoreError) -> [Left] {
        try journal.entries(profile: profile).compactMap { entry in
            guard case .release(let resource) = entry.action, entry.run != current,
                host.process(entry.process.pid) != entry.process
            else { return nil }
            return Left(entry: entry, resource: resource)
        }
    }

    package func isAny(except current: RunID?) throws(StoreError) -> Bool { try !left(except: current).isEmpty }

    package func release(except current: RunID?) async throws(StoreError) -> Released {
        var done = Released()
        for item in try left(except: current) {
            let release = ResourceRelease(hooks, journal, redact: redact)
            // A signal that comes now must not leave it held.
            let failure = await uncancelled { await release.carryOut(item.entry, item.resource) }
            if let failure {
                done.failures.append(
                    Failure("left by run \(item.entry.run): \(failure.description)", hint: failure.hint))
            } else {
                done.notices.append("gave back resource \(item.resource.name), which run \(item.entry.run) left")
            }
        }
        return done
    }
}
