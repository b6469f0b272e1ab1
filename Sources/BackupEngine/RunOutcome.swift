import BackupModel

extension Outcome {
    /// What captured parts and gaps make of a backup.
    init(parts: [ManifestPart], gaps: [ManifestGap]) {
        var outcomes: [Outcome] = gaps.isEmpty ? [] : [.failed]
        for part in parts {
            switch part.condition {
            case .clean, .tolerated: outcomes.append(.succeeded)
            case .partial: outcomes.append(.partial)
            case .damaged: outcomes.append(.failed)
            }
        }
        self = Outcome.worst(of: outcomes)
    }
}

extension Manifest {
    /// What the run that wrote it failed at, as far as its manifest tells.
    var failures: [Failure] {
        gaps.map { Failure("\($0.source): \($0.cause)") }
            + parts.filter { $0.condition == .damaged }.map(Failure.init(damaged:))
    }
}

extension Failure {
    init(damaged part: ManifestPart) {
        self.init(
            "\(part.title): the source is damaged; what could be read was stored and does not count as a "
                + "good backup",
            hint: "repair the source, or restore it from an earlier backup; those are kept")
    }
}

extension RunRecord {
    /// Whether what this backup stored became a restore point: its manifest is in the repository.
    package var isCommitted: Bool {
        isRebuilt || steps.contains { $0.step == .manifest && $0.outcome == .succeeded }
    }

    /// Whether all that this backup was to capture can be restored from it.
    package var isGoodBackup: Bool {
        switch outcome {
        case .succeeded, .degraded: true
        case .failed: isCommitted && gaps.isEmpty && parts.allSatisfy(\.condition.isGood)
        case .partial, .interrupted, .skipped, nil: false
        }
    }
}
