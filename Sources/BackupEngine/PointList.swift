package import BackupModel

/// The restore points of a repository: the profile's primary, or one that follows it.
package struct PointList: Sendable {
    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    package struct Contents: Sendable {
        /// Newest first.
        package var points: [RestorePoint]
        package var incomplete: [Snapshot]
        /// Of other profiles, hosts and tools.
        package var foreign: [Snapshot]
        package var notices: [String]
        package var restorePoints: RestorePoints
        /// What each follower that was ever fed has of it.
        package var deliveries: [RepositoryName: Set<SnapshotID>]
        /// By run, the programs that made it, with their versions.
        package var tools: [RunID: [String: String]]
    }

    /// - Parameter loadingManifests: reads manifests that history has lost.
    package func load(loadingManifests: Bool) async throws -> Contents {
        let opened = try await OpenRepository(engine, repository: engine.primary).open(.never)
        let catalog = RepositoryCatalog(engine, repository: engine.primary, identity: opened.identity)
        let contents = try await catalog.contents(loadingManifests: loadingManifests)
        let points = RestorePoints(
            snapshots: contents.snapshots, manifests: contents.manifests, profile: engine.profile.name,
            host: engine.profile.host)
        var notices = opened.notices + contents.notices
        if engine.store.wasRecreated {
            notices.append(
                "the history was lost; it has been rebuilt from the repository, but runs that stored nothing are gone")
        }
        let warning = SharedProfile.warning(
            snapshots: contents.snapshots, profile: engine.profile.name, host: engine.profile.host,
            machine: Capture.machineTag(engine.host))
        if let warning { notices.append(warning) }
        let elsewhere = OtherHosts.notice(
            snapshots: contents.snapshots, profile: engine.profile.name, host: engine.profile.host)
        if let elsewhere { notices.append(elsewhere) }
        return Contents(
            points: points.all, incomplete: points.incomplete, foreign: points.others + points.foreign,
            notices: notices, restorePoints: points,
            deliveries: try engine.store.deliveries(from: opened.identity.id),
            tools: Dictionary(
                contents.manifests.values.map { ($0.run, $0.tools) }, uniquingKeysWith: { first, _ in first }))
    }
}
