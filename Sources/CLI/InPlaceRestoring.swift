import BackupEngine
import BackupModel

/// Puts a restore point back where its sources were captured, without asking.
enum InPlaceRestoring {
    /// - Parameter only: these sources; `nil` for all of the point.
    /// - Returns: the restore's record.
    static func run(
        _ live: Live, _ engine: Engine, point: RunID, only: [SourceName]?, _ console: Console
    ) async throws -> RunRecord {
        throw Failure(
            "restoring in place is not possible yet",
            hint: "restore beside it with `holdfast restore \(point) --to DIR`, look at it, then move it yourself")
    }
}
