import BackupModel

/// The telling end of what a tool said, taken out of the error that tells of its failure.
enum ToolWords {
    /// Tool to its words; empty where no tool had a say.
    static func of(_ error: any Error) -> [String: String] {
        switch error {
        case RunStop.failed(let cause), RunStop.skipped(let cause): of(cause)
        case let error as SourceError: of(error)
        case let error as RepositoryError: of(error)
        default: [:]
        }
    }

    private static func of(_ error: SourceError) -> [String: String] {
        switch error {
        case .toolFailed(let tool, _, let detail): words(tool, detail)
        case .repository(let error): of(error)
        case .missing, .empty, .unmounted, .unreadable, .notADatabase, .busy, .unreachable, .notPermitted, .tooOld,
            .noRoom, .producedNothing, .mismatch, .targetExists, .noRecipients, .wrongIdentity, .unsupported, .timedOut,
            .cancelled,
            .incomplete,
            .tool,
            .secret:
            [:]
        }
    }

    private static func of(_ error: RepositoryError) -> [String: String] {
        switch error {
        case .toolFailed(let tool, _, let detail), .producerFailed(let tool, _, let detail, _): words(tool, detail)
        case .locked(_, _, let detail), .damaged(_, let detail), .full(_, let detail, _),
            .noRoom(_, let detail, _), .readOnly(_, let detail),
            .denied(_, let detail), .unreachable(_, let detail), .formatTooNew(_, let detail),
            .noEvidence(_, let detail), .sourceUnreadable(let detail):
            words("repository", detail)
        case .absent, .wrongPassword, .noKey, .keyNotNamed, .keysMissing, .occupied, .misplaced, .changed, .toolTooOld,
            .producedNothing,
            .miscounted, .notFound, .timedOut, .cancelled, .tool, .secret, .unsupported:
            [:]
        }
    }

    private static func words(_ tool: String, _ detail: String) -> [String: String] {
        detail.isEmpty ? [:] : [tool: detail]
    }
}
