import BackupModel

extension ToolRunner {
    /// Runs a tool whose exit code the caller reads.
    /// - Throws: ``RepositoryError`` where it could not be started, or was stopped: by its limits, or with our task.
    func end(of command: ToolCommand) async throws(RepositoryError) -> ToolResult {
        let result: ToolResult
        do throws(ToolError) {
            result = try await run(command)
        } catch {
            throw .tool(error)
        }
        switch result.stopped {
        case .cancelled: throw .cancelled
        case .totalLimit, .stallLimit: throw .timedOut(tool: command.program, limit: "its time limit")
        case .pipelineFailed, nil: return result
        }
    }
}
