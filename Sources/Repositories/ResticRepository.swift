package import BackupModel
import Programs

/// Snapshots in a restic repository. Where the repository is a folder of this machine its files are looked at directly, so
/// that restic, whose every start costs a key derivation, is started for what only restic can do.
package struct ResticRepository: Repository {
    package let spec: RepositorySpec
    let access: ResticAccess
    /// The one it follows: creating it takes over that one's way of cutting files.
    private let leader: ResticAccess?

    /// - Parameter cacheFolder: private; this repository keeps to a folder of its own in it.
    /// - Throws: ``RepositoryError/unsupported(_:)`` for settings that cannot be used.
    package init(
        _ spec: RepositorySpec, _ services: Services, cacheFolder: String, following leader: ResticRepository? = nil
    ) throws(RepositoryError) {
        self.spec = spec
        self.leader = leader?.access
        access = ResticAccess(try ResticSettings(spec), services, cacheFolder: cacheFolder)
    }

    package var location: String { access.location }
    package var toolStarts: Int { access.starts }
    package var newPasswordFile: String? { access.newPasswordFile }

    package func toolVersion() async throws(RepositoryError) -> String { "restic \(try await access.version())" }

    package func keyOwners() async throws(RepositoryError) -> [RepositoryKeyOwner] {
        let output = try await access.run(try await access.restic().keyOwners()).output
        guard let owners = ResticListing.keyOwners(output.head + output.tail) else {
            throw .noEvidence(location: location, detail: "its list of keys cannot be read")
        }
        return owners
    }

    // MARK: - What is there

    package func inspect(pin: RepositoryPin?) async throws(RepositoryError) -> RepositoryState {
        try requirePlace()
        guard let folder = access.folder else {
            // Without a password nobody can ask; where nothing is pinned and one is still to be made, nothing has been made there
            // yet. Making it finds out.
            if pin == nil, try await access.lacksNewPassword() { return .absent }
            return try await inspectRemote()
        }
        switch try folder.content() {
        case .missing, .empty: return .absent
        case .foreign(let what): return .occupied(by: what)
        case .unfinished where pin == nil: return .absent
        case .unfinished: return .occupied(by: "a repository whose creation was not finished; it holds no snapshot")
        case .headless: throw .damaged(location: location, detail: "its file config is missing")
        case .repository: break
        }
        let keys = try folder.keyIDs()
        guard !keys.isEmpty else { throw .keysMissing(location: location) }
        let digest = try folder.configDigest()
        if let pinned = pin?.identity, pinned.configDigest == digest, pinned.keyIDs == keys { return .present(pinned) }
        var identity = try await identity()
        identity.keyIDs = keys
        identity.configDigest = digest
        return .present(identity)
    }

    private func inspectRemote() async throws(RepositoryError) -> RepositoryState {
        guard try await access.greet() else { return .absent }
        do throws(RepositoryError) {
            var identity = try await identity()
            let listed = try await access.run(try await access.restic().list(.keys))
            identity.keyIDs = ResticListing.ids(listed.output.text).sorted()
            return .present(identity)
        } catch {
            guard case .absent = error else { throw error }
            return .absent
        }
    }

    /// By the repository's own configuration, which only its password opens.
    private func identity() async throws(RepositoryError) -> RepositoryIdentity {
        let result = try await access.run(try await access.restic().catConfig())
        guard let config = ResticListing.config(result.output.head + result.output.tail) else {
            throw .damaged(location: location, detail: "its configuration cannot be read")
        }
        return RepositoryIdentity(
            id: config.id, formatVersion: config.formatVersion, keyIDs: [], configDigest: nil)
    }

    /// Looks whether the disk is there that the profile demands.
    func requirePlace() throws(RepositoryError) {
        guard let path = access.folder?.path else { return }
        try access.settings.requiredMount?.require(for: path, location: location, access.services.host)
    }

    // MARK: - Making it

    package func create() async throws(RepositoryError) -> RepositoryIdentity {
        if access.folder != nil { try await requireNothing() }
        let isNew = try await access.generatePasswordIfMissing()
        if access.folder == nil {
            do throws(RepositoryError) { try await requireNothing() } catch {
                // What is there opens with another password, or cannot be reached: this one opens nothing.
                if isNew { try access.withdrawNewPassword() }
                throw error
            }
        }
        try access.folder?.clearUnfinished()
        _ = try await access.run(try await access.restic().initialize(likeThat: try await leader?.restic()))
        switch try await inspect(pin: nil) {
        case .present(let identity): return identity
        case .absent, .occupied:
            throw .noEvidence(location: location, detail: "restic created a repository, and none is there")
        }
    }

    private func requireNothing() async throws(RepositoryError) {
        switch try await inspect(pin: nil) {
        case .absent: return
        case .present: throw .occupied(location: location, by: "a repository")
        case .occupied(let what): throw .occupied(location: location, by: what)
        }
    }
}
