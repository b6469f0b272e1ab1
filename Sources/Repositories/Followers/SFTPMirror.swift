import BackupModel
import Foundation
import Programs

/// An SFTP server. A file is put under a name of its own first, so that one that is cut short is never taken for whole.
struct SFTPMirror: MirrorTarget {
    let location: String
    let batch: SFTPBatch
    let access: ResticAccess

    var place: String { location }
    var tool: String? { nil }

    func put(_ items: [MirrorItem]) async throws(RepositoryError) -> MirrorAnswer {
        let transfers = items.map { SFTPBatch.Item(file: $0.file, path: path(of: $0)) }
        let result = try await access.backend(batch.put(transfers, folders: folders(of: items)))
        let sizes = SFTPBatch.sizes(result.output.text, transfers)
        let said = result.errors.text
        var answer = MirrorAnswer()
        for (item, transfer) in zip(items, transfers) {
            guard let size = sizes[transfer.path] else { continue }
            guard size == item.bytes else {
                answer.failure = .occupied(
                    location: location,
                    by: "\(item.path), which is \(ByteCount(size)) large and not \(ByteCount(item.bytes))")
                continue
            }
            answer.put.insert(item.path)
            if SFTPBatch.wasThere(said, transfer) { answer.found.insert(item.path) }
        }
        if answer.failure == nil, answer.put.count < items.count {
            answer.failure = failure(said, result)
        }
        return answer
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

    private func failure(_ said: String, _ result: ToolResult) -> RepositoryError {
        let lines = said.split(whereSeparator: \.isNewline).filter {
            !$0.hasPrefix("remote mkdir") && !$0.hasPrefix("Can't ls")
        }
        let detail = lines.last.map(String.init) ?? result.termination.description
        switch SecureShell.Trouble(diagnostics: said) {
        case .notAuthenticated, .unknownHost: return .denied(location: location, detail: detail)
        case .unreachable: return .unreachable(location: location, detail: detail)
        case nil:
            return said.contains("Permission denied")
                ? .denied(location: location, detail: detail) : .unreachable(location: location, detail: detail)
        }
    }
}
