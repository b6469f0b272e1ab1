package import BackupModel
import Programs

/// A drill of a dump: it is loaded into a server that was started for it and is gone afterwards. The server that was dumped is
/// not even asked.
extension PostgreSQLDump {
    package func roomToProve(_ part: ManifestPart) -> ByteCount {
        // Rows take more than in a dump, and indexes come to it; and the server itself.
        part.restoreNotes["format"] == "globals" ? part.bytes : ByteCount(part.bytes.bytes * 5 / 2) + .mebibytes(80)
    }

    package func isLoadedToProve(_ part: ManifestPart) -> Bool { part.restoreNotes["format"] != "globals" }

    package func prove(_ request: ProofRequest, _ context: CaptureContext) async throws(SourceError) -> ProofReport {
        let notes = request.restore.part.restoreNotes
        guard notes["format"] != "globals" else { return try await saved(request, context) }
        let found = try await PostgreSQLThrowaway.find(
            server: notes["server"], client: notes["client"],
            clients: settings.through == nil ? settings.clients : nil, services)
        let programs: PostgreSQLServerPrograms
        switch found {
        case .success(let found): programs = found
        case .failure(let obstacle): return try await saved(request, context, obstacle)
        }
        let throwaway = PostgreSQLThrowaway(services: services, programs: programs)
        let user = try services.unprivilegedUser()
        let folder = try await services.serverFolder(request, user, room: roomToProve(request.restore.part))
        defer { services.removeServerFolder(folder) }
        do throws(SourceError) {
            return try await throwaway.server(in: folder, as: user).whileUp { process in
                try await load(request, context, settings.local(programs, process: process, as: user), process)
            }
        } catch {
            guard let obstacle = PostgreSQLDump.obstacle(error) else { throw error }
            return try await saved(request, context, obstacle)
        }
    }

    /// Where it cannot be loaded: that the dump is complete can be told all the same.
    private func saved(
        _ request: ProofRequest, _ context: CaptureContext, _ obstacle: ThrowawayServer.Obstacle? = nil
    ) async throws(SourceError) -> ProofReport {
        let isCustom = request.restore.part.restoreNotes["format"] == PostgreSQLSettings.Format.custom.rawValue
        // SQL needs no clients, and so not the place where they run.
        var report = ProofReport(
            isCustom
                ? try await restore(request.restore, context)
                : try await PostgreSQLRestore.save(
                    request.restore, services, context, PostgreSQLClients(folder: nil)))
        guard let obstacle else { return report }
        report.restored.unproven = ["its rows: \(obstacle.what)"]
        report.remedies = [obstacle.remedy]
        return report
    }

    private func load(
        _ request: ProofRequest, _ context: CaptureContext, _ local: PostgreSQLSettings, _ process: Int32
    ) async throws -> ProofReport {
        let part = request.restore.part
        let name = "holdfast-\(context.run)"
        let server = try await PostgreSQLServer(local, spec, services)
        let maintenance = server.connection(to: "postgres", applicationName: name)
        let begun = services.clock.uptime
        let required: PostgreSQLRequirements
        if let noted = PostgreSQLNeeds(part.restoreNotes) {
            required = noted.requirements
        } else {
            // Of a dump that was made before this was noted: it is read for it, which no restore does.
            required = try await requirements(of: request.restore, server)
        }
        let preparation = services.clock.uptime - begun
        _ = try await server.ask(required.statements, maintenance)
        let original = part.restoreNotes["database"] ?? "restored"
        let database = ["postgres", "template0", "template1"].contains(original) ? "restored_\(original)" : original
        var restore = PostgreSQLRestore(server: server, context: context, applicationName: name)
        restore.countsAnew = true
        var report = ProofReport(try await restore.load(request.restore, into: database))
        report.preparation = preparation
        report.tools["postgres"] = try await server.look(maintenance).version
        report.restored.place = "database \(database) in a server of the drill's own"
        let target = server.connection(to: database, applicationName: name)
        try await SQLAssertions.check(request.assertions(for: original), &report) { (query) throws(SourceError) in
            var command = server.clients.shell(target, script: query.hasSuffix(";") ? query + "\n" : query + ";\n")
            command.limits.total = request.timeLimit
            let result = try await services.run(command)
            if let failure = result.failure { throw failure }
            return SQLAssertions.firstValue(result.output.text, separator: "|")
        }
        try await request.whileServed([
            "PGHOST": Services.workingFolder(of: process), "PGPORT": String(PostgreSQLServerPrograms.port),
            "PGUSER": PostgreSQLServerPrograms.superuser, "PGDATABASE": database,
        ])
        return report
    }

    private func requirements(
        of request: RestoreRequest, _ server: PostgreSQLServer
    ) async throws(SourceError) -> PostgreSQLRequirements {
        var reading: [ToolCommand]
        do { reading = try await request.reader.dump(path: request.part.part) } catch { throw .repository(error) }
        if request.part.restoreNotes["format"] == PostgreSQLSettings.Format.custom.rawValue {
            var decoding = ToolCommand(server.clients.program("pg_restore"), ["--file=-"])
            // All of it: who stops reading ends the one that writes, and that is a failure.
            decoding.whenOrphaned = .leave
            reading.append(decoding)
        }
        let reader = RequirementReader()
        let stages = (reading + [PostgreSQLRequirements.filter]).map(services.prepared)
        let result: PipelineResult
        do { result = try await services.runner.pipeline(stages, refusingEmpty: true, reading: reader) } catch {
            throw .tool(error)
        }
        // What stands in the way of reading it is told by what loads it.
        if result.stages.contains(where: { $0.stopped == .cancelled }) { throw .cancelled }
        return reader.requirements
    }

    /// What a dump needs of a server that this one lacks, and that is no fault of the dump.
    private static func obstacle(_ error: SourceError) -> ThrowawayServer.Obstacle? {
        guard case .toolFailed(_, _, let detail) = error else { return nil }
        let signs = [
            "is not available", "could not open extension control file", "could not access file", "must be preloaded",
            "shared_preload_libraries", "could not load library",
        ]
        guard detail.contains("xtension") || detail.contains("library") || detail.contains("access file"),
            signs.contains(where: detail.contains)
        else { return nil }
        return ThrowawayServer.Obstacle(
            what: "it needs an extension that the PostgreSQL server here does not have (\(detail))",
            remedy: "install the extension's package for that version here")
    }
}

extension PostgreSQLSettings {
    /// The same source, in a server of our own.
    /// - Parameter user: as whom the clients run too: psql obeys what stands in a dump, and not every repository is sealed.
    func local(_ programs: PostgreSQLServerPrograms, process: Int32, as user: UserIdentity?) -> PostgreSQLSettings {
        var settings = self
        settings.host = Services.workingFolder(of: process)
        settings.port = PostgreSQLServerPrograms.port
        settings.user = PostgreSQLServerPrograms.superuser
        settings.password = nil
        settings.tlsMode = nil
        settings.tlsRootCertificate = nil
        settings.maintenanceDatabase = "postgres"
        settings.runAs = user?.name
        settings.through = nil
        settings.clients = programs.folder
        return settings
    }
}
