import ArgumentParser
import BackupEngine
import BackupModel
import Foundation

/// `holdfast repository …`
struct RepositoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repository", abstract: "Look after the places that snapshots live in.",
        subcommands: [RepositoryList.self, RepositoryAccept.self, RepositoryAdopt.self, RepositoryUnlock.self])
}

struct RepositoryList: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the profile's repositories: where, which one, its keys and locks.",
        usage: "holdfast repository list [<options>]",
        discussion: "Example: holdfast repository list")

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let engine = try live.engine()
        var status = ExitStatus.success
        var documents: [JSONValue] = []
        for spec in live.profile.repositories {
            let whole = spec.name == engine.primary.spec.name ? engine.primary : try live.repository(spec)
            let generations = try live.generations(of: whole)
            let repository = try live.generation(of: whole)
            let pin = try engine.pins.pin(profile: live.profile.name, repository: repository.spec.pinName)
            let room = engine.host.room(at: repository.location)
            var lines = ["\(spec.name) (\(spec.kind)) at \(repository.location)"]
            var entries: [(String, JSONValue)] = [
                ("name", .string(spec.name.rawValue)), ("kind", .string(spec.kind)),
                ("location", .string(repository.location)), ("freeBytes", JSONValue(room?.free)),
            ]
            do {
                let look =
                    spec.access.mayRead
                    ? try await RepositoryLook.at(
                        repository, pin: pin, clock: engine.clock, askingForKeys: console.isVerbose) : nil
                switch look?.state {
                case nil:
                    lines.append("  its access is \(spec.access.rawValue): nothing can be looked at")
                    entries.append(("state", "unreadable"))
                case .absent:
                    lines.append(
                        "  no repository there" + (pin == nil ? " yet" : ", and there was one: look at its disk"))
                    entries.append(("state", "absent"))
                case .occupied(let what):
                    lines.append("  no repository, but not empty: \(what)")
                    entries.append(("state", "occupied"))
                case .present(let identity):
                    let isPinned = pin.map { $0.identity.id == identity.id && $0.identity.keyIDs == identity.keyIDs }
                    lines.append(
                        "  id \(identity.id.prefix(10)), format \(identity.formatVersion), "
                            + (isPinned == nil
                                ? "not pinned yet" : isPinned == true ? "as pinned" : "NOT the pinned one"))
                    let keys = KeyComparison(
                        identity.keyIDs, pinned: pin?.identity.keyIDs, owners: look?.keyOwners ?? [])
                    lines += keys.lines
                    entries += [
                        ("state", "present"), ("id", .string(identity.id)), ("keys", JSONValue(identity.keyIDs)),
                        ("pinned", isPinned.map(JSONValue.boolean) ?? .null), ("newKeys", JSONValue(keys.added)),
                        ("lostKeys", JSONValue(keys.lost)), ("keyOwners", keys.owners),
                    ]
                    if isPinned == false { status = .damaged }
                    for lock in look?.locks ?? [] {
                        lines.append("  " + RepositoryViews.words(lock))
                    }
                }
            } catch let error as any OperatorError {
                lines.append("  \(error.description)")
                entries.append(("error", RunViews.failure(Failure(error))))
                status = ExitStatus(for: error.kind)
            }
            if let generations {
                lines += generations.lines.map { "  " + $0 }
                entries.append(("generations", generations.document))
            }
            if let room { lines.append("  \(room.free) free of \(room.total)") }
            if console.isJSON {
                documents.append(.object(entries))
            } else {
                console.print(Console.harmless(lines.joined(separator: "\n")))
            }
        }
        if console.isJSON { console.print(.object([("repositories", .array(documents))])) }
        return status
    }
}

/// The keys that open a repository beside those that are pinned: each is a password, and a new one opens everything.
private struct KeyComparison {
    /// In the repository, and pinned by nobody.
    let added: [String]
    /// Pinned, and not in the repository.
    let lost: [String]
    let lines: [String]
    let owners: JSONValue

    /// - Parameters:
    ///   - pinned: `nil` while nothing is.
    ///   - owners: as far as they are known.
    init(_ found: [String], pinned: [String]?, owners: [RepositoryKeyOwner]) {
        let added = pinned.map { pinned in found.filter { !pinned.contains($0) } } ?? []
        lost = pinned.map { $0.filter { !found.contains($0) } } ?? []
        self.added = added
        func owner(_ key: String) -> RepositoryKeyOwner? { owners.first { key.hasPrefix($0.idPrefix) } }
        self.owners = .object(
            found.compactMap { key in
                owner(key).map { owner in
                    let entries = [("user", owner.user), ("host", owner.host), ("created", owner.created)]
                    return (key, .object(entries.map { ($0.0, .string($0.1)) }))
                }
            })
        lines =
            found.map { key in
                "  key \(key.prefix(8)) " + (owner(key).map { "made by \($0.user)@\($0.host) on \($0.created) " } ?? "")
                    + (pinned == nil
                        ? "(not pinned yet)"
                        : added.contains(key) ? "is NEW: nobody added it here; it opens everything" : "(pinned)")
            } + lost.map { "  key \($0.prefix(8)) is pinned, and is GONE" }
    }
}

