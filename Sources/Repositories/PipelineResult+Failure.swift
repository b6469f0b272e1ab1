import BackupModel
import Programs

extension PipelineResult {
    /// What a chain failed of whose last stage keeps what the others made (``OwnStreams/keep(_:)``).
    /// - Parameters:
    ///   - producers: how many of the first stages belong to the source rather than to the repository.
    ///   - location: of the repository.
    func failure(producers: Int, keeping location: String, _ host: any HostFacts) -> RepositoryError {
        if stages.contains(where: { $0.stopped == .cancelled }) { return .cancelled }
        let first = stages[0]
        if wasEmpty { return .producedNothing(tool: first.command.name, void: nil) }
        let index = firstFailure ?? stages.firstIndex { !$0.didItsWork } ?? 0
        let failed = stages[index]
        var how = failed.termination.description
        if failed.stopped == .totalLimit || failed.stopped == .stallLimit {
            let limits = failed.command.limits
            let limit = failed.stopped == .totalLimit ? limits.total : limits.stall
            how =
                "stopped after \(limit.map { "\(Int($0.inSeconds)) s" } ?? "its limit")"
                + (failed.stopped == .stallLimit ? " without a sign of life" : "")
        }
        if index < producers {
            return .producerFailed(tool: failed.command.name, how: how, detail: failed.lastWords, void: nil)
        }
        if index == stages.count - 1 {
            if failed.termination == .exited(OwnStreams.fullExitCode) {
                return .full(location: location, detail: failed.lastWords, free: host.room(at: location)?.free)
            }
            if failed.errors.text.contains("Read-only file system") {
                return .readOnly(location: location, detail: failed.lastWords)
            }
        }
        return .toolFailed(tool: failed.command.name, how: how, detail: failed.lastWords)
    }
}
