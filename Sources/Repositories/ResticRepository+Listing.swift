package import BackupModel
import Programs

extension ResticRepository {
    package func snapshotIDsOnDisk() throws(RepositoryError) -> Set<SnapshotID>? { try access.folder?.snapshotIDs() }

    package func snapshots() async throws(RepositoryError) -> [Snapshot] {
        // A snapshot file that restic cannot read is left out of its list with exit code 0: hence the comparison.
        let before = try access.folder?.snapshotIDs()
        if before?.isEmpty == true { return [] }
        let restic = try await access.restic()
        // A cached copy would hide a snapshot that is damaged; far away, the copy saves a request for each.
        let result = try await access.run(access.folder == nil ? restic.snapshots() : restic.uncached.snapshots())
        guard result.output.isComplete else {
            throw .unsupported("the list of snapshots is longer than \(result.command.keptOutput)")
        }
        var snapshots: [Snapshot]
        do throws(ResticListing.Unreadable) {
            snapshots = try ResticListing.snapshots(result.output.head + result.output.tail)
        } catch {
            throw .damaged(location: location, detail: error.description)
        }
        if let before, let after = try access.folder?.snapshotIDs() {
            let unlisted = before.intersection(after).subtracting(snapshots.map(\.id))
            if let lost = unlisted.min() {
                throw .damaged(
                    location: location,
                    detail: "\(unlisted.count) of its snapshots cannot be read, snapshots/\(lost.rawValue) among them")
            }
        }
        for index in snapshots.indices {
            let paths = snapshots[index].paths.map(ResticPartName.partPath)
            access.rememberStoredFlat(snapshots[index].id, paths != snapshots[index].paths)
            snapshots[index].paths = paths
        }
        return snapshots
    }

    /// - Important: drops snapshots. Only whole ids are taken, so that nothing else can be meant.
    package func forget(_ ids: [SnapshotID]) async throws(RepositoryError) -> ForgetReport {
        if let bad = ids.first(where: { !ResticListing.isID($0.rawValue) }) {
            throw .notFound(what: "`\(bad.rawValue)` is no whole snapshot id; it")
        }
        let wanted = try await present(ids)
        if !wanted.isEmpty { try access.folder?.requireWritable() }
        var failure: RepositoryError?
        let restic = try await access.restic()
        // Argument lists have an end; a few hundred ids are far from it.
        for start in stride(from: 0, to: wanted.count, by: 500) where failure == nil {
            do throws(RepositoryError) {
                _ = try await access.run(restic.forget(Array(wanted[start..<min(start + 500, wanted.count)])))
            } catch {
                failure = error
            }
        }
        // Exit codes lie here: 0.18.0 ends with 0 although every removal was refused.
        let remaining = wanted.isEmpty ? [] : try await present(wanted)
        if let failure, !remaining.isEmpty { throw failure }
        return ForgetReport(removed: ids.filter { !remaining.contains($0) }, remaining: remaining)
    }

    /// Those of `ids` that are in the repository.
    private func present(_ ids: [SnapshotID]) async throws(RepositoryError) -> [SnapshotID] {
        if let onDisk = try access.folder?.snapshotIDs() { return ids.filter(onDisk.contains) }
        let listed = try await access.run(try await access.restic().list(.snapshots))
        let known = Set(ResticListing.ids(listed.output.text))
        return ids.filter { known.contains($0.rawValue) }
    }

    /// - Important: deletes data that no snapshot needs.
    package func prune(dryRun: Bool) async throws(RepositoryError) -> [String] {
        // For a dry run too: every version of restic locks for it, and tries to for 15 minutes.
        try access.folder?.requireWritable()
        let result = try await access.run(try await access.restic().prune(dryRun: dryRun))
        let said = ResticDiagnostics(result.errors.text)
        // Refused removals too end with exit code 0.
        switch ResticFailure(exitCode: 0, said, now: access.services.clock.now) {
        case .denied: throw .denied(location: location, detail: said.telling)
        case .readOnly: throw .readOnly(location: location, detail: said.telling)
        default: break
        }
        return result.output.text.split(whereSeparator: \.isNewline).map(String.init).filter { line in
            ["to repack", "this removes", "to delete", "total prune", "remaining", "unused size", "removing"]
                .contains { line.hasPrefix($0) }
        }
    }
}
