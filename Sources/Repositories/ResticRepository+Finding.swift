package import BackupModel
import Programs

extension ResticRepository {
    /// So many snapshots are searched by one start: an argument list has an end.
    private static let searchedAtOnce = 200

    package func find(
        _ pattern: PathPattern, in snapshots: [SnapshotID],
        _ body: @escaping @Sendable (SnapshotID, SnapshotEntry) -> Void
    ) async throws(RepositoryError) {
        // restic's own search compares names; what it makes of these is its own business.
        let name = pattern.lastComponent
        guard !name.contains("\\"), !name.contains("["), !name.hasPrefix("!") else {
            return try await read(pattern, snapshots, body)
        }
        for start in stride(from: 0, to: snapshots.count, by: ResticRepository.searchedAtOnce) {
            let batch = Array(snapshots[start..<min(start + ResticRepository.searchedAtOnce, snapshots.count)])
            let result = try await access.run(
                try await access.restic().find(pattern.lastComponent, in: batch, ignoringCase: pattern.ignoresCase))
            guard result.output.isComplete else {
                // More than is worth keeping: line by line then.
                try await read(pattern, batch, body)
                continue
            }
            do throws(ResticListing.Unreadable) {
                for (snapshot, entries) in try ResticListing.findings(result.output.head + result.output.tail) {
                    for var entry in entries {
                        entry.path = ResticPartName.partPath(entry.path)
                        if pattern.matches(entry.path) { body(snapshot, entry) }
                    }
                }
            } catch {
                throw .noEvidence(location: location, detail: error.description)
            }
        }
    }

    private func read(
        _ pattern: PathPattern, _ snapshots: [SnapshotID],
        _ body: @escaping @Sendable (SnapshotID, SnapshotEntry) -> Void
    ) async throws(RepositoryError) {
        for snapshot in snapshots {
            try await reader(for: snapshot).entries { entry in
                if pattern.matches(entry.path) { body(snapshot, entry) }
            }
        }
    }
}
