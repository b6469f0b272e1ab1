import BackupModel
import Programs

/// Puts a dump back: into a new database, or into a file.
struct PostgreSQLRestore: Sendable {
    var server: PostgreSQLServer
    var context: CaptureContext
    var applicationName: String
    /// Reads every table again for its rows, rather than take the server's word for what it took in.
    var countsAnew = false

    /// Makes a new database and loads the dump into it. A database that was made here and is not proved is dropped again; one
    /// that was there before is never touched.
    func load(_ request: RestoreRequest, into database: String) async throws(SourceError) -> RestoreReport {
        let notes = request.part.restoreNotes
        guard notes["format"] != "globals" else {
            throw .unsupported(
                "roles and tablespaces belong to the whole server and cannot be loaded into a database",
                hint: "restore that part into a folder, look it over, and run it with psql")
        }
        let maintenance = server.connection(to: server.settings.maintenanceDatabase, applicationName: applicationName)
        guard try await server.ask(PostgreSQLQueries.databaseExists(database), maintenance).first == "0" else {
            throw .targetExists("the database \(database)", hint: "choose another name, or drop it first")
        }
        var notices: [String] = []
        try await create(database, notes, maintenance, &notices)
        do throws(SourceError) {
            let target = server.connection(to: database, applicationName: applicationName)
            let loaded = PostgreSQLLoadedRows()
            try await fill(target, from: request, loaded)
            let proof = try await prove(target, request.part, countsAnew ? PostgreSQLLoadedRows() : loaded)
            if let owner = notes["owner"] { await give(database, to: owner, maintenance, &notices) }
            for refused in try await server.carryOut(
                PostgreSQLProperties(notes)?.statements(for: database) ?? [], maintenance)
            {
                notices.append("database \(database) does not have what it had: \(refused)")
            }
            var report = RestoreReport(
                place: "database \(database)", bytes: request.part.bytes,
                proofs: ["\(request.part.bytes.bytes) bytes"] + proof.proofs, unproven: proof.unproven,
                notices: notices + proof.notices)
            report.excused = proof.excused
            return report
        } catch {
            await drop(database, maintenance)
            throw await explained(error, notes, maintenance)
        }
    }

    /// A dump is made for servers of its own version and newer ones. An older one may take it all the same, so it is tried; when it
    /// does not, its complaint alone would lead nobody to that.
    private func explained(
        _ error: SourceError, _ notes: [String: String], _ maintenance: PostgreSQLConnection
    ) async -> SourceError {
        guard case .toolFailed(let tool, let how, let detail) = error,
            let dumped = notes["server"].flatMap(PostgreSQLVersion.init)
        else { return error }
        do throws(SourceError) {
            let text = try await server.look(maintenance).version
            guard let here = PostgreSQLVersion(text), here.major < dumped.major else { return error }
            return .toolFailed(
                tool: tool, how: how,
                detail: "\(detail)\nthe dump is of PostgreSQL \(dumped), newer than this server (\(text))")
        } catch {
            // The server answers nothing any more, which is told by the first failure.
            return .toolFailed(tool: tool, how: how, detail: detail)
        }
    }

    /// Writes the dump to a file below the folder, and looks whether it is complete.
    func save(_ request: RestoreRequest) async throws(SourceError) -> RestoreReport {
        try await PostgreSQLRestore.save(request, server.services, context, server.clients)
    }

    /// - Parameter clients: what an archive in the custom format is looked at with; SQL needs none.
    static func save(
        _ request: RestoreRequest, _ services: Services, _ context: CaptureContext, _ clients: PostgreSQLClients
    ) async throws(SourceError) -> RestoreReport {
        let target = "\(request.directory)/\(baseName(request.part.part.rawValue))"
        return try await DumpReceiver(services: services, context: context).receive(request, as: target) {
            (partial) throws(SourceError) in
            if request.part.restoreNotes["format"] == PostgreSQLSettings.Format.custom.rawValue {
                _ = try await services.succeed(clients.decodeArchive(partial))
                return RestoreProof(proofs: ["the whole archive decodes"])
            }
            let tail: [UInt8]
            do throws(SystemError) { tail = try System.lastBytes(of: partial, count: 1024) } catch {
                throw error.reading(partial)
            }
            guard PostgreSQLQueries.isComplete(plainTail: tail) else {
                throw .mismatch(
                    what: "the restored \(request.part.part)", expected: "a complete dump", found: "no end marker")
            }
            let hasRows = request.part.restoreNotes["format"] != "globals"
            return RestoreProof(
                proofs: ["the dump is complete"],
                unproven: hasRows ? ["its rows: it was not loaded into a database"] : [])
        }
    }

