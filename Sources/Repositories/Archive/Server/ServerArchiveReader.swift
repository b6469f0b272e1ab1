import BackupModel

/// Reads one snapshot of archives on a server: the archive is brought here, encrypted as it is, and nothing of it is decrypted
/// before the manifest's proof and its digest hold.
struct ServerArchiveReader: PartReader {
    let archives: ServerArchives
    let inner: ArchiveReader

    var snapshot: SnapshotID { inner.snapshot }

    /// - Returns: `nil` for a manifest, which is here already.
    private func bring() async throws(RepositoryError) -> String? {
        _ = try await archives.view.look()
        let place = try await ArchiveRuns(access: archives.access).place(of: snapshot)
        guard case .file(let file) = place.content else { return nil }
        let path = "\(place.folder)/\(file.name)"
        try await archives.view.bring(path, bytes: file.bytes)
        return path
    }

    private func brought<Value: Sendable>(
        _ body: () async throws(RepositoryError) -> Value
    ) async throws(RepositoryError) -> Value {
        let path = try await bring()
        defer { if let path { archives.view.release(path) } }
        return try await body()
    }

    /// What it returns reads the archive when it runs, so that stays here as long as the repository is looked at.
    func dump(path: PartPath) async throws(RepositoryError) -> [ToolCommand] {
        _ = try await bring()
        return try await inner.dump(path: path)
    }

    func content(of path: PartPath, limit: ByteCount) async throws(RepositoryError) -> [UInt8] {
        try await brought { () throws(RepositoryError) in try await inner.content(of: path, limit: limit) }
    }

    func extract(
        include: [String], into directory: String, exact: Bool,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ExtractReport {
        try await brought { () throws(RepositoryError) in
            try await inner.extract(include: include, into: directory, exact: exact, progress: progress)
        }
    }

    func entries(_ body: @escaping @Sendable (SnapshotEntry) -> Void) async throws(RepositoryError) {
        try await brought { () throws(RepositoryError) in try await inner.entries(body) }
    }
}
