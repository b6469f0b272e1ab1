package import BackupModel

/// Recognises a repository, or makes it on first use, and pins what makes it this one and no other.
package struct OpenRepository: Sendable {
    package enum Creation: Sendable {
        /// Only a first use may create it: nothing pinned, the place empty.
        case onFirstUse
        /// The operator asked for a new one.
        case always
        /// As on first use, for a repository that follows another and that nothing has gone to yet: losing its place would
        /// otherwise pass for a beginning.
        case onFirstFeed(hasBeenFed: Bool)
        case never
    }

    let engine: Engine
    let repository: any Repository

    package init(_ engine: Engine, repository: any Repository) {
        self.engine = engine
        self.repository = repository
    }

    package struct Opened: Sendable {
        package var identity: RepositoryIdentity
        package var notices: [String]
        package var wasCreated: Bool
    }

    /// - Throws: ``RepositoryError`` or ``StoreError``: absent where it must not be created, changed since it was pinned,
    ///   or not to be opened.
    /// - Parameter alone: called before one is made; returns when nobody else uses the place.
    package func open(
        _ creation: Creation, whenAlone alone: @Sendable () async throws -> Void = {}
    ) async throws -> Opened {
        let pin = try engine.pins.pin(profile: engine.profile.name, repository: repository.spec.pinName)
        switch try await repository.inspect(pin: pin) {
        case .present(let identity):
            return try recognise(identity, pin: pin)
        case .occupied(let what):
            throw RepositoryError.occupied(location: repository.location, by: what)
        case .absent:
            let mayCreate =
                switch creation {
                // A profile that has had a repository and whose pin is gone has lost something; this is no beginning.
                case .onFirstUse: try pin == nil && !engine.pins.hasState(profile: engine.profile.name)
                case .always: true
                case .onFirstFeed(let hasBeenFed): pin == nil && !hasBeenFed
                case .never: false
                }
            guard mayCreate else { throw RepositoryError.absent(location: repository.location) }
            try await alone()
            // Another run, of another profile perhaps, may have made it while this one waited.
            if case .present(let identity) = try await repository.inspect(pin: pin) {
                return try recognise(identity, pin: pin)
            }
            let identity = try await repository.create()
            await engine.moment(.repositoryCreated)
            try save(identity, isNew: true)
            return Opened(
                identity: identity,
                notices: [
                    "created the repository at \(repository.location) (id \(identity.id.prefix(10)))"
                        + (identity.keyIDs.isEmpty ? "" : OpenRepository.advice(repository.newPasswordFile))
                ], wasCreated: true)
        }
    }

    private static func advice(_ newPasswordFile: String?) -> String {
        "; keep a copy of its password " + (newPasswordFile.map { "(new, in \($0)) " } ?? "") + "somewhere else"
    }

    private func recognise(_ identity: RepositoryIdentity, pin: RepositoryPin?) throws -> Opened {
        guard let pin else {
            try save(identity)
            return Opened(
                identity: identity,
                notices: ["pinned the existing repository at \(repository.location) (id \(identity.id.prefix(10)))"],
                wasCreated: false)
        }
        guard pin.identity.id == identity.id, pin.identity.keyIDs == identity.keyIDs else {
            if pin.identity.id == identity.id, let change = pin.keyChange {
                if let old = change.old, let new = change.new,
                    identity.keyIDs == pin.identity.keyIDs.filter({ $0 != old })
                {
                    // The old key went, as it should, and then we were killed.
                    var done = pin
                    done.ownKey = RepositoryPin.OwnKey(id: new, created: change.begun)
                    done.keyChange = nil
                    try save(identity, like: done)
                    return Opened(identity: identity, notices: [], wasCreated: false)
                }
                throw Failure(
                    "a change of the keys of \(repository.spec.name) that began at \(Timestamp.format(change.begun)) was cut short",
                    hint: "finish it: give the same `holdfast key rotate` or `key add` again", kind: .damaged)
            }
            throw RepositoryError.changed(location: repository.location, pinned: pin.identity, found: identity)
        }
        // The config may be rewritten without the id changing (a format upgrade): pin its new digest.
        if pin.identity != identity || pin.location != repository.location { try save(identity, like: pin) }
        let unfinished = pin.keyChange.map { change in
            "a change of the password of \(repository.spec.name) that began at \(Timestamp.format(change.begun)) is not finished: "
                + "`holdfast key rotate \(repository.spec.name) --finish` removes the old key"
        }
        return Opened(identity: identity, notices: unfinished.map { [$0] } ?? [], wasCreated: false)
    }

    /// Pins what is there now, on the operator's word.
    package func accept() async throws -> (old: RepositoryPin?, new: RepositoryIdentity) {
        let old = try engine.pins.pin(profile: engine.profile.name, repository: repository.spec.pinName)
        switch try await repository.inspect(pin: nil) {
        case .absent:
            // Of one that was there it may say why it cannot be looked at.
            if old != nil { _ = try await repository.inspect(pin: old) }
            throw RepositoryError.absent(location: repository.location)
        case .occupied(let what): throw RepositoryError.occupied(location: repository.location, by: what)
        case .present(let identity):
            try save(identity)
            // Whoever accepts its keys accepts whom it encrypts for.
            try RecipientPinning(engine).pin(
                try await repository.recipients(), for: .repository(repository.spec.pinName))
            return (old, identity)
        }
    }

    /// - Parameter former: the pin of the same repository, of which is kept what is known of its keys.
    private func save(
        _ identity: RepositoryIdentity, like former: RepositoryPin? = nil, isNew: Bool = false
    ) throws(StoreError) {
        var pin = RepositoryPin(location: repository.location, identity: identity, pinnedAt: engine.clock.now)
        pin.ownKey = former?.ownKey
        pin.keyChange = former?.keyChange
        if isNew, identity.keyIDs.count == 1, repository.keys != nil {
            pin.ownKey = RepositoryPin.OwnKey(id: identity.keyIDs[0], created: engine.clock.now)
        }
        try engine.pins.save(pin, profile: engine.profile.name, repository: repository.spec.pinName)
    }
}
