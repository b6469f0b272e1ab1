package import BackupModel
import Programs
import Synchronization

extension ResticRepository {
    package func reader(for snapshot: SnapshotID) -> any PartReader { ResticReader(access: access, snapshot: snapshot) }

    package func reader(for part: ManifestPart) -> any PartReader {
        if let path = part.storedPath {
            access.rememberStoredFlat(part.snapshot, ResticPartName.partPath(path) != path)
        }
        return reader(for: part.snapshot)
    }
}

/// Reads one snapshot of a restic repository, never through the cache: what a restore or a drill proves must be true of the
/// repository itself.
struct ResticReader: PartReader {
    let access: ResticAccess
    let snapshot: SnapshotID

    func dump(path: PartPath) async throws(RepositoryError) -> [ToolCommand] {
        let command = try await access.restic().uncached.dump(snapshot, path: try await storedPath(path.rawValue))
        // Whoever takes the command starts it, once.
        access.countStart()
        return [command]
    }

    func content(of path: PartPath, limit: ByteCount) async throws(RepositoryError) -> [UInt8] {
        var command = try await access.restic().uncached.dump(snapshot, path: try await storedPath(path.rawValue))
        command.keptOutput = max(limit, .kibibytes(64))
        let output = try await access.run(command).output
        guard output.totalBytes <= limit, output.isComplete else {
            throw .unsupported("\(path) of snapshot \(snapshot) is larger than \(limit)")
        }
        return output.head + output.tail
    }

    func entries(_ body: @escaping @Sendable (SnapshotEntry) -> Void) async throws(RepositoryError) {
        try await storedEntries { entry in
            var entry = entry
            entry.path = ResticPartName.partPath(entry.path)
            body(entry)
        }
    }

    /// Entries under the names that they have in the snapshot.
    private func storedEntries(_ body: @escaping @Sendable (SnapshotEntry) -> Void) async throws(RepositoryError) {
        let reader = EntryReader(body)
        _ = try await access.run(try await access.restic().uncached.entries(of: snapshot), reading: reader)
        let seen = reader.seen
        // 0.14 ends well over a snapshot that does not exist, and prints nothing.
        guard seen.other > 0 else { throw .notFound(what: "snapshot \(snapshot)") }
        guard seen.unreadable == 0 else {
            throw .noEvidence(
                location: access.location,
                detail: "\(seen.unreadable) lines of the listing of \(snapshot) are unreadable")
        }
    }

    /// The name of a part's file in this snapshot, which depends on the version that stored it.
    func storedPath(_ path: String) async throws(RepositoryError) -> String {
        guard ResticPartName.isNested(path) else { return path }
        if let known = access.isStoredFlat(snapshot) { return known ? ResticPartName.flat(path) : path }
        let isFlat = Mutex(false)
        try await storedEntries { entry in
            if ResticPartName.partPath(entry.path) != entry.path { isFlat.withLock { $0 = true } }
        }
        let found = isFlat.withLock { $0 }
        access.rememberStoredFlat(snapshot, found)
        return found ? ResticPartName.flat(path) : path
    }

    func extract(
        include: [String], into directory: String, exact: Bool,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> ExtractReport {
        let restic = try await access.restic().uncached
        guard !exact || restic.version.canDeleteOnRestore else {
            throw .toolTooOld(
                tool: "restic", version: restic.version.description,
                needed: "0.17.0, to remove what is not in the snapshot,")
        }
        guard directory.hasPrefix("/"), directory.contains(where: { $0 != "/" }) else {
            throw .unsupported("a restore needs a folder of its own, not `\(directory)`")
        }
        var stored: [String] = []
        for path in include { stored.append(try await storedPath(path)) }
        let target = RestoreTarget(directory: directory, include: stored)
        try await refuseLinks(in: target)
        let reader = ResticOutputReader(progress: progress)
        let result = try await access.attempt(
            restic.restore(
                snapshot, into: directory, include: target.patterns, deleting: exact, locking: access.canLock),
            reading: reader)
        let failed = ResticDiagnostics(result.errors.text).items
        if !result.didItsWork {
            if RestorePlace.isFull(result.errors.text) {
                throw RestorePlace.full(directory + "/", failed.first?.reason ?? "", access.services.host)
            }
            let failure = access.failure(of: result)
            if case .damaged = failure { throw failure }
            // Single files that could not be written are told one by one; anything else failed as a whole.
            guard !failed.isEmpty, result.stopped == nil else { throw failure }
        }
        return try await compare(target, failed: failed, summary: reader.restoreSummary)
    }

    /// Looks at every file that the snapshot has: exit codes and restic's own counts do not see a file that was never chosen.
    private func compare(
        _ target: RestoreTarget, failed: [UnreadableItem], summary: ResticRestoreSummary?
    ) async throws(RepositoryError) -> ExtractReport {
        let tally = Mutex(RestoreTarget.Tally(failed: failed))
        try await storedEntries { entry in
            guard target.covers(entry.path) else { return }
            tally.withLock { target.compare(entry, &$0) }
        }
        var found = tally.withLock { $0 }
        for path in target.patterns where !found.reached.contains(path) {
            throw .notFound(what: "\(path) of snapshot \(snapshot)")
        }
        if let summary, !summary.isComplete, found.errors.isEmpty {
            found.errors.append(
                "restic restored \(summary.restoredFiles + summary.skippedFiles) of \(summary.totalFiles) items")
        }
        for path in found.flat { try target.unflatten(path) }
        return ExtractReport(files: found.files, bytes: ByteCount(found.bytes), errors: found.errors)
    }

    /// A link where the snapshot has a folder would lead a restore out of its place.
    private func refuseLinks(in target: RestoreTarget) async throws(RepositoryError) {
        guard try target.isOccupied() else { return }
        let links = Mutex<[String]>([])
        try await storedEntries { entry in
            guard entry.type == .directory, target.leadsToCovered(entry.path), target.isLink(entry.path) else { return }
            links.withLock { $0.append(entry.path) }
        }
        if let link = links.withLock({ $0.first }) {
            throw .unsupported(
                "\(target.directory)\(link) is a symbolic link where the snapshot has a folder; nothing was restored")
        }
    }
}

/// Takes the lines of a listing.
private final class EntryReader: LineReader {
    struct Seen {
        var other = 0
        var unreadable = 0
    }

    private let counts = Mutex(Seen())
    private let body: @Sendable (SnapshotEntry) -> Void

    init(_ body: @escaping @Sendable (SnapshotEntry) -> Void) { self.body = body }

    var seen: Seen { counts.withLock { $0 } }

    func read(line bytes: UnsafeRawBufferPointer) {
        switch ResticEntryScanner.scan(bytes) {
        case .entry(let entry): body(entry)
        case .other: counts.withLock { $0.other += 1 }
        case .unreadable: counts.withLock { $0.unreadable += 1 }
        }
    }
}
