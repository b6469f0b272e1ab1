import BackupEngine
import BackupModel
import DumpSources
import Foundation
import HostSystem
import ProfileLoader
import Repositories
import RunHistory
import Tools

/// The one place where everything is wired: which implementation stands behind each port.
final class Live: Sendable {
    let console: Console
    let profile: Profile
    /// As `--config-dir` has it.
    let configFolder: String?
    let runner: any ToolRunner
    let log: RunLog
    let host: LocalHost
    let clock = SystemClock()
    let locks: any LockService
    let secrets: SecretResolver
    private let supervisor: SupervisedRunner
    private let folders: StateFolders
    /// Stands in for what this host has of its own.
    private let machine: NewMachine?
    private let redact: @Sendable (String) -> String

    var stateFolder: String { folders.state }
    var cacheFolder: String { folders.cache }

    /// Loads the profile that the options and the environment choose.
    /// - Parameter identity: the file of a secret key that opens archives of which the profile names none.
    /// - Parameter machine: has the home folder, the cache and the pins in place of this host's.
    /// - Throws: an ``OperatorError`` when there is no such profile or something is wrong with it.
    init(_ global: GlobalOptions, _ console: Console, identity: String? = nil, on machine: NewMachine? = nil) throws {
        self.console = console
        configFolder = global.configFolder
        profile = try Profiles(global).chosen(openedWith: identity)
        let supervisor = try SupervisedRunner(environment: NewMachine.environment(on: machine))
        self.machine = machine
        self.supervisor = supervisor
        redact = { supervisor.redactor.redact($0) }
        Interruption.onHurry { supervisor.close() }
        console.redact = redact
        host = LocalHost()
        var folders = StateFolders.resolve(
            profileState: profile.settings.state, profileCache: profile.settings.cache)
        if let machine { folders.cache = machine.cache }
        self.folders = folders
        locks = FileLocks(stateFolder: folders.state, host: host, clock: clock)
        secrets = SecretResolver(runner: supervisor)
        log = RunLog(profile, stateFolder: folders.state, clock: clock, redact: redact, trouble: console.warn)
        runner = ToolLog(supervisor, log)
        console.recorder = log.warn
        console.profileWords = global.pasted(profile.name)
    }

    func store() throws -> SQLiteRunStore { try SQLiteRunStore(folder: folders.state) }

    var services: Services {
        Services(runner: runner, secrets: secrets, host: host, clock: clock, settings: profile.settings)
    }

    var hooks: LocalHooks {
        LocalHooks(
            runner: runner, secrets: secrets, folders: .ours, environment: profile.settings.environment,
            niceness: profile.settings.niceness)
    }

    var journal: FileJournal { FileJournal(folder: folders.state) }

    func repository(_ spec: RepositorySpec) throws -> any Repository {
        guard let follow = spec.follow else {
            return try RepositoryRegistry.repository(spec, services, cacheFolder: folders.cache)
        }
        return try RepositoryRegistry.repository(
            spec, following: profile.repositories.first { $0.name == follow.leader }, services,
            cacheFolder: folders.cache, ledger: try machine?.store ?? store())
    }

    /// Finds out what our credential may do in a repository.
    func probe(_ spec: RepositorySpec) throws -> any AccessProbe {
        try RepositoryRegistry.probe(spec, services, cacheFolder: folders.cache)
    }

    /// - Parameter name: `nil` for the primary.
    func repository(named name: String?, _ engine: Engine) throws -> any Repository {
        guard let name, name != engine.primary.spec.name.rawValue else { return engine.primary }
        return try repository(try spec(ofRepository: name))
    }

    private func followers(of primary: any Repository, _ store: SQLiteRunStore) throws -> [any Follower] {
        try profile.followers.map {
            try RepositoryRegistry.follower($0, of: primary, services, cacheFolder: folders.cache, ledger: store)
        }
    }

    /// What `--offsite` means: the follower of that name, or the first that there is.
    /// - Throws: ``Failure`` where the profile has none now.
    func offsite() throws -> RepositorySpec {
        let followers = profile.followers
        if let spec = followers.first(where: { $0.name.rawValue == "offsite" }) ?? followers.first { return spec }
        let off = profile.disabled.filter { $0.hasPrefix("repositories.") }.map { $0.dropFirst("repositories.".count) }
        throw Failure(
            "profile \(profile.name) has no offsite repository",
            hint: off.isEmpty
                ? "add a repository with `follows:` to it"
                : "its `when:` switches off \(off.joined(separator: ", ")): is the variable set that it asks for?",
            kind: .badProfile)
    }

    func engine() throws -> Engine {
        guard let primary = profile.primary else {
            throw Failure("profile \(profile.name) has no primary repository", kind: .badProfile)
        }
        let services = services
        let journal = journal
        let metrics = MetricsWriter(profile, console)
        let observer = OrphanWatch(
            journal: journal, host: host,
            observer: Observers([
                LogObserver(log), console.isJSON ? JSONLinesObserver(console) : LineObserver(console), metrics,
            ]))
        supervisor.watchProducers(observer)
        let sources = try profile.sources.map { spec in try DumpSourceRegistry.make(spec, services) }
        let specs = profile.sources
        let repository = try repository(primary)
        let store = try store()
        var engine = Engine(
            profile: profile, sources: sources, primary: repository, followers: try followers(of: repository, store),
            store: store,
            pins: machine?.pins ?? FilePins(folder: folders.state), journal: journal, locks: locks,
            scratch: ScratchFolders(defaultRoot: folders.scratch), host: host, clock: clock,
            observer: observer, user: UserDatabase.currentUserName,
            restorer: { part throws(SourceError) in
                try DumpSourceRegistry.restorer(
                    part, Live.spec(for: part, among: specs), services, identity: nil)
            },
            redact: redact,
            released: Date(timeIntervalSince1970: ProgramVersion.madeAfter),
            failpoint: { await Failpoint.reach($0.rawValue) }, moment: { await Failpoint.reach($0.rawValue) },
            hooks: hooks)
        metrics.follow(engine)
        engine.announce = { [self] run in await tellBeginning(of: run, store) }
        return engine
    }

    /// Without secrets.
    func redacted(_ text: String) -> String { redact(text) }

    /// What restores parts with a key that is given at the moment of need.
    func restorer(identity path: String) -> @Sendable (ManifestPart) throws(SourceError) -> any DumpSource {
        let (services, specs) = (services, profile.sources)
        return { part throws(SourceError) in
            try DumpSourceRegistry.restorer(
                part, Live.spec(for: part, among: specs), services, identity: .file(path))
        }
    }

    /// The source that captured a part, or, when the profile has none such (any more), one with just its kind: a restore
    /// needs nothing else. The shorthand of every kind is one text, which no restore reads.
    private static func spec(for part: ManifestPart, among specs: [SourceSpec]) -> SourceSpec {
        if let spec = specs.first(where: { $0.name == part.source && $0.kind == part.sourceKind }) { return spec }
        let nowhere = SourceLocation(file: "", line: 1, column: 1)
        let kind = ConfigValue.Entry(
            key: part.sourceKind, keyLocation: nowhere, value: ConfigValue(.string("/unknown"), at: nowhere))
        return SourceSpec(name: part.source, kind: part.sourceKind, entry: ConfigValue(.map([kind]), at: nowhere))
    }
}