    private func create(
        _ database: String, _ notes: [String: String], _ maintenance: PostgreSQLConnection, _ notices: inout [String]
    ) async throws(SourceError) {
        let locale = PostgreSQLLocale(notes)
        let version = locale.needsVersion ? PostgreSQLVersion(try await server.look(maintenance).version) : nil
        let statement = PostgreSQLQueries.createDatabase(
            database, encoding: notes["encoding"], locale, on: version?.major)
        let result = try await server.services.run(server.clients.shell(maintenance, script: statement))
        guard let failure = result.failure else { return }
        guard PostgreSQLFailure(diagnostics: result.errors.text) == .badLocale else {
            throw result.stopped == nil ? server.meaning(of: result.errors.text, maintenance) ?? failure : failure
        }
        notices.append(
            "this server does not have the locale \(locale); its own default is used, by which texts may be in another order"
        )
        _ = try await server.ask(
            PostgreSQLQueries.createDatabase(database, encoding: notes["encoding"], nil, on: nil), maintenance)
    }

    /// The database's own owner stands in no dump of its content.
    private func give(
        _ database: String, to owner: String, _ maintenance: PostgreSQLConnection, _ notices: inout [String]
    ) async {
        do throws(SourceError) {
            _ = try await server.ask(PostgreSQLRenaming.setOwner(of: database, to: owner), maintenance)
        } catch {
            notices.append("\(database) was not given to its former owner \(owner): \(error.description)")
        }
    }

    /// psql ends well on a dump that was cut in the middle of a table, so the bytes that reach it are counted on their way.
    private func fill(
        _ target: PostgreSQLConnection, from request: RestoreRequest, _ loaded: PostgreSQLLoadedRows
    ) async throws(SourceError) {
        let reading: [ToolCommand]
        do { reading = try await request.reader.dump(path: request.part.part) } catch { throw .repository(error) }
        let isCustom = request.part.restoreNotes["format"] == PostgreSQLSettings.Format.custom.rawValue
        let loading = isCustom ? server.clients.loadArchive(target) : server.clients.load(target)
        let stages = try await server.services.pipe(reading + [CountingStage.command, loading], reading: loaded)
        try CountingStage.require(request.part.bytes, of: request.part.part, in: stages[reading.count])
    }

    private func prove(
        _ target: PostgreSQLConnection, _ part: ManifestPart, _ loaded: PostgreSQLLoadedRows
    ) async throws(SourceError) -> RestoreProof {
        var proof = RestoreProof()
        let what = "the restored database \(target.database)"
        try proof.compareRows(with: part.facts, in: what, found: try await rows(target, part, loaded))

        let objects =
            try server.decode(
                [String: Int64].self, try await server.ask(PostgreSQLQueries.lastObjects + "\n", target)
            ).first ?? [:]
        let isSameMajor =
            try await server.look(target).version.prefix { $0 != "." }
            == (part.facts.notes?["server"] ?? "").prefix { $0 != "." }
        for kind in ["indexes", "constraints", "triggers"] {
            guard let expected = part.facts.notes?[kind].flatMap({ Int64($0) }) else { continue }
            let found = objects[kind] ?? 0
            if found != expected {
                // Another version may count what it makes by itself.
                guard !isSameMajor else {
                    throw .mismatch(what: what, expected: "\(expected) \(kind)", found: "\(found)")
                }
                proof.unproven.append(
                    "its \(kind): \(found), where the server that was dumped, of another version, counted \(expected)")
            } else if expected > 0 {
                proof.proofs.append(Words.count(expected, kind == "indexes" ? "index" : String(kind.dropLast()), kind))
            }
        }
        return proof
    }

    /// How many rows the tables have that were counted when they were captured. Those that came as they were meant to have been
    /// counted by the server already; the others are asked for.
    private func rows(
        _ target: PostgreSQLConnection, _ part: ManifestPart, _ loaded: PostgreSQLLoadedRows
    ) async throws(SourceError) -> [String: Int64] {
        guard part.facts.rowCounting == .exact, let expected = part.facts.rows else { return [:] }
        var found = expected.filter { loaded.rows(of: $0.key) == $0.value }
        guard found.count < expected.count else { return found }
        let there = try server.decode(
            PostgreSQLQueries.Table.self,
            try await server.ask(PostgreSQLQueries.tables(excluding: [], excludingData: []), target)
        ).map(\.name).filter { expected[$0] != nil && found[$0] == nil }
        guard !there.isEmpty else { return found }
        let counts = try await server.answer(to: server.clients.count(there, target), target)
        for (table, count) in zip(there, counts) { found[table] = Int64(count) }
        return found
    }

    private func drop(_ database: String, _ maintenance: PostgreSQLConnection) async {
        await Task {
            do {
                _ = try await server.ask(PostgreSQLQueries.endSessions(database: database), maintenance)
                _ = try await server.ask(PostgreSQLQueries.dropDatabase(database), maintenance)
            } catch {
                context.notice("the database \(database), half restored, could not be dropped: \(error)")
            }
        }.value
    }
}
