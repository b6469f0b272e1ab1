import BackupModel

extension Engine {
    /// The server that a part's database lives on; `nil` where it has none.
    func databaseServer(of part: ManifestPart, for run: RunID) async throws(SourceError) -> (any DatabaseServer)? {
        // Nothing is captured, so there is no scratch.
        try await restorer(part).databaseServer(CaptureContext(run: run, scratch: "/"))
    }

    /// - Throws: ``Failure`` where there is no such server any more.
    func requiredServer(of part: ManifestPart, for run: RunID) async throws -> any DatabaseServer {
        if let server = try await databaseServer(of: part, for: run) { return server }
        throw Failure("source \(part.source) has no database server any more", hint: "is it in the profile?")
    }
}

extension DatabaseServer {
    /// A name of ours for a database, cut so that it can be one.
    func name(_ name: String, marked mark: String) -> String {
        var name = name
        while name.utf8.count + mark.utf8.count > longestName { name.removeLast() }
        return name + mark
    }

    /// What a database is called when a restore has put it aside.
    func asideName(of live: String, by run: RunID) -> String {
        name(live, marked: "_before_" + String(run.rawValue.map { $0 == "-" ? "_" : $0 }))
    }
}
