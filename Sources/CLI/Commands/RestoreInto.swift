import BackupEngine
import BackupModel
import Foundation

/// What `restore` looks at before it shows a plan.
enum RestoreChecks {
    /// Whether it costs little to see if a path is in a restore point: to list an archive is to decrypt all of it, which is done once,
    /// when it is restored.
    static func canLook(_ engine: Engine) -> Bool { engine.primary.spec.kind != "archive" }

    /// The folder of a restore that names none, where nothing but databases is restored, which go from pipe to pipe.
    /// - Returns: one that is not there.
    /// - Throws: ``Failure`` naming what needs a folder; what a plan throws.
    static func folder(
        forDatabases databases: [SourceName: String], of point: RestorePoint, _ only: [SourceName]?
    ) throws(Failure) -> String {
        var options = RestoreOptions(directory: "/")
        (options.only, options.databases) = (only, databases)
        let others = try RestorePlan(point, options).items.filter { $0.database == nil }.map(\.part)
        guard let first = others.first?.title else {
            return FileManager.default.temporaryDirectory.path + "/holdfast-into-" + UUID().uuidString.prefix(8)
        }
        let more = others.count == 1 ? "" : " (and \(others.count - 1) more)"
        let sources = databases.keys.sorted().map(\.rawValue).joined(separator: ",")
        throw Failure(
            "--into makes databases, and \(first)\(more) is none: it needs a folder",
            hint: "name one with --to DIR"
                + (others.allSatisfy { databases[$0.source] != nil }
                    ? "" : ", or choose the databases' sources: --only \(sources)"),
            kind: .usage)
    }
}
