package import BackupModel
import Programs

extension SQLiteDump {
    package func prove(_ request: ProofRequest, _ context: CaptureContext) async throws(SourceError) -> ProofReport {
        var report = ProofReport(try await restore(request.restore, context))
        let path = report.restored.place
        let name = request.restore.part.restoreNotes["name"]
        try await SQLAssertions.check(request.assertions(for: name), &report) { (query) throws(SourceError) in
            // As somebody would open it: the files of the write-ahead log beside it are made where they are missed.
            var command = SQLiteShell.command(path, .existing, script: [query.hasSuffix(";") ? query : query + ";"])
            command.limits.total = request.timeLimit
            return SQLAssertions.firstValue(try await services.succeed(command).output.text, separator: "|")
        }
        return report
    }
}
