package import BackupModel
import Programs

/// A drill of files: all of them are there, the databases among them are whole, and some are what lies there live.
extension FilesSource {
    package func prove(_ request: ProofRequest, _ context: CaptureContext) async throws(SourceError) -> ProofReport {
        var report = ProofReport(try await restore(request.restore, context))
        guard request.restore.part.part == FilesSource.part else { return report }
        let folder = request.restore.directory
        // Nobody who restores does this.
        let begun = services.clock.uptime
        try await proveDatabases(below: folder, &report)
        let comparison = RestoredFiles(folder: folder).compare(request.sample) { Task.isCancelled }
        if Task.isCancelled { throw .cancelled }
        FilesSource.add(comparison, to: &report)
        report.preparation += services.clock.uptime - begun
        if request.restore.part.condition == .tolerated { report.restored.excused = report.restored.unproven }
        return report
    }

    private func proveDatabases(below folder: String, _ report: inout ProofReport) async throws(SourceError) {
        let found = TreeWalk.findings(in: FilesSettings(found: [folder])) { Task.isCancelled }.databases
        if Task.isCancelled { throw .cancelled }
        var whole = 0
        for database in found {
            let live = String(database.path.dropFirst(folder.count))
            // With what was not written back yet beside it, the file alone is not the database.
            guard !database.hasSideFiles else {
                report.restored.notices.append("\(live), an SQLite database, was stored as it lay there, in use")
                continue
            }
            let (integrity, obstacle) = try await SQLiteProof(services: services).integrity(of: database.path)
            if let damage = integrity?.damage.first {
                let isLiveSo = RestoredFiles.isSame(Array(database.path.utf8), Array(live.utf8)) == true
                if isLiveSo {
                    report.restored.notices.append("\(live), an SQLite database, is damaged, and so is the live one")
                } else {
                    report.findings.append(
                        DrillFinding("the restored \(live)", expected: "a sound database", found: damage))
                }
            } else if let obstacle {
                report.restored.notices.append("\(live): its integrity could not be checked: \(obstacle)")
            } else {
                whole += 1
            }
        }
        guard whole > 0 else { return }
        report.restored.proofs.append(
            "\(Words.count(whole, "SQLite database")) inside \(whole == 1 ? "passes" : "pass") the integrity check")
    }

    private static func add(_ comparison: RestoredFiles.Comparison, to report: inout ProofReport) {
        for path in comparison.different.prefix(20) {
            report.findings.append(
                DrillFinding(
                    path, expected: "what the live file has, whose size and time are the same",
                    found: "other content; one of the two is damaged"))
        }
        if comparison.same > 0 {
            report.restored.proofs.append(
                "\(Words.count(comparison.same, "file")) taken at random \(comparison.same == 1 ? "is" : "are") "
                    + "byte for byte what lies there live")
        }
        let rest = [
            comparison.changed == 0 ? nil : "\(comparison.changed) changed or went since",
            comparison.unread == 0 ? nil : "\(comparison.unread) could not be read or were too large",
        ].compactMap(\.self)
        guard !rest.isEmpty else { return }
        report.restored.notices.append("not compared with the live files: \(rest.joined(separator: ", "))")
    }
}

extension VolumeSource {
    package func prove(_ request: ProofRequest, _ context: CaptureContext) async throws(SourceError) -> ProofReport {
        try await files(at: request.restore.directory).prove(request, context)
    }
}

extension GitUntrackedSource {
    package func prove(_ request: ProofRequest, _ context: CaptureContext) async throws(SourceError) -> ProofReport {
        switch request.restore.part.part {
        case GitUntrackedSource.factsPart: return ProofReport(try await restore(request.restore, context))
        case GitUntrackedSource.unnameablePart:
            var report = ProofReport(try await restore(request.restore, context))
            let list = ToolCommand("tar", ["--list", "--file=\(report.restored.place)"])
            _ = try await services.succeed(list)
            report.restored.unproven = []
            report.restored.proofs.append("the archive lists to its end")
            return report
        default: return try await restoredFiles.prove(request, context)
        }
    }
}
