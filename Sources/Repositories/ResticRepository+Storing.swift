package import BackupModel
import Programs

extension ResticRepository {
    package func store(
        _ part: CapturedPart, as stamp: SnapshotStamp, progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> StoredPart {
        try requirePlace()
        try access.folder?.requireWritable()
        let capture = ResticCapture(
            access: access, restic: try await access.restic(), part: part, stamp: stamp, progress: progress)
        return try await access.patiently { () throws(RepositoryError) in
            switch part.content {
            case .files(let selection): try await capture.files(selection)
            case .stream(let producer): try await capture.stream(producer)
            case .file(let path): try await capture.file(path)
            case .sealed(let content, let recipients): try await capture.sealed(content, for: recipients)
            }
        }
    }
}
