import BackupModel

/// Fed by backups of its own: files are read once more, everything else is read from the primary and stored anew. It shares
/// nothing with the primary, neither its way of cutting files nor its damage, and no program needs both passwords or both
/// accounts at once.
///
/// A run that it missed and that holds files stays missed: what they were then is nowhere to be read again. The next run
/// brings what they are.
struct BackupFollower: Follower {
    let spec: RepositorySpec
    let follow: FollowSpec
    private let source: any Repository
    private let target: any Repository

    init(_ spec: RepositorySpec, _ follow: FollowSpec, from source: any Repository, to target: any Repository) {
        self.spec = spec
        self.follow = follow
        self.source = source
        self.target = target
    }

    var location: String { target.location }
    var repository: (any Repository)? { target }

    func feed(
        _ wanted: [Snapshot], reading again: any SecondReading,
        progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(RepositoryError) -> FeedReport {
        let before = Set(wanted.ids(in: try await target.snapshots()))
        var feed = Feed(
            source: source, target: target, again: again, progress: progress,
            report: FeedReport(present: before, foundBefore: before, delivered: 0))
        feed.report.tool = try await target.toolVersion()
        for run in wanted.byRun {
            let missing = run.snapshots.filter { !before.contains($0.id) }
            guard !missing.isEmpty else { continue }
            if !run.snapshots.contains(where: { again.trees.contains($0.id) }) {
                for snapshot in missing { try await feed.copy(snapshot) }
            } else if run.id == again.run {
                try await feed.takeAgain(run.snapshots, missing)
            }
        }
        guard feed.report.delivered > 0 else { return feed.report }
        feed.report.present = Set(wanted.ids(in: try await target.snapshots()))
        let lost = feed.stored.subtracting(feed.report.present)
        guard lost.isEmpty else {
            throw .noEvidence(
                location: location,
                detail: "\(lost.count) of \(feed.stored.count) snapshots were stored there and are not to be seen")
        }
        return feed.report
    }

    /// One feed under way.
    private struct Feed {
        let source: any Repository
        let target: any Repository
        let again: any SecondReading
        let progress: @Sendable (TransferProgress) -> Void
        var report: FeedReport
        /// By their ids in the primary.
        var stored: Set<SnapshotID> = []

        /// From one repository through a pipe into the other.
        mutating func copy(_ snapshot: Snapshot) async throws(RepositoryError) {
            guard let stamp = snapshot.stamp else { return }
            let path = stamp.part ?? PartPath(rawValue: Manifest.fileName)
            let stages = try await source.reader(for: snapshot.id).dump(path: path)
            guard let content = stages.first, stages.count == 1 else {
                throw .unsupported("a \(source.spec.kind) repository cannot be read into another one by a pipe yet")
            }
            note(
                try await target.store(
                    // What the kernel counts of restic is a few bytes more: it also wakes itself by writing.
                    CapturedPart(
                        path: path, content: .stream(content), bytesAreExact: false, bytes: again.bytes[snapshot.id],
                        capturedAt: snapshot.time),
                    as: stamp.standing(for: snapshot.id), progress: progress))
            stored.insert(snapshot.id)
        }

        /// The run at hand: trees are read again, and its manifest tells what was found this time.
        mutating func takeAgain(_ run: [Snapshot], _ missing: [Snapshot]) async throws(RepositoryError) {
            var reports: [SourceName: [PartReport]] = [:]
            let trees = run.filter { again.trees.contains($0.id) }
            for name in Set(trees.compactMap { $0.stamp?.source }).sorted() {
                reports[name] = try await capture(name, standingFor: trees.filter { $0.stamp?.source == name })
            }
            for snapshot in missing where snapshot.stamp?.content == .part && !again.trees.contains(snapshot.id) {
                try await copy(snapshot)
            }
            guard let manifest = missing.first(where: { $0.stamp?.content == .manifest }), let stamp = manifest.stamp
            else { return }
            let file = try await again.manifest(reports)
            note(
                try await target.store(
                    CapturedPart(
                        path: PartPath(rawValue: Manifest.fileName), content: .file(file), capturedAt: manifest.time),
                    as: stamp.standing(for: manifest.id), progress: progress))
            stored.insert(manifest.id)
        }

        private mutating func capture(
            _ name: SourceName, standingFor trees: [Snapshot]
        ) async throws(RepositoryError) -> [PartReport] {
            guard let stamp = trees.first?.stamp else { return [] }
            let (target, progress) = (target, progress)
            let reports: [PartReport]
            do throws(SourceError) {
                reports = try await again.capture(name) { part async throws(RepositoryError) in
                    var stamp = stamp
                    stamp.part = part.path
                    stamp.standsFor = trees.first { $0.stamp?.part == part.path }?.id
                    return try await target.store(part, as: stamp, progress: progress)
                }
            } catch {
                switch error {
                case .repository(let error): throw error
                case .tool(let error): throw .tool(error)
                case .cancelled: throw .cancelled
                default: throw .sourceUnreadable(detail: "\(name), read once more: \(error.description)")
                }
            }
            for report in reports { note(report.stored) }
            stored.formUnion(trees.filter { tree in reports.contains { $0.path == tree.stamp?.part } }.map(\.id))
            if let poor = reports.first(where: { !$0.condition.isGood }) {
                self.report.failure = Failure(
                    "\(poor.path.title(in: name)), read once more for it, is \(poor.condition.rawValue) there",
                    hint: poor.stored.unreadable.first.map { "\($0.path): \($0.reason)" })
            }
            return reports
        }

        private mutating func note(_ part: StoredPart) {
            report.delivered += 1
            if let added = part.addedBytes { report.bytes = (report.bytes ?? .zero) + added }
            report.usage.merge(part.usage) { $0.adding($1) }
        }
    }
}

extension [Snapshot] {
    /// Those of them that a repository has, by their own ids: as copies, or with others that stand for them.
    func ids(in there: [Snapshot]) -> [SnapshotID] {
        let known = Set(there.map { $0.original ?? $0.id })
        // One that was tagged anew in the primary is known elsewhere by the id it had first.
        return filter { known.contains($0.id) || $0.original.map(known.contains) == true }.map(\.id)
    }

    /// In their order; those that are not ours are left out.
    fileprivate var byRun: [(id: RunID, snapshots: [Snapshot])] {
        var runs: [(id: RunID, snapshots: [Snapshot])] = []
        for snapshot in self {
            guard let run = snapshot.stamp?.run else { continue }
            if runs.last?.id == run {
                runs[runs.count - 1].snapshots.append(snapshot)
            } else {
                runs.append((run, [snapshot]))
            }
        }
        return runs
    }
}

extension SnapshotStamp {
    fileprivate func standing(for id: SnapshotID) -> SnapshotStamp {
        var copy = self
        copy.standsFor = id
        return copy
    }
}
