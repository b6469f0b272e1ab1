import BackupModel
import Foundation
import Programs

/// Copies of archives at one of rclone's remotes.
struct RcloneArchiveStore: ArchiveStore {
    let transfer: RcloneTransfer
    let server: ServerAccess

    func sizes() async throws(RepositoryError) -> [String: Int64] {
        var command = transfer.listAll()
        command.keptOutput = .mebibytes(32)
        let result = try await server.backend(command)
        if result.termination == .exited(RcloneTransfer.noFolder) { return [:] }
        guard result.termination == .exited(0), result.output.isComplete,
            let sizes = RcloneTransfer.sizes(result.output.text)
        else { throw failure(result) }
        return sizes
    }

    func fetch(_ paths: [String], into folder: String) async throws(RepositoryError) {
        guard !paths.isEmpty else { return }
        let result = try await server.backend(transfer.fetch(paths, to: folder))
        guard result.termination == .exited(0) else { throw failure(result) }
        for path in paths where !FileManager.default.fileExists(atPath: "\(folder)/\(path)") {
            throw .damaged(location: server.location, detail: "\(path): it is missing")
        }
    }

    func stream(_ path: String) async throws(RepositoryError) -> ToolCommand? {
        try await server.prepared(transfer.stream(path))
    }

    func replace(_ path: String, with file: String) async throws(RepositoryError) {
        let result = try await server.backend(transfer.replace(path, with: file))
        guard result.termination == .exited(0) else { throw failure(result) }
    }

    func remove(_ paths: [String], folders: [String]) async throws(RepositoryError) {
        if !paths.isEmpty {
            let result = try await server.backend(transfer.delete(paths))
            guard result.termination == .exited(0) else { throw failure(result) }
        }
        // Many remotes have none; one that is left is empty and means nothing.
        for folder in folders { _ = try await server.backend(transfer.removeFolder(folder)) }
    }

    private func failure(_ result: ToolResult) -> RepositoryError {
        RcloneMirror(location: server.location, transfer: transfer, server: server).failure(
            RcloneTransfer.outcome(result.errors.text).failures, result)
    }
}
