package import BackupModel
import Foundation
import Programs

/// MySQL and MariaDB databases, each streamed in one consistent view, with a stage beside the dump that counts its rows and sees
/// its end. Nothing is locked, unless the profile says so.
package struct MySQLDump: DumpSource {
    package let spec: SourceSpec
    let settings: MySQLSettings
    let services: Services

    package static let kind = DumpSourceKind(descriptor: MySQLSettings.descriptor) {
        (spec, services) throws(SourceError) in try MySQLDump(spec, services)
    }

    package init(_ spec: SourceSpec, _ services: Services) throws(SourceError) {
        self.spec = spec
        self.services = services
        settings = try MySQLSettings(spec.settings)
    }

    package func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview {
        let server = try await MySQLServer(settings, spec, services)
        let survey = try await server.survey()
        var preview = SourcePreview(
            summary: "", parts: [], tools: [baseName(server.clients.dumpProgram): server.clientVersion.number])
        let databases = try await server.databases()
        var bytes: Int64 = 0
        for name in databases {
            let database = try await server.database(name)
            preview.notices += try notices(database, server, survey)
            // All of it but the rows: what the user may not see ends this as it would end the dump.
            var options = options(database, server, survey)
            options.withoutData = true
            options.locks = false
            var probe = server.clients.dump(server.connection, options)
            probe.limits = ToolCommand.Limits(total: .seconds(600), stall: nil)
            probe.whenOrphaned = .signal(.terminate)
            let result = try await services.run(probe)
            if let failure = result.failure {
                throw result.stopped == nil ? server.meaning(of: result.errors.text, name) ?? failure : failure
            }
            bytes += database.dumped.reduce(0) { $0 + ($1.isTable ? $1.bytes ?? 0 : 0) }
            preview.parts.append(MySQLPart.path(name))
        }
        if let notice = try users(server, survey) { preview.notices += [notice] }
        if includesUsers(server, survey) { preview.parts.append(MySQLPart.users) }
        if server.clientVersion.isOlderSeries(than: survey.version) {
            preview.notices.append(
                "\(baseName(server.clients.dumpProgram)) is of \(server.clientVersion), older than the server's \(survey.version)"
            )
        }
        preview.estimatedBytes = ByteCount(bytes)
        preview.summary =
            (databases.count == 1 ? "database \(databases[0])" : "\(databases.count) databases")
            + " (\(survey.version))"
        return preview
    }

    package func capture(
        _ context: CaptureContext, storing store: PartStore
    ) async throws(SourceError) -> [PartReport] {
        let server = try await MySQLServer(settings, spec, services)
        let survey = try await server.survey()
        var reports: [PartReport] = []
        var errors: [SourceError] = []
        for name in try await server.databases() {
            do { reports.append(try await capture(name, server, survey, context, store)) } catch {
                errors.append(error)
            }
            if Task.isCancelled { throw .cancelled }
        }
        if includesUsers(server, survey), !reports.isEmpty {
            do { reports.append(try await captureUsers(server, survey, context, store)) } catch { errors.append(error) }
        }
        guard let first = errors.first else { return reports }
        if reports.isEmpty { throw first }
        throw .incomplete(reports, failures: errors.map { Failure($0) })
    }

    package func restore(
        _ request: RestoreRequest, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        if let database = request.database {
            let server = try await MySQLServer(settings, spec, services)
            return try await MySQLRestore(server: server, context: context).load(request, into: database)
        }
        return try await MySQLRestore.save(request, services, context)
    }

    package func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace {
        part.restoreNotes["format"] == "users"
            ? .nowhere("users and grants are restored with --to DIR, looked over, and run with mariadb")
            : .nowhere(
                "MySQL and MariaDB cannot rename a database: load it beside with --into \(spec.name)=NAME, and switch over"
            )
    }

    // MARK: - What is dumped

    private func options(
        _ database: MySQLDatabase, _ server: MySQLServer, _ survey: MySQLServer.Survey
    ) -> MySQLClients.DumpOptions {
        var options = MySQLClients.DumpOptions(database: database.name)
        options.locks = settings.locks
        options.hasRoutines = settings.hasRoutines
        options.hasEvents = settings.hasEvents
        options.hasTriggers = settings.hasTriggers
        options.excludedTables = database.excluded
        options.isForeign = server.clients.family != survey.version.family
        let grants = survey.grants
        options.hasPosition =
            settings.notesPosition && !settings.locks && survey.answer.keepsLog == 1
            && survey.version.family == .mariadb && server.clients.family == .mariadb
            && grants.allowEverywhere("RELOAD")
            && ["BINLOG MONITOR", "REPLICATION CLIENT", "SUPER"].contains { grants.allowEverywhere($0) }
        return options
    }

    /// - Throws: ``SourceError/notPermitted(_:detail:hint:)`` where the dump would leave something out without a word.
    private func notices(
        _ database: MySQLDatabase, _ server: MySQLServer, _ survey: MySQLServer.Survey
    ) throws(SourceError) -> [String] {
        var notices: [String] = []
        var needed = ["SELECT"]
        if settings.hasTriggers { needed.append("TRIGGER") }
        if settings.hasEvents { needed.append("EVENT") }
        if settings.locks { needed.append("LOCK TABLES") }
        let lacking = needed.filter { !survey.grants.allow($0, in: database.name) }
        if !lacking.isEmpty {
            let words =
                "\(survey.answer.user) has no \(lacking.joined(separator: ", ")) on the whole of \(database.name)"
            guard survey.grants.hasUnlistedRoles, survey.version.family == .mysql else {
                throw .notPermitted(
                    "the database \(database.name)",
                    detail: "\(words), and what it may not see would be left out without a word",
                    hint: server.grant(database.name) + "; or leave triggers or events out on purpose")
            }
            notices.append("\(words), unless by a role: what it may not see is left out")
        }
        if settings.hasRoutines, !survey.grants.showRoutines(of: database.name) {
            notices.append(
                "\(survey.answer.user) sees its own stored routines only, and others of \(database.name) would be left out: "
                    + (survey.version.family == .mariadb
                        ? "GRANT SELECT ON mysql.proc TO \(server.user)"
                        : "GRANT SHOW_ROUTINE ON *.* TO \(server.user)")
                    + ", or set `routines: false`")
        }
        if !settings.locks, let torn = MySQLPart.torn(database.dumped, in: database.name) { notices.append(torn) }
        return notices
    }

    private func canDumpUsers(_ server: MySQLServer, _ survey: MySQLServer.Survey) -> Bool {
        server.clients.family == .mariadb && survey.version.family == .mariadb
    }

    private func includesUsers(_ server: MySQLServer, _ survey: MySQLServer.Survey) -> Bool {
        let mayRead = survey.grants.allow("SELECT", in: "mysql")
        return settings.includesUsers ?? (settings.databases == .all && mayRead && canDumpUsers(server, survey))
    }

    /// Why users are not dumped, where that may surprise.
    private func users(_ server: MySQLServer, _ survey: MySQLServer.Survey) throws(SourceError) -> String? {
        if settings.includesUsers == true {
            guard canDumpUsers(server, survey) else {
                throw .unsupported(
                    "users and grants of \(survey.version) cannot be dumped by \(baseName(server.clients.dumpProgram))",
                    hint: "set `users: false`; the database `mysql` can be named and dumped like another")
            }
            guard survey.grants.allow("SELECT", in: "mysql") else {
                throw .notPermitted(
                    "users and grants", detail: "\(survey.answer.user) may not read the database mysql",
                    hint: "GRANT SELECT ON mysql.* TO \(server.user), or set `users: false`")
            }
        }
        guard settings.includesUsers == nil, settings.databases == .all, !includesUsers(server, survey) else {
            return nil
        }
        return "users and grants are not dumped: "
            + (canDumpUsers(server, survey)
                ? "\(survey.answer.user) may not read the database mysql"
                : "only mariadb-dump can, from a MariaDB server")
            + "; `users: false` says that this is well"
    }

    // MARK: - Capturing

    private func capture(
        _ name: String, _ server: MySQLServer, _ survey: MySQLServer.Survey, _ context: CaptureContext,
        _ store: PartStore
    ) async throws(SourceError) -> PartReport {
        let before = try await server.database(name)
        let notices = try notices(before, server, survey)
        let waiting = MySQLQueries.waiting(
            for: before.dumped.filter(\.isTable).map(\.name), of: name, seconds: Int(settings.lockWait.inSeconds))
        // The first table that takes too long ends it.
        let limits = ToolCommand.Limits(total: settings.lockWait + .seconds(600), stall: nil)
        do throws(SourceError) { _ = try await server.ask(waiting, limits: limits) } catch {
            if case .busy(_, let detail) = error {
                throw .busy(
                    "the database \(name)",
                    detail: "a table was held locked for longer than \(inWords(settings.lockWait)): \(detail)")
            }
            throw error
        }
        let command = server.clients.dump(server.connection, options(before, server, survey))
        let path = MySQLPart.path(name)
        let (stored, counted) = try await keep(command, as: path, name, server, context, store)
        let after = try await server.database(name)
        // What was there before and after was there in between.
        let steady = Set(before.dumped.filter(\.hasData).map(\.name))
            .intersection(after.dumped.filter(\.hasData).map(\.name))
        if let lost = steady.subtracting(counted.rows.keys).min() {
            throw .mismatch(
                what: "the dump of \(name)", expected: "the table \(MySQLPart.plain(lost))", found: "no data of it")
        }
        var facts = facts(before, counted)
        facts.bytes = stored.bytes
        var notes = ["server": survey.version.description, "charset": before.found.charset]
        notes["binlog"] = counted.position
        if settings.excludedTables.isEmpty {
            for (kind, count) in before.found.objects where after.found.objects[kind] == count {
                if !settings.hasRoutines, kind == "routines" { continue }
                if !settings.hasEvents, kind == "events" { continue }
                if !settings.hasTriggers, kind == "triggers" { continue }
                notes[kind] = String(count)
            }
        }
        facts.notes = notes
        return PartReport(
            path: path, stored: stored, condition: .clean, facts: facts,
            restoreNotes: MySQLPart.notes(before, survey, server.clientVersion), notices: notices)
    }

    private func facts(_ database: MySQLDatabase, _ counted: MySQLDumpScanner.Report) -> Facts {
        var facts = Facts()
        facts.rowCounting = settings.facts
        var uncounted: [String: String] = [:]
        switch settings.facts {
        case .off: return facts
        case .exact: facts.rows = counted.rows
        case .estimate:
            facts.rows = [:]
            for table in database.dumped where table.hasData {
                if let rows = table.estimate {
                    facts.rows?[table.name] = rows
                } else {
                    uncounted[table.name] = "the server has no estimate"
                }
            }
        }
        for table in database.dumped where table.isTable && !table.hasData {
            uncounted[table.name] = "its rows are elsewhere (\(table.engine ?? "no engine"))"
        }
        facts.uncounted = uncounted.isEmpty ? nil : uncounted
        return facts
    }

    private func captureUsers(
        _ server: MySQLServer, _ survey: MySQLServer.Survey, _ context: CaptureContext, _ store: PartStore
    ) async throws(SourceError) -> PartReport {
        let (stored, _) = try await keep(
            server.clients.users(server.connection), as: MySQLPart.users, nil, server, context, store)
        var facts = Facts()
        facts.bytes = stored.bytes
        facts.notes = ["server": survey.version.description]
        return PartReport(
            path: MySQLPart.users, stored: stored, condition: .clean, facts: facts,
            restoreNotes: ["format": "users", "server": survey.version.description])
    }

    private func keep(
        _ command: ToolCommand, as path: PartPath, _ database: String?, _ server: MySQLServer,
        _ context: CaptureContext, _ store: PartStore
    ) async throws(SourceError) -> (StoredPart, MySQLDumpScanner.Report) {
        var command = services.prepared(command)
        command.limits = ToolCommand.Limits(total: nil, stall: settings.stallLimit)
        let report = "\(context.scratch)/witness-\(UInt64.random(in: 0...UInt64.max)).json"
        let stored: StoredPart
        do throws(RepositoryError) {
            stored = try await store(server.stream(command, as: path, report: report))
        } catch {
            throw failure(error, database, server)
        }
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: report))
            try FileManager.default.removeItem(atPath: report)
            let counted = try JSONDecoder().decode(MySQLDumpScanner.Report.self, from: data)
            guard ByteCount(counted.bytes) == stored.bytes else {
                throw SourceError.mismatch(
                    what: "the stored \(path)", expected: "\(counted.bytes) bytes", found: "\(stored.bytes.bytes) bytes"
                )
            }
            return (stored, counted)
        } catch let error as SourceError {
            throw error
        } catch {
            throw .unreadable("the account of what was dumped", reason: "\(error.localizedDescription)")
        }
    }

    /// A dump that died says why; a server that refused it is told as such, so that the hint fits.
    private func failure(_ error: RepositoryError, _ database: String?, _ server: MySQLServer) -> SourceError {
        guard case .producerFailed(let tool, _, let detail, void: nil) = error,
            !tool.contains("stream"), let meaning = server.meaning(of: detail, database)
        else { return .repository(error) }
        return meaning
    }
}
