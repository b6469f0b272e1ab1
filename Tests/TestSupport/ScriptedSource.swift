package import BackupModel
import Foundation

/// A source that does what a test says.
package struct ScriptedSource: DumpSource {
    package typealias Capture =
        @Sendable (CaptureContext, PartStore) async throws(SourceError) -> [PartReport]
    package typealias Restore =
        @Sendable (RestoreRequest, CaptureContext) async throws(SourceError) -> RestoreReport

    package var spec: SourceSpec
    package var preview = SourcePreview(summary: "scripted", parts: [PartPath(rawValue: "/data")])
    package var preflightFailure: SourceError?
    package var capturing: Capture
    package var restoring: Restore = ScriptedSource.writeOneFile
    package var placing: @Sendable (ManifestPart) throws(SourceError) -> LivePlace = { _ in .nowhere("a test says so") }
    package var server: (any DatabaseServer)?
    package var usedBy: String?
    /// Whether a database can be brought into its one file; does it.
    package var closing: @Sendable (String) -> Bool = { _ in false }

    package init(_ name: String, kind: String = "scripted", capturing: @escaping Capture = ScriptedSource.onePart) {
        let nowhere = SourceLocation(file: "", line: 1, column: 1)
        spec = SourceSpec(name: SourceName(unchecked: name), kind: kind, entry: ConfigValue(.map([]), at: nowhere))
        self.capturing = capturing
    }

    /// One clean part, `/data`.
    package static let onePart: Capture = { context, store throws(SourceError) in
        [try await part("/data", store)]
    }

    package static func part(
        _ path: String, _ store: PartStore, condition: PartCondition = .clean
    ) async throws(SourceError) -> PartReport {
        do throws(RepositoryError) {
            let part = CapturedPart(path: PartPath(rawValue: path), content: .stream(ToolCommand("dump", [path])))
            let stored = try await store(part)
            return PartReport(path: part.path, stored: stored, condition: condition, facts: Facts())
        } catch {
            throw error.isCancelled ? .cancelled : .repository(error)
        }
    }

    /// One file `restored` in the folder that was asked for.
    package static let writeOneFile: Restore = { request, _ throws(SourceError) in
        let path = request.directory + "/restored"
        guard FileManager.default.createFile(atPath: path, contents: Data("x".utf8)) else {
            throw .unreadable(path, reason: "it could not be written")
        }
        return RestoreReport(place: path, bytes: 1, files: 1, proofs: ["1 file"])
    }

    package func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview {
        if let preflightFailure { throw preflightFailure }
        return preview
    }

    package func capture(_ context: CaptureContext, storing store: PartStore) async throws(SourceError) -> [PartReport]
    {
        try await capturing(context, store)
    }

    package func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace { try placing(part) }
    package func users(of part: ManifestPart) async throws(SourceError) -> String? { usedBy }
    package func closeFile(at path: String) async throws(SourceError) -> Bool { closing(path) }
    package func databaseServer(_ context: CaptureContext) async throws(SourceError) -> (any DatabaseServer)? { server }

    package func restore(_ request: RestoreRequest, _ context: CaptureContext) async throws(SourceError)
        -> RestoreReport
    { try await restoring(request, context) }
}

extension RepositoryError {
    fileprivate var isCancelled: Bool { if case .cancelled = self { true } else { false } }
}
