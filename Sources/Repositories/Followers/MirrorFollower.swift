import BackupModel
import Foundation
import Programs

/// Fed file by file: the primary's own files, which never change and are named by what is in them, put where nothing can be
/// read back. It is a replica of the primary and no repository of its own.
///
/// A pass lists snapshots before indexes before data, and sends them the other way round: whenever it is cut short, what is
/// there is a repository that is whole and perhaps older. Each file is hashed against its name first, so that damage does not
/// travel. What the ledger knows is not sent again, and the server is asked nothing.
struct MirrorFollower: Follower {
    let spec: RepositorySpec
    let follow: FollowSpec
    let repository: (any Repository)?
    private let source: ResticFolder
    private let place: ResticLocation
    private let target: @Sendable (_ generation: String?) async throws(RepositoryError) -> any MirrorTarget
    private let ledger: any MirrorLedger
    private let clock: any HostClock
    /// Itself as a repository, whether anything may be read from it or not.
    private let replica: ResticRepository

    var location: String { place.text }

    /// - Parameter target: the mirror itself, or a generation of it.
    init(
        _ spec: RepositorySpec, _ follow: FollowSpec, of source: ResticFolder, at place: ResticLocation,
        ledger: any MirrorLedger, clock: any HostClock, replica: ResticRepository,
        reading repository: (any Repository)?,
        target: @escaping @Sendable (_ generation: String?) async throws(RepositoryError) -> any MirrorTarget
    ) {
        self.spec = spec
        self.follow = follow
        self.source = source
        self.place = place
        self.ledger = ledger
        self.clock = clock
        self.replica = replica
        self.repository = repository
        self.target = target
    }

    func feed(
        _ wanted: [Snapshot], reading again: any SecondReading,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> FeedReport {
        var notices: [String] = []
        var pass: MirrorPass
        if let rule = follow.generations {
            let open = try await openGeneration(rule, progress)
            pass = open.pass
            try await pass.run()
            notices = open.notices + (try await complete(open.name, rule, &pass))
        } else {
            pass = try await self.pass(to: nil, progress)
            try await pass.run()
        }
        if pass.isOnTrust {
            notices.append(
                "there was a configuration at \(pass.target.place) before, which this credential cannot compare with ours: if the "
                    + "state folder was not lost, another host puts its own there, and then neither can be read; test it with "
                    + "`backup verify --offsite --credentials FILE`")
        }
        let there = pass.known
        let sent = pass.sent
        return FeedReport(
            present: Set(wanted.map(\.id).filter { there["snapshots/\($0.rawValue)"] != nil }),
            delivered: wanted.count { sent.contains("snapshots/\($0.id.rawValue)") },
            bytes: ByteCount(pass.bytes), tool: pass.target.tool, notices: notices)
    }

    private func pass(
        to generation: String?, _ progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> MirrorPass {
        try MirrorPass(
            of: source, to: try await target(generation), ledger: ledger, clock: clock, progress: progress)
    }

    func acknowledged() throws(RepositoryError) -> AcknowledgedFiles? {
        let there = try reliedPlace
        let known = try stored { () throws(StoreError) in try ledger.mirrored(at: there.text) }
        var here = ["config"] + (try source.mirrorableData())
        for folder in ["keys", "index", "snapshots"] { here += try source.mirrorable(folder) }
        let sent = here.compactMap { known[$0] }
        return AcknowledgedFiles(
            files: here.count, acknowledged: sent.count, bytes: ByteCount(sent.reduce(0) { $0 + $1.bytes }))
    }

    /// A replica has the primary's own files and names.
    func byHand(
        _ part: ManifestPart, as primary: ManualRestore
    ) async throws(RepositoryError) -> (location: String, restore: ManualRestore)? {
        (try reliedPlace.text, primary.at(await replica.places()))
    }

    // MARK: - Generations

    /// Where the newest files are that are whole.
    private var reliedPlace: ResticLocation {
        get throws(RepositoryError) {
            guard let rule = follow.generations else { return place }
            let state = MirrorGenerations(
                rule, try stored { () throws(StoreError) in try ledger.generations(at: location) })
            return state.relied.map { place.appending($0.name) } ?? place
        }
    }

    /// The generation that is to be fed: the current one, or a new one where it is due, where the primary's configuration has
    /// changed, and where nothing is known.
    ///
    /// A new one's name is entered before it is used, and it is ours only if nothing was there: with a ledger that was lost, or
    /// another machine at work, the name may be taken.
    private func openGeneration(
        _ rule: GenerationRule, _ progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> (name: String, pass: MirrorPass, notices: [String]) {
        let state = MirrorGenerations(
            rule, try stored { () throws(StoreError) in try ledger.generations(at: location) })
        var why = state.all.isEmpty ? "" : "the one before it is older than \(Words.days(rule.length)): "
        if let open = state.open(at: clock.now) {
            var pass = try await pass(to: open.name, progress)
            let config = pass.known["config"]?.digest
            if try config == source.configDigest() { return (open.name, pass, []) }
            why = "the primary's configuration has changed: "
            if config == nil {
                if try await pass.claim() { return (open.name, pass, []) }
                try giveUp(open.name, pass)
                why = ""
            }
        }
        for name in state.names(at: clock.now).prefix(50) {
            let new = MirrorGeneration(name: name, started: clock.now)
            try stored { () throws(StoreError) in try ledger.save([new], at: location) }
            var pass = try await pass(to: name, progress)
            if try await pass.claim() {
                return (name, pass, ["\(why)generation \(name) begins, at \(pass.target.place)"])
            }
            try giveUp(name, pass)
        }
        throw .occupied(location: location, by: "generations of today that are not known here")
    }

    private func giveUp(_ name: String, _ pass: MirrorPass) throws(RepositoryError) {
        try stored { () throws(StoreError) in
            try ledger.dropMirrored(at: pass.target.place)
            try ledger.removeGeneration(name, at: location)
        }
    }

    /// Enters that a generation has everything, and closes those before it.
    /// - Returns: what its owner should know, in words.
    private func complete(
        _ name: String, _ rule: GenerationRule, _ pass: inout MirrorPass
    ) async throws(RepositoryError) -> [String] {
        try await pass.markComplete()
        let before = MirrorGenerations(
            rule, try stored { () throws(StoreError) in try ledger.generations(at: location) })
        let changed = before.completing(name, at: clock.now)
        guard !changed.isEmpty else { return [] }
        let closed = changed.filter { $0.closed != nil }
        try stored { () throws(StoreError) in
            try ledger.save(changed, at: location)
            for one in closed { try ledger.dropMirrored(at: place.appending(one.name).text) }
        }
        let rules = ExpiryRules(
            MirrorGenerations(rule, changed), location: location)
        return ["generation \(name) is complete; it is unproven until a credential that may read has checked it"]
            + closed.flatMap { rules.words(on: $0) }
    }

    func expiryAlarm(at now: Date) throws(StoreError) -> String? {
        guard let rule = follow.generations else { return nil }
        let generations = MirrorGenerations(rule, try ledger.generations(at: location))
        return generations.alarm(at: now).map { alarm in
            "generation \(alarm.generation) \(alarm.expires > now ? "begins" : "began") to expire on "
                + "\(UTCTime(alarm.expires).dayInWords) and no newer one is complete"
        }
    }
}
