package import BackupModel

/// Why timers could not be set up, looked at or removed.
package enum ScheduleError: OperatorError, Equatable {
    /// Something with the name of ours, and not made by us.
    case foreign(path: String)
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
    case tool(program: String, detail: String)
    /// Our block in a crontab has lost its beginning or its end.
    case brokenBlock(place: String)
    case impossible(String, hint: String)

    package var kind: FailureKind {
        switch self {
        case .foreign, .unreadable, .unwritable, .tool, .brokenBlock: .failed
        case .impossible: .usage
        }
    }

    package var description: String {
        switch self {
        case .foreign(let path): "\(path) is there, and `holdfast backup auto` has not made it; nothing was changed"
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .unwritable(let path, let reason): "\(path) cannot be written: \(reason)"
        case .tool(let program, let detail): "\(program) failed: \(detail)"
        case .brokenBlock(let place):
            "\(place) has the beginning or the end of Holdfast's block without the other; nothing was changed"
        case .impossible(let what, _): what
        }
    }

    package var hint: String? {
        switch self {
        case .foreign(let path): "look at it, and move it away: mv \(path) \(path).old"
        case .unreadable: nil
        case .unwritable: "run it as root for the whole machine, or as the user whose backups they are"
        case .tool: nil
        case .brokenBlock: "edit it (`crontab -e`) and take out all lines of that block"
        case .impossible(_, let hint): hint
        }
    }
}
