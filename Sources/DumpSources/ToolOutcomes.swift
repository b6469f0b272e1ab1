import BackupModel

extension ToolResult {
    /// What a bad end means for a source; `nil` after a good one.
    var failure: SourceError? {
        if didItsWork { return nil }
        let tool = baseName(command.program)
        switch stopped {
        case .cancelled: return .cancelled
        case .totalLimit: return .timedOut(tool: tool, limit: command.limits.total.map(inWords) ?? "its time limit")
        case .stallLimit:
            return .timedOut(
                tool: tool, limit: (command.limits.stall.map(inWords) ?? "a while") + " without a sign of life")
        case .pipelineFailed, nil:
            return .toolFailed(tool: tool, how: termination.description, detail: tellingEnd(of: errors.text))
        }
    }
}

extension Services {
    /// Runs a command as the profile wants tools to run.
    /// - Throws: ``SourceError/tool(_:)`` when it cannot be started. A bad exit is a result.
    func run(_ command: ToolCommand) async throws(SourceError) -> ToolResult {
        do { return try await runner.run(prepared(command)) } catch { throw .tool(error) }
    }

    /// As above, and a bad exit is an error.
    func succeed(_ command: ToolCommand) async throws(SourceError) -> ToolResult {
        let result = try await run(command)
        if let failure = result.failure { throw failure }
        return result
    }

    func prepared(_ command: ToolCommand) -> ToolCommand {
        var command = command
        command.niceness = settings.niceness
        return command
    }

    /// - Throws: ``SourceError/noRoom(path:needed:free:)``; where the room is unknown, nothing.
    func checkRoom(for needed: ByteCount, at path: String) throws(SourceError) {
        guard let room = host.room(at: path), room.free < needed + .mebibytes(8) else { return }
        throw .noRoom(path: path, needed: needed, free: room.free)
    }
}

/// `90 s`, `30 min`
func inWords(_ duration: Duration) -> String {
    let seconds = Int(duration.inSeconds.rounded())
    return seconds >= 120 && seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds) s"
}

/// The last lines of what a tool said, on one line and at most 600 characters long.
func tellingEnd(of text: String) -> String {
    let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingBlanks() }.filter { !$0.isEmpty }
    return String(lines.suffix(4).joined(separator: "; ").suffix(600))
}

extension Substring {
    fileprivate func trimmingBlanks() -> String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
