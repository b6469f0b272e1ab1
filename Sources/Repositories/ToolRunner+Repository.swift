import BackupModel

extension ToolRunner {
    /// - Parameter programs: each a name or a path.
    /// - Throws: ``RepositoryError/tool(_:)`` for the first that is not there.
    func require(_ programs: [String]) throws(RepositoryError) {
        for program in programs where locate(program) == nil {
            throw .tool(.notFound(program: program, searched: ["the search path"]))
        }
    }

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
