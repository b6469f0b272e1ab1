import BackupModel
import Foundation
import Programs

/// Copies of archives on an SFTP server. `sftp` writes where it likes in a file that it fetches, so nothing comes through a pipe.
struct SFTPArchiveStore: ArchiveStore {
    let batch: SFTPBatch
    let server: ServerAccess

    private func path(_ path: String) -> String { (batch.address.path == "/" ? "" : batch.address.path) + "/" + path }

    func sizes() async throws(RepositoryError) -> [String: Int64] {
        let root = batch.address.path
        let top = try await list([root])[root] ?? [:]
        var sizes = top.filter { !$0.value.isFolder }.mapValues(\.size)
        let folders = top.filter { $0.value.isFolder && ArchiveRuns.isPlain($0.key) }.map(\.key).sorted()
        guard !folders.isEmpty else { return sizes }
        let below = try await list(folders.map(path))
        for folder in folders {
            for (name, entry) in below[path(folder)] ?? [:] where !entry.isFolder {
                sizes["\(folder)/\(name)"] = entry.size
            }
        }
        return sizes
    }

    private func list(_ folders: [String]) async throws(RepositoryError) -> [String: [String: SFTPBatch.Entry]] {
        var command = batch.listAll(in: folders)
        command.keptOutput = .mebibytes(32)
        let result = try await run(command)
        guard result.output.isComplete else { throw failure(result) }
        return SFTPBatch.entries(result.output.text, in: folders)
    }

    func fetch(_ paths: [String], into folder: String) async throws(RepositoryError) {
        guard !paths.isEmpty else { return }
        for path in paths { unlink("\(folder)/\(path)") }
        let result = try await run(
            batch.fetchAll(paths.map { SFTPBatch.Item(file: "\(folder)/\($0)", path: path($0)) }))
        for path in paths where !FileManager.default.fileExists(atPath: "\(folder)/\(path)") {
            let said = result.errors.text
            guard said.contains("not found") || said.contains("No such file") else { throw failure(result) }
            throw .damaged(location: server.location, detail: "\(path): it is missing")
        }
    }

    func stream(_ path: String) async throws(RepositoryError) -> ToolCommand? { nil }

    func replace(_ path: String, with file: String) async throws(RepositoryError) {
        _ = try await run(batch.replace(SFTPBatch.Item(file: file, path: self.path(path))))
    }

    func remove(_ paths: [String], folders: [String]) async throws(RepositoryError) {
        _ = try await run(batch.delete(paths.map(path), folders: folders.map(path)))
    }

    /// - Throws: where the server could not be reached, or refused anything.
    private func run(_ command: ToolCommand) async throws(RepositoryError) -> ToolResult {
        let result = try await server.backend(command)
        guard result.termination == .exited(0), !result.errors.text.contains("Permission denied") else {
            throw failure(result)
        }
        return result
    }

    private func failure(_ result: ToolResult) -> RepositoryError {
        SFTPMirror(location: server.location, batch: batch, server: server).failure(result.errors.text, result)
    }
}
