import BackupModel

extension Engine {
    /// The server that a part's database lives on; `nil` where it has none.
    func databaseServer(of part: ManifestPart, for run: RunID) async throws(SourceError) -> (any DatabaseServer)? {
        // Nothing is captured, so there is no scratch.
        try await restorer(part).databaseServer(CaptureContext(run: run, scratch: "/"))
    }

    /// Whether the profile names the source still: without, nobody knows which server it had.
    func knowsSource(of part: ManifestPart) -> Bool {
        profile.sources.contains { $0.name == part.source && $0.kind == part.sourceKind }
    }

    /// - Throws: ``Failure`` where the source's server is not the one any more on which the names were exchanged.
    func server(of renaming: Settlement.Renaming, for run: RunID) async throws -> any DatabaseServer {
        let server = try await requiredServer(of: renaming.part, for: run)
        if let known = renaming.server, let found = try await server.identity(), found != known {
            throw Failure(
                "the profile's source \(renaming.part.source) names another server now than the one that the database "
                    + "\(renaming.live) was restored on",
                hint: "let `host:` and `port:` of the source name the former server while this is done")
        }
        return server
    }

    /// - Throws: ``Failure`` where there is no such server any more.
    func requiredServer(of part: ManifestPart, for run: RunID) async throws -> any DatabaseServer {
        if knowsSource(of: part), let server = try await databaseServer(of: part, for: run) { return server }
        throw Failure("source \(part.source) has no database server any more", hint: "is it in the profile?")
    }
}

extension DatabaseServer {
    /// A name of ours for a database, cut so that it can be one; two that begin alike are told apart all the same.
    func name(_ name: String, marked mark: String) -> String {
        guard name.utf8.count + mark.utf8.count > longestName else { return name + mark }
        // FNV-1a, of 32 bits.
        let hash = name.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        let end = "_" + String(hash, radix: 16) + mark
        var name = name
        while name.utf8.count + end.utf8.count > longestName { name.removeLast() }
        return name + end
    }

    /// What a database is called when a restore has put it aside.
    func asideName(of live: String, by run: RunID) -> String {
        name(live, marked: "_before_" + String(run.rawValue.map { $0 == "-" ? "_" : $0 }))
    }
}
