package import BackupModel
import Foundation
import Programs

/// PostgreSQL databases, each streamed by pg_dump out of a snapshot that a session of ours holds open and counts rows in.
package struct PostgreSQLDump: DumpSource {
    package let spec: SourceSpec
    let settings: PostgreSQLSettings
    let services: Services

    package static let kind = DumpSourceKind(descriptor: PostgreSQLSettings.descriptor) {
        (spec, services) throws(SourceError) in try PostgreSQLDump(spec, services)
    }

    package init(_ spec: SourceSpec, _ services: Services) throws(SourceError) {
        self.spec = spec
        self.services = services
        settings = try PostgreSQLSettings(spec.settings)
    }

    package func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview {
        let server = try await PostgreSQLServer(settings, spec, services)
        let name = applicationName(context)
        var preview = SourcePreview(summary: "", parts: [], tools: ["pg_dump": server.clientVersion.description])
        var bytes: Int64 = 0
        var version = ""
        let databases = try await server.databases(applicationName: name, besides: context.keptDatabases)
        guard !databases.isEmpty else {
            throw .empty("the PostgreSQL server", hint: "it has no database that allows connections")
        }
        for database in databases {
            let found = try await server.survey(server.connection(to: database, applicationName: name))
            if let tables = found.unreadable {
                throw .notPermitted(
                    "the database \(database)", detail: "the role may not read \(tables.joined(separator: ", "))",
                    hint: "GRANT pg_read_all_data TO \(settings.user ?? "the role"), or use a role that owns the tables"
                )
            }
            bytes += found.size
            version = PostgreSQLVersion(found.version)?.description ?? found.version
            preview.parts.append(PostgreSQLPart.path(database, settings.format))
            if settings.includesGlobals, !found.readsRoles, database == databases.first {
                preview.notices.append(PostgreSQLPart.withoutPasswords)
            }
        }
        if settings.includesGlobals { preview.parts.append(PostgreSQLPart.globals) }
        preview.estimatedBytes = ByteCount(bytes)
        preview.summary =
            (databases.count == 1 ? "database \(databases[0])" : "\(databases.count) databases")
            + " (PostgreSQL \(version))"
        return preview
    }

    package func capture(
        _ context: CaptureContext, storing store: PartStore
    ) async throws(SourceError) -> [PartReport] {
        let server = try await PostgreSQLServer(settings, spec, services)
        let databases = try await server.databases(
            applicationName: applicationName(context), besides: context.keptDatabases)
        guard !databases.isEmpty else {
            throw .empty("the PostgreSQL server", hint: "it has no database that allows connections")
        }
        var reports: [PartReport] = []
        var errors: [SourceError] = []
        for database in databases {
            do { reports.append(try await capture(database, server, context, store)) } catch { errors.append(error) }
            if Task.isCancelled { throw .cancelled }
        }
        if settings.includesGlobals, !reports.isEmpty {
            do { reports.append(try await captureGlobals(server, context, store)) } catch { errors.append(error) }
        }
        guard let first = errors.first else { return reports }
        if reports.isEmpty { throw first }
        throw .incomplete(reports, failures: errors.map { Failure($0) })
    }

    package func restore(
        _ request: RestoreRequest, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        let server = try await PostgreSQLServer(settings, spec, services)
        let restore = PostgreSQLRestore(server: server, context: context, applicationName: applicationName(context))
        if let database = request.database { return try await restore.load(request, into: database) }
        return try await restore.save(request)
    }

    package func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace {
        if part.restoreNotes["format"] == "globals" { return .server }
        guard let database = part.restoreNotes["database"] else {
            return .nowhere(
                "the manifest does not name its database: restore it with --to DIR, or --into \(spec.name)=NAME")
        }
        return .database(database)
    }

    package func databaseServer(_ context: CaptureContext) async throws(SourceError) -> (any DatabaseServer)? {
        PostgreSQLDatabases(
            server: try await PostgreSQLServer(settings, spec, services), applicationName: applicationName(context))
    }

    /// Unlike that of any other dump, even of the same run.
    private func applicationName(_ context: CaptureContext) -> String {
        "holdfast-\(context.run)-" + String(UInt32.random(in: 0x1000_0000...UInt32.max), radix: 16)
    }

    private func capture(
        _ database: String, _ server: PostgreSQLServer, _ context: CaptureContext, _ store: PartStore
    ) async throws(SourceError) -> PartReport {
        let name = applicationName(context)
        let connection = server.connection(to: database, applicationName: name)
        let survey = try await server.survey(connection)
        do {
            return try await services.runner.converse(with: services.prepared(server.clients.session(connection))) {
                talk in
                let session = PostgreSQLSession(talk: talk, server: server, connection: connection)
                var options = PostgreSQLClients.DumpOptions()
                options.isCustom = settings.format == .custom
                options.snapshot = try await session.exportSnapshot()
                var notes = PostgreSQLPart.notes(database, settings, survey, server.clientVersion)
                notes[PostgreSQLNeeds.note] = await needs(server, connection)
                var notices: [String] = []
                notes[PostgreSQLProperties.note] = await properties(of: database, server, connection, &notices)
                options.lockWait = settings.lockWait
                options.excludedTables = settings.excludedTables
                options.excludedTableData = settings.excludedTableData
                var command = services.prepared(server.clients.dump(connection, options))
                command.limits.stall = settings.stallLimit

                async let learnt = learn(session, survey)
                let part = PostgreSQLPart.path(database, settings.format)
                let stored: StoredPart
                do {
                    stored = try await store(server.stream(command, as: part))
                } catch {
                    // This ends the counting too, which might go on for as long as its limit allows.
                    await endSessions(named: name, server, connection, context)
                    throw error
                }
                var facts = await learnt
                facts.bytes = stored.bytes
                try await session.finish()
                return PartReport(
                    path: part, stored: stored, condition: .clean, facts: facts,
                    restoreNotes: notes, notices: notices)
            }
        } catch { throw failure(error, database) }
    }

    /// Once the snapshot is held: what is made later cannot be in the dump.
    private func needs(_ server: PostgreSQLServer, _ connection: PostgreSQLConnection) async -> String? {
        do throws(SourceError) {
            return PostgreSQLNeeds.noted(try await server.ask(PostgreSQLNeeds.query, connection))
        } catch {
            // A drill finds them in the dump then, which takes it longer.
            return nil
        }
    }

    private func properties(
        of database: String, _ server: PostgreSQLServer, _ connection: PostgreSQLConnection, _ notices: inout [String]
    ) async -> String? {
        do {
            return try await server.properties(of: database, connection).noted
        } catch {
            notices.append(
                "the settings and grants of database \(database) itself could not be read, and are not in the backup: "
                    + ((error as? SourceError)?.description ?? "\(error)"))
            return nil
        }
    }

    /// What is known of the snapshot beside its bytes; learnt while the dump runs.
    private func learn(_ session: PostgreSQLSession, _ survey: PostgreSQLQueries.Server) async -> Facts {
        var facts = await session.facts()
        var notes = ["server": survey.version, "encoding": survey.encoding, "owner": survey.owner]
        if settings.facts != .off, settings.excludedTables.isEmpty {
            do {
                for (kind, count) in try await session.lastObjects() { notes[kind] = String(count) }
            } catch { notes["objects"] = "not counted: \(error)" }
        }
        facts.notes = notes
        return facts
    }

    private func captureGlobals(
        _ server: PostgreSQLServer, _ context: CaptureContext, _ store: PartStore
    ) async throws(SourceError) -> PartReport {
        let name = applicationName(context)
        let connection = server.connection(to: server.anyDatabase, applicationName: name)
        let survey = try await server.survey(connection)
        var command = services.prepared(server.clients.globals(connection, withPasswords: survey.readsRoles))
        command.limits.stall = settings.stallLimit
        let stored: StoredPart
        do {
            // pg_dumpall asks pg_dump for its version, and the kernel counts those bytes too.
            stored = try await store(
                CapturedPart(path: PostgreSQLPart.globals, content: .stream(command), bytesAreExact: false))
        } catch {
            await endSessions(named: name, server, connection, context)
            throw .repository(error)
        }
        var facts = Facts()
        facts.bytes = stored.bytes
        facts.notes = ["server": survey.version, "passwords": survey.readsRoles ? "yes" : "no"]
        return PartReport(
            path: PostgreSQLPart.globals, stored: stored, condition: .clean, facts: facts,
            restoreNotes: ["format": "globals", "server": survey.version],
            notices: survey.readsRoles ? [] : [PostgreSQLPart.withoutPasswords])
    }

    /// A backend whose client was killed may go on for a long time, waiting for a lock or sorting. It is ended here, also
    /// when we are being cancelled.
    private func endSessions(
        named name: String, _ server: PostgreSQLServer, _ connection: PostgreSQLConnection, _ context: CaptureContext
    ) async {
        // A task of its own, which the cancelling of this one does not reach.
        await Task {
            var quick = connection
            quick.applicationName = "holdfast-cleanup"
            do {
                _ = try await server.ask(PostgreSQLQueries.endSessions(applicationName: name), quick)
            } catch {
                context.notice("sessions called \(name) on the server could not be ended: \(error)")
            }
        }.value
    }

    private func failure(_ error: any Error, _ database: String) -> SourceError {
        switch error {
        case let error as SourceError: error
        case RepositoryError.producerFailed(_, _, let detail, void: nil)
        where detail.contains("LOCK TABLE") && detail.contains("timeout"):
            .busy(
                "the database \(database)",
                detail:
                    "a table was held locked for longer than \(inWords(settings.lockWait)): \(tellingEnd(of: detail))")
        case let error as RepositoryError: .repository(error)
        case let error as ToolError: .tool(error)
        case is CancellationError: .cancelled
        default: .toolFailed(tool: "psql", how: "\(error)", detail: "")
        }
    }
}
