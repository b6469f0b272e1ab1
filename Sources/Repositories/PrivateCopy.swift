import BackupModel

/// A finished private file that is to be stored: the copy of a database, what a command wrote.
enum PrivateCopy {
    /// - Returns: how many bytes it has, never none.
    /// - Throws: ``RepositoryError/sourceUnreadable(detail:)`` where it is no file, ``RepositoryError/producedNothing(tool:void:)``
    ///   where it is empty.
    static func size(of path: String) throws(RepositoryError) -> Int64 {
        let size: Int64
        do throws(SystemFailure) {
            guard let status = try SystemFolder.status(path), status.type == .file else {
                throw SystemFailure(code: SystemFailure.noEntry, path: path)
            }
            size = status.size
        } catch {
            throw .sourceUnreadable(detail: "\(error.path): \(error.reason)")
        }
        guard size > 0 else { throw .producedNothing(tool: "the copy \(path)", void: nil) }
        return size
    }
}
