import BackupModel

/// Figures of the newest drill of all sources that came to its end.
struct DrillMetrics {
    private let facts: ProfileMetrics.Facts
    private let profile: (String, String)

    init(_ facts: ProfileMetrics.Facts, _ profile: (String, String)) {
        self.facts = facts
        self.profile = profile
    }

    func add(to document: inout MetricsDocument) {
        if let objective = facts.profile.objectives.restoreTime {
            document.add(.restoreObjective, objective.inSeconds, profile)
        }
        let newest = facts.runs.first { run in
            run.outcome != nil && run.sources == nil && run.drill.map { $0.isComplete && !$0.parts.isEmpty } == true
        }
        guard let run = newest, let drill = run.drill else { return }
        let labels = [profile, ("repository", drill.repository.rawValue)]
        document.add(.restoreTime, drill.restoreTime.inSeconds, labels)
        if let age = drill.dataAge(at: run.started) { document.add(.restoredAge, age.inSeconds, labels) }
        document.add(.restoredBytes, Double(drill.bytes.bytes), labels)
        for verdict in DrillRecord.Verdict.allCases {
            document.add(
                .verdict, Double(drill.parts.count { $0.verdict == verdict }), labels + [("verdict", verdict.rawValue)])
        }
    }
}
