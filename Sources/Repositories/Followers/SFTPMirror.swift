import BackupModel
import Digests
import Foundation
import Programs

/// An SFTP server. A file is put under a name of its own first, so that one that is cut short is never taken for whole.
struct SFTPMirror: MirrorTarget {
    let location: String
    let batch: SFTPBatch
    let server: ServerAccess

    var place: String { location }
    var tool: String? { nil }

    func put(_ items: [MirrorItem]) async throws(RepositoryError) -> MirrorAnswer {
        let transfers = items.map { SFTPBatch.Item(file: $0.file, path: path(of: $0)) }
        let result = try await server.backend(batch.put(transfers, folders: folders(of: items)))
        let found = SFTPBatch.found(result.output.text, transfers)
        var answer = MirrorAnswer()
        for (item, transfer) in zip(items, transfers) {
            guard let there = found[transfer.path] else { continue }
            guard there.size == item.bytes else {
                answer.failure = .occupied(
                    location: location,
                    by: "\(item.path), which is \(ByteCount(there.size)) large and not \(ByteCount(item.bytes))")
                continue
            }
            answer.put.insert(item.path)
            if there.wasThere { answer.found.insert(item.path) }
        }
        if answer.failure == nil, answer.put.count < items.count {
            answer.failure = failure(result.errors.text, result)
            // It may take the room that is lacking. Where even this fails the next put of the file does it.
            let left = transfers.first { found[$0.path] == nil }.map { [$0] } ?? []
            _ = try await server.backend(batch.discardDrafts(of: left))
        }
        return answer
    }

    func digest(of path: String) async throws(RepositoryError) -> String? {
        let file = try server.privateFolder("mirror") + "/fetched-\(UUID().uuidString)"
        defer { unlink(file) }
        let place = (batch.address.path == "/" ? "" : batch.address.path) + "/" + path
        let result = try await server.backend(batch.fetch(place, to: file))
        guard result.termination == .exited(0) else { throw failure(result.errors.text, result) }
        do throws(DigestError) {
            return try FileDigest().digest(ofFile: file) { _ in !Task.isCancelled }.description
        } catch {
            throw .unreachable(location: location, detail: "\(path): \(error.description)")
        }
    }

    private func path(of item: MirrorItem) -> String {
        (batch.address.path == "/" ? "" : batch.address.path) + "/" + item.path
    }

    /// All folders that the files are in, those above first.
    private func folders(of items: [MirrorItem]) -> [String] {
        var folders: Set<String> = []
        for item in items {
            var folder = (path(of: item) as NSString).deletingLastPathComponent
            while !folder.isEmpty, folder != "/", folders.insert(folder).inserted {
                folder = (folder as NSString).deletingLastPathComponent
            }
        }
        return folders.sorted()
    }

    func failure(_ said: String, _ result: ToolResult) -> RepositoryError {
        // What may fail says so each time, in the words of OpenSSH 9 and of those before.
        let usual = ["remote mkdir", "Couldn't create directory", "remote delete", "Couldn't delete", "Can't ls"]
        let lines = said.split(whereSeparator: \.isNewline).filter { line in !usual.contains(where: line.hasPrefix) }
        var detail = lines.last.map(String.init) ?? result.termination.description
        // SFTP has no word for it.
        if detail.hasSuffix(": Failure") { detail += " (its disk may be full)" }
        switch SecureShell.Trouble(diagnostics: said) {
        case .notAuthenticated, .unknownHost: return .denied(location: location, detail: detail)
        case .unreachable: return .unreachable(location: location, detail: detail)
        case nil:
            return said.contains("Permission denied")
                ? .denied(location: location, detail: detail) : .unreachable(location: location, detail: detail)
        }
    }
}
