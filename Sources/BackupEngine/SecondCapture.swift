import BackupModel
import Foundation

/// Reads sources of a run once more, for followers that take a backup of their own.
struct SecondCapture: SecondReading {
    private let engine: Engine
    private let recorder: RunRecorder
    private let holdings: Holdings
    private let ready: [Preflight.Ready]
    private let manifest: Manifest?
    let run: RunID
    let trees: Set<SnapshotID>
    let bytes: [SnapshotID: ByteCount]

    /// - Parameter ready: what the run captured.
    init(
        _ engine: Engine, _ recorder: RunRecorder, _ holdings: Holdings, _ ready: [Preflight.Ready],
        _ points: RestorePoints
    ) async {
        self.engine = engine
        self.recorder = recorder
        self.holdings = holdings
        self.ready = ready
        let run = await recorder.record.id
        self.run = run
        manifest = points.runs.first { $0.id == run }?.manifest
        let parts = points.runs.filter { !$0.isFromTags }.flatMap(\.parts)
        bytes = Dictionary(parts.map { ($0.snapshot, $0.bytes) }, uniquingKeysWith: { first, _ in first })
        trees = Set(points.runs.flatMap(\.partsReadFromTrees).map(\.snapshot))
    }

    func capture(_ source: SourceName, storing store: PartStore) async throws(SourceError) -> [PartReport] {
        guard let item = ready.first(where: { $0.source.spec.name == source }) else {
            throw .missing("source \(source)", hint: nil)
        }
        return try await item.source.capture(item.context, storing: store)
    }

    func manifest(_ again: [SourceName: [PartReport]]) async throws(RepositoryError) -> String {
        guard var manifest else { throw .unsupported("the manifest of run \(run) cannot be found again") }
        manifest.parts.removeAll { again.keys.contains($0.source) }
        for item in ready {
            manifest.parts += (again[item.source.spec.name] ?? []).map { $0.manifestPart(of: item.source.spec) }
        }
        manifest.parts.sort { ($0.source, $0.part) < ($1.source, $1.part) }
        do {
            // Followers are fed side by side.
            let file = try await holdings.scratch(for: recorder.record) + "/.manifest-\(UUID().uuidString).json"
            try PrivateFile.write(try manifest.json(), to: file)
            return file
        } catch {
            throw .unsupported(RunRecorder.failure(of: error).description)
        }
    }
}

extension CommittedRun {
    /// File trees, and what came along with one from the same source.
    var partsReadFromTrees: [ManifestPart] {
        let sources = Set(parts.filter(\.isTree).map(\.source))
        return parts.filter { sources.contains($0.source) }
    }
}

/// A file that nobody else may read.
enum PrivateFile {
    static func write(_ bytes: [UInt8], to path: String) throws(ScratchError) {
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(bytes), attributes: [.posixPermissions: 0o600])
        else { throw ScratchError(path: path, reason: "the manifest could not be written there") }
    }
}
