package import BackupModel
import Foundation

/// Puts together the state as of a run or a time.
///
/// Each source contributes the parts of the newest run that captured it, whatever the class of that run: a state is what
/// was there, not why it was taken. Where that run did not get all of the source, older parts stand beside the new ones.
/// A damaged part gives way to the newest good one, where there is one, and the entry says so. A partial one does not:
/// what it lacks is usually less than what a whole run back would lack, and its entry says that it is partial.
extension RestorePoints {
    /// One per committed run, newest first.
    package var all: [RestorePoint] {
        var state = RestoreState()
        return history.compactMap { run in
            state.add(run)
            return run.parts.isEmpty ? nil : state.point(run: run, time: run.time, host: host)
        }.reversed()
    }

    package func point(of run: RunID) -> RestorePoint? {
        guard let wanted = runs.first(where: { $0.id == run }) else { return nil }
        var state = RestoreState()
        for run in history {
            state.add(run)
            if run.id == wanted.id { break }
        }
        return state.point(run: wanted, time: wanted.time, host: host)
    }

    /// The state of what had been captured before `end`; `nil` when that is nothing.
    ///
    /// - Parameter time: of what was asked. The point is said to be of the newest run in it, should that be earlier: nothing in it is
    ///   younger, and ages count from there.
    func point(before end: Date, time: Date) -> RestorePoint? {
        var state = RestoreState()
        var newest: CommittedRun?
        for run in history {
            state.add(run, before: end)
            if run.parts.contains(where: { $0.capturedAt < end }) { newest = run }
        }
        return newest.map { state.point(run: $0, time: min(time, $0.time), host: host, before: end) }
    }

    /// Every run that has a manifest, oldest first: one of which nothing is left still says what there once was.
    private var history: [CommittedRun] { (runs + emptyRuns).sorted { ($0.time, $0.id) < ($1.time, $1.id) } }

    /// The state as of the run that `snapshot` belongs to, with this very snapshot for its part, whatever its condition.
    func point(with snapshot: SnapshotID) -> RestorePoint? {
        guard let run = runs.first(where: { $0.parts.contains { $0.snapshot == snapshot } }),
            let part = run.parts.first(where: { $0.snapshot == snapshot }), var point = point(of: run.id)
        else { return nil }
        let entry = RestoreState.Held(run: run.id, part: part).entry(at: run.time)
        for index in point.entries.indices
        where point.entries[index].part.source == part.source && point.entries[index].part.part == part.part {
            point.entries[index] = entry
        }
        point.named = part
        return point
    }
}

extension RestorePoint {
    /// A snapshot that is not of this profile and host, as a point of its own: it can be restored as the files that it
    /// holds, and nothing more is known of it.
    init(outside snapshot: Snapshot) {
        let stamp = snapshot.stamp
        let digits = UInt32(snapshot.id.rawValue.prefix(6), radix: 16) ?? 0
        let run = stamp?.run ?? RunID(startedAt: snapshot.time, entropy: digits)
        let part = ManifestPart(
            source: stamp?.source ?? SourceName(unchecked: "snapshot-\(snapshot.id.short)"), sourceKind: "files",
            part: stamp?.part ?? PartPath(rawValue: "/"), snapshot: snapshot.id, capturedAt: snapshot.time,
            condition: .clean, bytes: snapshot.bytes ?? .zero, files: snapshot.files, facts: Facts())
        let origin = stamp.map { "of profile \($0.profile) on host \($0.host)" } ?? "of another program"
        self.init(
            run: run, time: snapshot.time, host: snapshot.host,
            retentionClass: stamp?.retentionClass ?? SnapshotStamp.regularClass,
            entries: [Entry(run: run, part: part, age: .zero, notice: "\(origin); nothing more is known of it")],
            gaps: [])
    }
}

/// The newest of every part while runs are gone through, oldest first.
private struct RestoreState {
    struct Held {
        var run: RunID
        var part: ManifestPart
        /// The damaged one that this stands in for.
        var insteadOf: RunID?

        func entry(at time: Date) -> RestorePoint.Entry {
            RestorePoint.Entry(
                run: run, part: part,
                age: .milliseconds(Int64((max(0, time.timeIntervalSince(part.capturedAt)) * 1000).rounded())),
                notice: notice)
        }

        private var notice: String? {
            if let insteadOf { return "the one of run \(insteadOf) is damaged; this is the newest good one" }
            return switch part.condition {
            case .clean, .tolerated: nil
            case .partial: "partial: \(part.unreadableCount) could not be read"
            case .damaged: "damaged, and there is no older good one"
            }
        }
    }

    private var newest: [SourceName: [PartPath: Held]] = [:]
    private var good: [SourceName: [PartPath: Held]] = [:]

    /// The run that last stored anything of a source, whether or not that is still there.
    private var stored: [SourceName: RunID] = [:]

    mutating func add(_ run: CommittedRun, before end: Date = .distantFuture) {
        for part in run.manifest?.parts ?? [] where part.capturedAt < end { stored[part.source] = run.id }
        let parts = run.parts.filter { $0.capturedAt < end }
        for (source, parts) in Dictionary(grouping: parts, by: \.source) {
            let isWhole = run.isComplete(source) && parts.count == run.parts.count { $0.source == source }
            if isWhole { newest[source] = [:] }
            for part in parts {
                var held = Held(run: run.id, part: part)
                if part.condition == .damaged, let older = good[source]?[part.part] {
                    held = Held(run: older.run, part: older.part, insteadOf: run.id)
                }
                if part.condition.isGood { good[source, default: [:]][part.part] = held }
                newest[source, default: [:]][part.part] = held
            }
        }
    }

    func point(
        run: CommittedRun, time: Date, host: String, before end: Date = .distantFuture
    ) -> RestorePoint {
        let held = newest.values.flatMap(\.values)
            .sorted { ($0.part.source, $0.part.part) < ($1.part.source, $1.part.part) }
        return RestorePoint(
            run: run.id, time: time, host: host, retentionClass: run.retentionClass,
            entries: held.map { $0.entry(at: time) }, gaps: run.gaps,
            removed: (run.manifest?.parts ?? []).filter {
                $0.capturedAt < end && newest[$0.source]?[$0.part] == nil
            },
            lost: stored.filter { newest[$0.key] == nil }, notDue: run.manifest?.notDue ?? [])
    }
}
