package import BackupModel

/// Which key our password opens, and since when it has been there: asked for once, then it stands in the pin.
package struct OwnKey: Sendable {
    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    /// Asks where that is not known, and the profile says how old it may be.
    /// - Returns: why that is not known now.
    func learn() async -> Failure? {
        guard engine.profile.objectives.keyAge != nil else { return nil }
        do {
            guard try pin()?.ownKey == nil, let keys = engine.primary.keys else { return nil }
            try note(try await keys.list())
            return nil
        } catch {
            let cause = RunRecorder.failure(of: error)
            return Failure("the age of the password of \(engine.primary.spec.name) is not known: \(cause.description)")
        }
    }

    /// All keys of the repository, of which it is kept which one is ours.
    package func list() async throws -> [RepositoryKey]? {
        guard let keys = engine.primary.keys else { return nil }
        let listed = try await keys.list()
        try note(listed)
        return listed
    }

    private func pin() throws(StoreError) -> RepositoryPin? {
        try engine.pins.pin(profile: engine.profile.name, repository: engine.primary.spec.pinName)
    }

    private func note(_ keys: [RepositoryKey]) throws(StoreError) {
        guard let ours = keys.first(where: \.isOurs), let created = ours.created, var pin = try pin(),
            pin.identity.keyIDs.contains(ours.id), pin.ownKey?.id != ours.id
        else { return }
        pin.ownKey = RepositoryPin.OwnKey(id: ours.id, created: created)
        try engine.pins.save(pin, profile: engine.profile.name, repository: engine.primary.spec.pinName)
    }
}