extension JSONValue: ExpressibleByStringLiteral {
    init(stringLiteral value: String) { self = .string(value) }
}

enum RepositoryViews {
    static func words(_ lock: RepositoryLock) -> String {
        "locked \(lock.exclusive ? "exclusively " : "")by process \(lock.pid) of \(lock.user) on \(lock.host) since "
            + "\(Format.time(lock.time)) (lock \(lock.id.prefix(8)))"
    }
}

struct RepositoryAccept: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept-id",
        abstract: "Pin the repository that is there now: it was moved, replaced or given new keys on purpose.",
        usage: "holdfast repository accept-id [--repository <name>] [<options>]",
        discussion: "Example: holdfast repository accept-id --repository local")

    @Option(help: ArgumentHelp("The repository's name in the profile; the primary when left out.", valueName: "name"))
    var repository: String?

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let engine = try live.engine()
        let chosen = try live.repository(named: repository, engine)
        let (old, new) = try await OpenRepository(engine, repository: chosen).accept()
        let before = old.map { "was \($0.identity.id.prefix(10))" } ?? "nothing was pinned"
        console.print(
            "pinned \(new.id.prefix(10)) at \(chosen.location) (\(before)), \(Words.count(new.keyIDs.count, "key"))")
        return .success
    }
}

struct RepositoryAdopt: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Take an existing repository into use: pin it, and list what other tools put there.",
        usage: "holdfast repository adopt [<options>]",
        discussion: """
            Snapshots of other tools are listed and can be restored by their id; retention
            never touches them.

            Example: holdfast repository adopt
            """)

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let engine = try live.engine()
        if let pin = try engine.pins.pin(profile: live.profile.name, repository: engine.primary.spec.name) {
            console.say("note: repository \(pin.identity.id.prefix(10)) is pinned already")
        } else {
            _ = try await OpenRepository(engine, repository: engine.primary).accept()
        }
        let contents = try await PointList(engine).load(loadingManifests: true)
        if console.isJSON {
            console.print(
                .object([
                    ("restorePoints", JSONValue(contents.points.count)),
                    ("foreign", .array(contents.foreign.map(SnapshotViews.snapshot))),
                ]))
            return .success
        }
        console.print(
            "adopted \(engine.primary.location): \(Words.count(contents.points.count, "restore point")) of this profile, "
                + "\(Words.count(contents.foreign.count, "snapshot")) of others")
        if !contents.foreign.isEmpty { console.print(SnapshotViews.others(contents)) }
        return .success
    }
}

struct RepositoryUnlock: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock",
        abstract: "Show the repository's locks with their owners, and remove those that are provably dead.",
        usage: "holdfast repository unlock [--remove <lock> ...] [--repository <name>] [<options>]",
        discussion: """
            A lock is provably dead when it was taken on this host by a process that no
            longer exists. Any other lock is removed only when you name it: look first
            whether its owner is at work.

            Example: holdfast repository unlock --remove 3fa95b1c
            """)

    @Option(
        name: .customLong("remove"),
        help: ArgumentHelp("Remove this lock, whoever holds it (repeatable).", valueName: "lock"))
    var remove: [String] = []

    @Option(help: ArgumentHelp("The repository's name in the profile; the primary when left out.", valueName: "name"))
    var repository: String?

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let live = try Live(global, console)
        let engine = try live.engine()
        let chosen = try live.repository(named: repository, engine)
        _ = try await OpenRepository(engine, repository: chosen).open(.never)
        let removed = try await chosen.clearDeadLocks()
        var left = try await chosen.locks()
        var named: [RepositoryLock] = []
        for text in remove {
            let matches = left.filter { $0.id.hasPrefix(text) }
            guard matches.count == 1 else {
                throw Failure(
                    matches.isEmpty ? "there is no lock \(text)" : "\(matches.count) locks begin with \(text)",
                    hint: "`holdfast repository unlock` lists them", kind: .notFound)
            }
            named += matches
        }
        if !named.isEmpty {
            try await chosen.removeLocks(named.map(\.id))
            left.removeAll { lock in named.contains(lock) }
        }
        if console.isJSON {
            console.print(
                .object([
                    ("removed", JSONValue((removed + named).map(\.id))), ("left", JSONValue(left.map(\.id))),
                ]))
            return .success
        }
        for lock in removed { console.print("removed, its owner is dead: " + RepositoryViews.words(lock)) }
        for lock in named { console.print("removed on your word: " + RepositoryViews.words(lock)) }
        for lock in left { console.print("left: " + RepositoryViews.words(lock)) }
        if removed.isEmpty, named.isEmpty, left.isEmpty { console.print("there are no locks") }
        return .success
    }
}
