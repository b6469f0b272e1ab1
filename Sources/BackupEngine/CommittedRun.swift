package import BackupModel
package import Foundation

/// A run that wrote its manifest, as far as a repository still holds it.
package struct CommittedRun: Sendable, Equatable, Identifiable {
    package var id: RunID
    /// When the last of its parts was captured; typing this time finds the run.
    package var time: Date
    package var retentionClass: String
    package var machine: String?
    /// Those still there, with the ids that they have in this repository, by source, then part.
    package var parts: [ManifestPart]
    package var gaps: [ManifestGap]
    package var manifestSnapshot: SnapshotID
    /// `nil` while its content has not been read: the parts are then put together from tags, their condition taken to be
    /// clean, their kind and size perhaps unknown, and the gaps unknown.
    package var manifest: Manifest?

    package var isFromTags: Bool { manifest == nil }

    /// Whether a source's parts here are all that the source had then. Otherwise older parts may stand beside them.
    func isComplete(_ source: SourceName) -> Bool {
        guard let manifest, !gaps.contains(where: { $0.source == source }) else { return false }
        let named = Set(manifest.parts.filter { $0.source == source }.map(\.part))
        return named.isSubset(of: parts.filter { $0.source == source }.map(\.part))
    }
}
