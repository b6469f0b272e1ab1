import BackupModel
import Foundation

/// What is odd about a profile and has not been acknowledged, from what is on record.
struct OpenAnomalies: Sendable {
    struct Entry: Sendable, Equatable {
        var source: SourceName
        /// Newest first; of every part the newest only.
        var anomalies: [Anomaly]
        /// The first run that it was seen in, and when that began.
        var run: RunID
        var since: Date
    }

    /// By source, in the order of their names.
    let entries: [Entry]
    /// What began before this is no measure for a source any more.
    let newNormal: [SourceName: Date]

    private static let lookBack = 500

    init(_ profile: ProfileName, _ store: any RunStore) throws(StoreError) {
        self.init(
            runs: try store.runs(RunQuery(profile: profile, operation: .backup, limit: OpenAnomalies.lookBack)),
            acknowledgements: try store.acknowledgements(of: profile))
    }

    /// - Parameters:
    ///   - runs: backups, newest first.
    ///   - acknowledgements: oldest first.
    init(runs: [RunRecord], acknowledgements: [Acknowledgement]) {
        var entries: [SourceName: Entry] = [:]
        var acknowledged: [SourceName: Date] = [:]
        var said: [String: Date] = [:]
        for acknowledgement in acknowledgements { said[acknowledgement.subject] = acknowledgement.at }
        for run in runs {
            for anomaly in run.anomalies ?? [] {
                if let at = said[Acknowledgement.subject(of: anomaly.source)], run.started <= at { continue }
                var entry =
                    entries[anomaly.source]
                    ?? Entry(source: anomaly.source, anomalies: [], run: run.id, since: run.started)
                if !entry.anomalies.contains(where: { $0.part == anomaly.part }) { entry.anomalies.append(anomaly) }
                (entry.run, entry.since) = (run.id, run.started)
                entries[anomaly.source] = entry
            }
        }
        for acknowledgement in acknowledgements where acknowledgement.subject.hasPrefix("source ") {
            let name = SourceName(unchecked: String(acknowledgement.subject.dropFirst("source ".count)))
            acknowledged[name] = acknowledgement.from
        }
        self.entries = entries.values.sorted { $0.source < $1.source }
        newNormal = acknowledged
    }

    /// Why nothing of a source may be removed.
    var frozen: [SourceName: String] {
        Dictionary(
            uniqueKeysWithValues: entries.map { entry in
                let what = entry.anomalies.first.map { "\($0.detail)" } ?? "something odd"
                return (
                    entry.source,
                    "run \(entry.run) found \(what); `holdfast ack \(entry.source)` once that is in order"
                )
            })
    }
}
