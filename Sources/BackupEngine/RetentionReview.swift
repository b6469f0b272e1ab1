package import BackupModel

/// What retention would do now, and why, without doing any of it.
package struct RetentionReview: Sendable {
    let engine: Engine

    package init(_ engine: Engine) { self.engine = engine }

    /// - Throws: ``RepositoryError`` or ``StoreError`` when the repository cannot be looked at.
    package func plan() async throws -> RetentionPlan {
        let opened = try await OpenRepository(engine, repository: engine.primary).open(.never)
        let catalog = RepositoryCatalog(engine, repository: engine.primary, identity: opened.identity)
        return try await RetentionWork(engine, catalog: catalog, allowedRemovals: nil).plan(loadingManifests: false)
            .plan
    }
}
