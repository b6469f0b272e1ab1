package import BackupModel
import Programs

extension ResticRepository {
    /// The program by which restic looks for a file system of a user's own to be mounted and taken away.
    /// - Source: github.com/anacrolix/fuse, as restic 0.14.0 to 0.19.1 have it.
    package static let mountHelper = "fusermount"

    /// Shows all snapshots below a folder, by their short ids in `ids/`, until it is interrupted or the folder is unmounted.
    package func mount(at folder: String) async throws(RepositoryError) -> ToolCommand {
        try await access.restic().mount(at: folder, locking: access.canLock)
    }

    /// How such a command ended, where it did not end as it should.
    package func failure(ofMount result: ToolResult) -> RepositoryError? {
        result.didItsWork ? nil : access.failure(of: result)
    }
}
