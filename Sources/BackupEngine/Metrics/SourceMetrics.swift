import BackupModel
import Foundation

/// What is told of one source: of the newest backup that captured it or tried to.
struct SourceMetrics {
    private let facts: ProfileMetrics.Facts
    private let name: SourceName
    private let labels: [(String, String)]

    /// Beside the conditions of parts: the source was not captured.
    static let missing = "missing"

    init(_ facts: ProfileMetrics.Facts, _ profile: (String, String), _ name: SourceName) {
        self.facts = facts
        self.name = name
        labels = [profile, ("source", name.rawValue)]
    }

    func add(_ standing: Standing, to document: inout MetricsDocument) {
        if let success = standing.lastSuccess {
            document.add(.sourceLastSuccess, success.timeIntervalSince1970, labels)
        }
        document.add(.sourceOverdue, standing.isOverdue(at: facts.now) ? 1 : 0, labels)
        guard let run = facts.runs.first(where: { $0.id == standing.lastRun }) else { return }
        document.add(.sourceLastRun, run.started.timeIntervalSince1970, labels)
        let parts = run.parts.filter { $0.source == name }
        let condition = condition(of: parts, in: run)
        for one in PartCondition.allCases.map(\.rawValue) + [SourceMetrics.missing] {
            document.add(.sourceCondition, one == condition ? 1 : 0, labels + [("condition", one)])
        }
        let step = run.steps.last { $0.step == .capture && $0.subject == name.rawValue }
        if let duration = step?.duration { document.add(.sourceDuration, duration.inSeconds, labels) }
        guard !parts.isEmpty else { return }
        document.add(.sourceReadBytes, Double(parts.reduce(ByteCount.zero) { $0 + $1.bytes }.bytes), labels)
        if let added = step?.addedBytes { document.add(.sourceAddedBytes, Double(added.bytes), labels) }
        document.add(.sourceFiles, Double(parts.compactMap(\.files).reduce(0, +)), labels)
        document.add(.sourceUnreadable, Double(parts.map(\.unreadableCount).reduce(0, +)), labels)
    }

    /// The worst of its parts; missing where the run says that it, or some of it, was not captured.
    private func condition(of parts: [ManifestPart], in run: RunRecord) -> String {
        guard !run.gaps.contains(where: { $0.source == name }), !parts.isEmpty else { return SourceMetrics.missing }
        let found = Set(parts.map(\.condition))
        return (PartCondition.allCases.last { found.contains($0) } ?? .clean).rawValue
    }
}
