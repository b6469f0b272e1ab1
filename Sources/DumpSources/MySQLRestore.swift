import BackupModel
import Programs

/// Puts a dump back: into a new database, or into a file.
struct MySQLRestore: Sendable {
    var server: MySQLServer
    var context: CaptureContext

    /// Makes a new database and loads the dump into it. A database that was made here and is not proved is dropped again; one
    /// that was there before is never touched.
    func load(_ request: RestoreRequest, into database: String) async throws(SourceError) -> RestoreReport {
        let notes = request.part.restoreNotes
        guard notes["format"] != "users" else {
            throw .unsupported(
                "users and grants belong to the whole server and cannot be loaded into a database",
                hint: "restore that part into a folder, look it over, and run it with mariadb")
        }
        guard try await server.ask(MySQLQueries.databaseExists(database)).first == "0" else {
            throw .targetExists("the database \(database)", hint: "choose another name, or drop it first")
        }
        do throws(SourceError) {
            _ = try await server.ask(
                MySQLQueries.createDatabase(database, charset: notes["charset"], collation: notes["collation"]))
        } catch {
            guard case .notPermitted(_, let detail, _) = error else { throw error }
            throw .notPermitted(
                "the database \(database)", detail: detail,
                hint: "grant it: GRANT ALL ON \(MySQLQueries.identifier(database)).* TO \(server.user)")
        }
        do throws(SourceError) {
            try await fill(database, from: request)
            let proof = try await prove(database, request.part)
            var report = RestoreReport(
                place: "database \(database)", bytes: request.part.bytes,
                proofs: ["\(request.part.bytes.bytes) bytes"] + proof.proofs, unproven: proof.unproven,
                notices: proof.notices)
            report.excused = proof.excused
            return report
        } catch {
            await drop(database)
            throw error
        }
    }

    /// Writes the dump to a file below the folder, and looks whether it is complete. Needs neither server nor clients.
    static func save(
        _ request: RestoreRequest, _ services: Services, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        let target = "\(request.directory)/\(baseName(request.part.part.rawValue))"
        return try await DumpReceiver(services: services, context: context).receive(request, as: target) {
            (partial) throws(SourceError) in
            let tail: [UInt8]
            do throws(SystemError) { tail = try System.lastBytes(of: partial, count: 256) } catch {
                throw error.reading(partial)
            }
            guard MySQLDumpScanner.isComplete(tail: tail) else {
                throw .mismatch(
                    what: "the restored \(request.part.part)", expected: "a complete dump", found: "no end marker")
            }
            let hasRows = request.part.restoreNotes["format"] != "users"
            return RestoreProof(
                proofs: ["the dump is complete"],
                unproven: hasRows ? ["its rows: it was not loaded into a database"] : [])
        }
    }

    /// The client ends well on a dump that was cut between two statements, so the bytes that reach it are counted on their
    /// way.
    private func fill(_ database: String, from request: RestoreRequest) async throws(SourceError) {
        let reading: [ToolCommand]
        do { reading = try await request.reader.dump(path: request.part.part) } catch { throw .repository(error) }
        let loading = server.clients.load(server.connection, database: database)
        let stages: [ToolResult]
        do throws(SourceError) {
            stages = try await server.services.pipe(
                reading + [CountingStage.command, MySQLClients.withoutSandboxLine, loading])
        } catch {
            guard case .toolFailed(let tool, _, let detail) = error, tool == baseName(loading.program),
                let meaning = server.meaning(of: detail, database)
            else { throw error }
            if case .notPermitted(let what, let detail, _) = meaning {
                throw .notPermitted(
                    what, detail: detail,
                    hint:
                        "what the dump defines for other users needs SET USER (MySQL: SET_USER_ID) or SUPER, and functions "
                        + "may need log_bin_trust_function_creators")
            }
            // What the dump itself names and is not there is no database of ours.
            if case .missing = meaning { throw error }
            throw meaning
        }
        try CountingStage.require(request.part.bytes, of: request.part.part, in: stages[reading.count])
    }

    private func prove(_ database: String, _ part: ManifestPart) async throws(SourceError) -> RestoreProof {
        var proof = RestoreProof()
        let what = "the restored database \(database)"
        let made = try await server.database(database)
        var found: [String: Int64] = [:]
        if part.facts.rowCounting == .exact {
            let names = made.tables.filter(\.isTable).map(\.name).filter { part.facts.rows?[$0] != nil }
            // A large table takes its time.
            let limits = ToolCommand.Limits(total: nil, stall: server.settings.stallLimit)
            let counts = MySQLQueries.counts(of: names, in: database)
            let numbers = try await server.ask(counts, limits: limits).map { Int64($0) }
            guard numbers.count == names.count else {
                throw .mismatch(
                    what: what, expected: "\(names.count) tables counted", found: "\(numbers.count) answers")
            }
            for (name, number) in zip(names, numbers) { found[name] = number }
        }
        try proof.compareRows(with: part.facts, in: what, found: found)
        for kind in ["views", "triggers", "routines", "events"] {
            guard let expected = part.facts.notes?[kind].flatMap({ Int64($0) }) else { continue }
            guard made.found.objects[kind] == expected else {
                throw .mismatch(
                    what: what, expected: "\(expected) \(kind)", found: "\(made.found.objects[kind] ?? 0)")
            }
            if expected > 0 { proof.proofs.append(Words.count(expected, String(kind.dropLast()))) }
        }
        if made.found.events > 0 {
            proof.notices.append(
                "\(Words.count(made.found.events, "event")) of \(database) will run here when the server's event_scheduler is "
                    + "on, beside those of the original: ALTER EVENT … DISABLE stops one")
        }
        return proof
    }

    /// Goes on although we are being cancelled.
    private func drop(_ database: String) async {
        await Task {
            do { _ = try await server.ask(MySQLQueries.dropDatabase(database)) } catch {
                context.notice("the database \(database), half restored, could not be dropped: \(error)")
            }
        }.value
    }
}
