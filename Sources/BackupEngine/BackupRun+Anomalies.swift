import BackupModel

extension BackupRun {
    /// Says what is unlike earlier backups before the manifest is written, which tells of it too.
    func noteAnomalies(_ parts: [ManifestPart], _ recorder: RunRecorder) async throws {
        let earlier = try engine.store.runs(
            RunQuery(profile: engine.profile.name, operation: .backup, limit: BackupRun.comparedRuns))
        let normal = try OpenAnomalies(engine.profile.name, engine.store).newNormal
        let comparable = earlier.filter(\.isCommitted).flatMap { run in
            run.parts.filter { part in normal[part.source].map { run.started >= $0 } != false }
        }
        let found = CaptureAnomaly.find(in: parts, after: comparable)
        guard !found.isEmpty else { return }
        await recorder.change { $0.anomalies = found }
        for anomaly in found {
            recorder.notice(
                "\(anomaly.part.title(in: anomaly.source)) is unlike what was backed up before: \(anomaly.detail); it is kept, "
                    + "and nothing older is removed until `holdfast ack \(anomaly.source)` says that this is in order")
        }
    }

    /// Enough for what is captured weekly by runs that come daily.
    private static let comparedRuns = 100
}
