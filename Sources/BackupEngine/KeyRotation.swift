package import BackupModel
import Foundation

/// Gives repositories that share a password another one, or a further one, such that at every moment they can be opened by a
/// password that is kept: a new one is on disk before its key is made, its key is proven before anything relies on it, and the old
/// key goes last. What has begun stands in the pins, so that it can be finished after a crash.
package struct KeyRotation: Sendable {
    /// Each at one of the repositories.
    let engines: [Engine]
    let secrets: any SecretStore
    /// Called between the steps; tests stop it there.
    private let moment: @Sendable (String) async -> Void

    /// What restic opens before it tries no further key.
    /// - Source: `maxKeys` in cmd/restic/global.go, restic 0.14.0.
    static let mostKeys = 20

    package init(
        _ engines: [Engine], _ secrets: any SecretStore, moment: @escaping @Sendable (String) async -> Void = { _ in }
    ) {
        self.engines = engines
        self.secrets = secrets
        self.moment = moment
    }

    // MARK: - The three things to do

    /// - Parameter file: holds the new password, or gets one; needed where the profile names no file.
    package func rotate(newPasswordFile file: String?) async throws -> Report {
        try await locked { [self] in
            let place = try await place()
            let draft: String
            if case .file(let path) = place {
                draft = path + ".new"
                if try await secret(in: draft) == nil, let report = try await finishBegun(place) { return report }
                try await settle(draft, of: path, given: file)
            } else {
                guard let file else {
                    throw Failure(
                        "the password comes from \(place), where nothing can be written",
                        hint: "name a file with --new-password-file: it holds the new password, or gets one",
                        kind: .usage)
                }
                draft = file
            }
            let new = try await secret(in: draft) ?? secrets.generate(at: draft)
            var members: [Member] = []
            for engine in engines { members.append(try await open(engine, pending: new)) }
            for index in members.indices { try await add(new, to: &members[index], removingOld: true) }
            guard case .file(let path) = place else {
                return report(place, draft, members.map(\.changed), isWaiting: true)
            }
            try secrets.replace(path, with: draft, keeping: path + ".previous")
            await moment("passwordReplaced")
            guard try await secret(in: path) == new else {
                throw Failure(
                    "\(path) does not hold the new password", hint: "it is a key of the repository all the same")
            }
            var changed: [Changed] = []
            for member in members { changed.append(try await removeOld(member, with: new)) }
            return report(place, path, changed, previous: path + ".previous")
        }
    }

    /// Brings the password that was given into the draft, unless that would take another one's place or change nothing.
    private func settle(_ draft: String, of path: String, given file: String?) async throws {
        let (current, pending) = (try await secret(in: path), try await secret(in: draft))
        func refuse(_ place: String, _ hint: String) -> Failure {
            Failure("\(place) holds the password that is in use already", hint: hint, kind: .usage)
        }
        if let pending, pending == current {
            throw refuse(draft, "remove it, and a new password is made; or put a new one there")
        }
        guard let file, file != draft else { return }
        guard let given = try await secret(in: file) else { throw SecretError.missing(.file(file)) }
        if given == current { throw refuse(file, "put a new password there, or name no file and one is made") }
        if let pending {
            guard pending != given else { return }
            throw Failure(
                "\(draft) is there already and holds another password than \(file), which would open nothing",
                hint: try hasBegun
                    ? "a change to that one has begun: go on with it by the same command without --new-password-file, then "
                        + "give \(file) to another one"
                    : "take the one that is there by the same command without --new-password-file, or remove \(draft)",
                kind: .usage)
        }
        try secrets.write(given, at: draft)
    }

    private var hasBegun: Bool {
        get throws {
            try engines.contains { engine in
                try engine.pins.pin(profile: engine.profile.name, repository: engine.primary.spec.pinName)?.keyChange
                    != nil
            }
        }
    }

    /// Removes the old keys, once the profile's password is the new one.
    package func finish() async throws -> Report {
        try await locked { [self] in
            let place = try await place()
            guard let report = try await finishBegun(place) else {
                throw Failure(
                    "no change of password has begun that could be finished",
                    hint: "begin one with `holdfast key rotate \(engines[0].primary.spec.name)`", kind: .usage)
            }
            return report
        }
    }

    /// A further password, such as one in a safe. The one in use stays.
    /// - Parameter label: says what it is for, in the repository.
    package func add(label: String, passwordFile file: String) async throws -> Report {
        try await locked { [self] in
            try await refuseWhileChanging(engines[0])
            let new = try await secret(in: file) ?? secrets.generate(at: file)
            var member = try await open(engines[0], pending: new)
            try await add(new, to: &member, removingOld: false, label: label)
            let changed = member.changed
            member.pin.keyChange = nil
            try save(member)
            return report(try await place(), file, [changed])
        }
    }

    /// What has begun stands in the pin once; a further password would make it forget the old key, which then stayed for ever.
    private func refuseWhileChanging(_ engine: Engine) async throws {
        let name = engine.primary.spec.name
        let pin = try engine.pins.pin(profile: engine.profile.name, repository: engine.primary.spec.pinName)
        guard let change = pin?.keyChange, let old = change.old else { return }
        var command = "holdfast key rotate \(name)"
        if case .file = try await place() {
        } else if change.new != nil {
            command += " --finish"
        } else {
            command += " --new-password-file FILE"
        }
        throw Failure(
            "a change of the password of \(name) has begun, and its old key \(old.prefix(8)) is not removed yet",
            hint: "finish it first: \(command)", kind: .usage)
    }

    // MARK: - Steps

    private struct Member: Sendable {
        var engine: Engine
        var keys: any RepositoryKeys
        var pin: RepositoryPin
        var found: RepositoryIdentity
        var listed: [RepositoryKey]
        var ours: RepositoryKey
        var notices: [String]

        var changed: Changed {
            Changed(
                repository: engine.primary.spec.name, location: engine.primary.location, old: pin.keyChange?.old,
                new: pin.keyChange?.new ?? "", notices: notices)
        }
    }

    private func report(
        _ place: SecretReference, _ file: String, _ changed: [Changed], previous: String? = nil,
        isWaiting: Bool = false
    ) -> Report {
        Report(place: place, file: file, previous: previous, repositories: changed, isWaiting: isWaiting)
    }

    private func keys(_ engine: Engine) throws -> any RepositoryKeys {
        guard let keys = engine.primary.keys else {
            throw Failure(
                "repository \(engine.primary.spec.name) has no passwords of its own", kind: .usage)
        }
        return keys
    }

    private func place() async throws -> SecretReference {
        guard case .file(let path) = try await keys(engines[0]).place() else {
            return try await keys(engines[0]).place()
        }
        // Where it is a link, the file that it leads to is replaced.
        return .file(URL(fileURLWithPath: path).resolvingSymlinksInPath().path)
    }

    /// `nil` when there is no such file.
    private func secret(in path: String) async throws -> Secret? {
        do throws(SecretError) {
            return try await secrets.resolve(.file(path), environment: [:])
        } catch {
            guard case .missing = error else { throw error }
            return nil
        }
    }

    /// Nobody else works with the repositories meanwhile.
    private func locked(_ body: @Sendable () async throws -> Report) async throws -> Report {
        var locks: [any HeldLock] = []
        defer { for lock in locks.reversed() { lock.release() } }
        for engine in engines.sorted(by: { $0.primary.location < $1.primary.location }) {
            locks.append(
                try await engine.locks.acquire(
                    .repository(location: engine.primary.location), mode: .exclusive, purpose: "changing its keys",
                    wait: engine.profile.settings.lockWait))
        }
        return try await body()
    }

    /// - Parameter pending: a new password whose key may be there already, from a change that was cut short.
    private func open(_ engine: Engine, pending: Secret?) async throws -> Member {
        let keys = try keys(engine)
        let repository = engine.primary
        func pinned() throws -> RepositoryPin? {
            try engine.pins.pin(profile: engine.profile.name, repository: repository.spec.pinName)
        }
        if try pinned() == nil { _ = try await OpenRepository(engine, repository: repository).open(.never) }
        guard let pin = try pinned(), case .present(let found) = try await repository.inspect(pin: nil) else {
            // It may say why it cannot be looked at.
            if let pin = try pinned() { _ = try await repository.inspect(pin: pin) }
            throw RepositoryError.absent(location: repository.location)
        }
        let extra = Set(found.keyIDs).subtracting(pin.identity.keyIDs)
        let gone = Set(pin.identity.keyIDs).subtracting(found.keyIDs)
        var isExpected = pin.identity.id == found.id && gone.allSatisfy { $0 == pin.keyChange?.old }
        if isExpected, let key = extra.first {
            let ours = if let pending, extra.count == 1 { try await keys.opened(by: pending)?.id } else { String?.none }
            isExpected = pin.keyChange != nil && ours == key
        }
        guard isExpected else {
            throw RepositoryError.changed(location: repository.location, pinned: pin.identity, found: found)
        }
        // Of a change that was killed, for one: restic removes no key while anybody's lock is there.
        let notices = try await repository.clearDeadLocks().map {
            "\(repository.spec.name): removed the lock of process \($0.pid) on \($0.host), which is dead"
        }
        let listed = try await keys.list()
        guard let ours = listed.first(where: \.isOurs) else {
            throw RepositoryError.noEvidence(
                location: repository.location, detail: "it does not say which key the password opens")
        }
        return Member(engine: engine, keys: keys, pin: pin, found: found, listed: listed, ours: ours, notices: notices)
    }

    private func save(_ member: Member) throws {
        try member.engine.pins.save(
            member.pin, profile: member.engine.profile.name, repository: member.engine.primary.spec.pinName)
    }

    /// Makes the key, proves that it opens the repository, and pins it.
    private func add(
        _ new: Secret, to member: inout Member, removingOld: Bool, label: String? = nil
    ) async throws {
        let repository = member.engine.primary.spec.name
        let known = try await member.keys.opened(by: new)
        guard known?.id != member.ours.id else {
            throw Failure("the new password of \(repository) is the one that it has", kind: .usage)
        }
        guard member.listed.count < KeyRotation.mostKeys || known != nil else {
            throw Failure(
                "repository \(repository) has \(member.listed.count) keys, and restic tries no more",
                hint: "`holdfast key list` shows them; remove some with `restic key remove`")
        }
        var change = member.pin.keyChange ?? RepositoryPin.KeyChange(begun: member.engine.clock.now, old: nil)
        change.old = removingOld ? member.ours.id : nil
        member.pin.keyChange = change
        try save(member)
        await moment("keyBegun")
        let id: String
        if let known {
            id = known.id
        } else {
            id = try await member.keys.add(
                new, user: label ?? member.ours.user, host: label == nil ? member.ours.host : member.engine.profile.host
            )
        }
        await moment("keyAdded")
        guard try await member.keys.opened(by: new)?.id == id else {
            throw Failure(
                "the new password does not open \(repository); the one that it has still does",
                hint: "see `holdfast key list`")
        }
        member.pin.identity.keyIDs = Set(member.found.keyIDs + [id]).sorted()
        member.pin.keyChange?.new = id
        try save(member)
        await moment("keyPinned")
    }

    /// - Returns: `nil` where nothing has begun.
    private func finishBegun(_ place: SecretReference) async throws -> Report? {
        var members: [Member] = []
        for engine in engines {
            let pin = try engine.pins.pin(profile: engine.profile.name, repository: engine.primary.spec.pinName)
            guard pin?.keyChange?.new != nil, pin?.keyChange?.old != nil else { continue }
            members.append(try await open(engine, pending: nil))
        }
        guard !members.isEmpty else { return nil }
        for member in members where member.ours.id != member.pin.keyChange?.new {
            throw Failure(
                "the password of \(member.engine.primary.spec.name) that comes from \(place) is still the old one",
                hint:
                    "put the new one there, then give `holdfast key rotate \(member.engine.primary.spec.name) --finish`"
            )
        }
        let password = try await secrets.resolve(place, environment: engines[0].primary.spec.environment)
        var changed: [Changed] = []
        for member in members { changed.append(try await removeOld(member, with: password)) }
        var report = report(place, "", changed)
        if case .file(let path) = place { (report.file, report.previous) = (path, path + ".previous") }
        return report
    }

    private func removeOld(_ member: Member, with password: Secret) async throws -> Changed {
        var member = member
        var changed = member.changed
        let spec = member.engine.primary.spec
        if let old = changed.old, member.listed.contains(where: { $0.id == old }) {
            if spec.access.mayRemove {
                do throws(RepositoryError) {
                    try await member.keys.remove(old, with: password)
                    changed.isOldRemoved = true
                } catch {
                    guard [.notPermitted, .destinationReadOnly].contains(error.kind) else { throw error }
                    changed.refusal = Failure(error)
                }
            } else {
                changed.refusal = Failure("our credential removes nothing there (`access: \(spec.access.rawValue)`)")
            }
        } else {
            changed.isOldRemoved = true
        }
        await moment("keyRemoved")
        if changed.isOldRemoved { member.pin.identity.keyIDs.removeAll { $0 == changed.old } }
        member.pin.ownKey = RepositoryPin.OwnKey(
            id: changed.new, created: member.pin.keyChange?.begun ?? member.engine.clock.now)
        member.pin.keyChange = nil
        try save(member)
        return changed
    }
}
