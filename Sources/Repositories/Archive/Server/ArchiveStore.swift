import BackupModel
import Programs

/// Where copies of archives are that no system call reaches: a server, or one of rclone's remotes. Paths are relative to the
/// place of the copies.
protocol ArchiveStore: Sendable {
    /// Of everything there, two levels deep.
    func sizes() async throws(RepositoryError) -> [String: Int64]
    /// Fetches files, each to its path below a folder; the folders are there.
    /// - Throws: ``RepositoryError/damaged(location:detail:)`` where one is gone.
    func fetch(_ paths: [String], into folder: String) async throws(RepositoryError)
    /// What prints a file, as the first stage of a pipeline; `nil` where only whole files come.
    func stream(_ path: String) async throws(RepositoryError) -> ToolCommand?
    /// Puts a small file in the place of one that is there: at any time there is the old one or the new one.
    func replace(_ path: String, with file: String) async throws(RepositoryError)
    /// - Important: deletes files, all or an error; and the folders named where the store has such and they are empty then.
    func remove(_ paths: [String], folders: [String]) async throws(RepositoryError)
    /// Uploads in parts that came to no end, in words.
    /// - Parameter removing: aborts them.
    func unfinished(removing: Bool) async throws(RepositoryError) -> [String]
}

extension ArchiveStore {
    func unfinished(removing: Bool) async throws(RepositoryError) -> [String] { [] }
}

extension ServerAccess {
    /// What reads and removes there.
    /// - Throws: ``RepositoryError/unsupported(_:)``
    func store(at location: ResticLocation) async throws(RepositoryError) -> any ArchiveStore {
        if var batch = sftp(at: location) {
            batch.limit = services.settings.downloadLimit
            return SFTPArchiveStore(batch: batch, server: self)
        }
        if var transfer = rclone(at: location) {
            transfer.limit = services.settings.downloadLimit
            return RcloneArchiveStore(transfer: transfer, server: self)
        }
        guard let address = S3Address(location.text) else {
            throw .unsupported(
                "nothing can be read from \(location.text): this version knows S3, sftp, rclone and folders")
        }
        guard let curl = try await curl(), curl.canSign else {
            throw .toolTooOld(
                tool: "curl", version: try await curl()?.description ?? "(none)",
                needed: "to read from S3, \(CurlVersion.neededToSign)")
        }
        guard hasS3Key else {
            throw .unsupported(
                "to read from \(location.text), name a key: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY under `environment:`, or "
                    + "`--credentials FILE`")
        }
        return S3ArchiveStore(
            address: address, server: self, credential: try await s3Credential(for: address))
    }
}
