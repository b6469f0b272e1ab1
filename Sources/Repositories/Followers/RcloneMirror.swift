import BackupModel
import Digests
import Foundation
import Programs

/// One of rclone's remotes, with a credential that may look: rclone cannot create without looking first.
struct RcloneMirror: MirrorTarget {
    let location: String
    let transfer: RcloneTransfer
    let server: ServerAccess

    var place: String { location }
    var tool: String? { nil }

    func put(_ items: [MirrorItem]) async throws(RepositoryError) -> MirrorAnswer {
        var answer = MirrorAnswer()
        let batches = Dictionary(grouping: items.filter(\.bearsItsName), by: \.root)
        for (root, batch) in batches.sorted(by: { $0.key < $1.key }) {
            try await run(transfer.copy(batch.map(\.path), from: root), batch, &answer)
            if answer.failure != nil { return answer }
        }
        for item in items where !item.bearsItsName {
            try await run(transfer.copy(item.file, to: item.path), [item], &answer)
            if answer.failure != nil { return answer }
        }
        return answer
    }

    func digest(of path: String) async throws(RepositoryError) -> String? {
        let result = try await server.backend(transfer.print(path))
        guard result.termination == .exited(0) else {
            throw failure(RcloneTransfer.outcome(result.errors.text).failures, result)
        }
        do throws(DigestError) {
            return try SHA256.digest(of: result.output.head + result.output.tail).description
        } catch {
            throw .unsupported(error.description)
        }
    }

    private func run(
        _ command: ToolCommand, _ items: [MirrorItem], _ answer: inout MirrorAnswer
    ) async throws(RepositoryError) {
        let result = try await server.backend(command)
        let said = RcloneTransfer.outcome(result.errors.text)
        let didAll = result.termination == .exited(0)
        for item in items {
            // Of a file that is copied to another name, rclone tells the name that it has here.
            let isNew =
                said.created.contains(item.path) || said.created.contains((item.file as NSString).lastPathComponent)
            guard isNew || didAll, FileManager.default.fileExists(atPath: item.file) else { continue }
            answer.put.insert(item.path)
            if !isNew { answer.found.insert(item.path) }
        }
        guard answer.put.isSuperset(of: items.map(\.path)) else {
            answer.failure = failure(said.failures, result)
            return
        }
    }

    func failure(_ failures: [(path: String?, message: String)], _ result: ToolResult) -> RepositoryError {
        let first = failures.first
        let message = first?.message ?? ResticDiagnostics(result.errors.text).telling
        if message.contains("immutable file modified") {
            return .occupied(
                location: location,
                by: "\(first?.path ?? "a file") of another size, perhaps one that was cut short; remove it there")
        }
        let detail = (first?.path.map { "\($0): " } ?? "") + message
        let isDenied = ["AccessDenied", "403", "ermission denied"].contains(where: message.contains)
        return isDenied ? .denied(location: location, detail: detail) : .unreachable(location: location, detail: detail)
    }
}

extension MirrorItem {
    /// False for a file that goes there under another name than it has here.
    var bearsItsName: Bool { file.hasSuffix("/" + path) }
    /// The folder in which it bears its name.
    var root: String { String(file.dropLast(path.utf8.count + 1)) }
}
