/// Every metric there is. The names are part of the program's interface: see docs/metrics.md.
///
/// All are gauges, for what is told is how things stand and not what a process has counted; so one text is right for
/// Prometheus and for OpenMetrics, whose counters are written differently.
/// - Source: https://prometheus.io/docs/practices/naming/, OpenMetrics 1.0.0.
package enum MetricFamily: String, Sendable, CaseIterable {
    case build = "holdfast_build_info"
    case metricsTimestamp = "holdfast_metrics_timestamp_seconds"
    case historyReadable = "holdfast_history_readable"

    case lastRun = "holdfast_last_run_timestamp_seconds"
    case lastSuccess = "holdfast_last_success_timestamp_seconds"
    case outcome = "holdfast_last_run_outcome"
    case duration = "holdfast_last_run_duration_seconds"
    case readBytes = "holdfast_last_run_read_bytes"
    case addedBytes = "holdfast_last_run_added_bytes"
    case files = "holdfast_last_run_files"
    case parts = "holdfast_last_run_parts"
    case toolStarts = "holdfast_last_run_tool_starts"
    case objective = "holdfast_objective_seconds"
    case due = "holdfast_due_timestamp_seconds"
    case overdue = "holdfast_overdue"
    case skippedSince = "holdfast_skipped_since_timestamp_seconds"
    case skipsObjective = "holdfast_skips_objective_seconds"

    case sourceLastRun = "holdfast_source_last_run_timestamp_seconds"
    case sourceLastSuccess = "holdfast_source_last_success_timestamp_seconds"
    case sourceCondition = "holdfast_source_last_run_condition"
    case sourceDuration = "holdfast_source_last_run_duration_seconds"
    case sourceReadBytes = "holdfast_source_last_run_read_bytes"
    case sourceAddedBytes = "holdfast_source_last_run_added_bytes"
    case sourceFiles = "holdfast_source_last_run_files"
    case sourceUnreadable = "holdfast_source_last_run_unreadable_items"
    case sourceOverdue = "holdfast_source_overdue"

    case repositorySize = "holdfast_repository_size_bytes"
    case repositoryFiles = "holdfast_repository_files"
    case restorePoints = "holdfast_repository_restore_points"
    case snapshots = "holdfast_repository_snapshots"
    case newestPoint = "holdfast_repository_newest_restore_point_timestamp_seconds"
    case damaged = "holdfast_repository_damaged"
    case behind = "holdfast_follower_behind_restore_points"

    case restoreTime = "holdfast_drill_restore_seconds"
    case restoreObjective = "holdfast_drill_restore_objective_seconds"
    case restoredAge = "holdfast_drill_data_age_seconds"
    case restoredBytes = "holdfast_drill_restored_bytes"
    case verdict = "holdfast_drill_parts"

    package var name: String { rawValue }

    /// The end of the name, where it is a unit.
    package var unit: String? { ["seconds", "bytes"].first { rawValue.hasSuffix("_\($0)") } }

    package var help: String {
        switch self {
        case .build: "Always 1; the version of the program that wrote these figures."
        case .metricsTimestamp: "When these figures were put together."
        case .historyReadable: "Whether the history could be read; otherwise only the run at hand is told of."
        case .lastRun: "When the newest run of this operation began, however it ended."
        case .lastSuccess:
            "When the newest good run of this operation began: what it holds or proves is as old as that."
        case .outcome: "How the newest run of this operation ended: 1 for the outcome that it had."
        case .duration: "How long the newest run of this operation took."
        case .readBytes: "What the newest run of this operation read."
        case .addedBytes: "What the repository grew by in the newest run, or what went to the follower."
        case .files: "Files that the newest backup captured."
        case .parts: "Parts that the newest backup stored."
        case .toolStarts: "How often the newest run started the repository's tool."
        case .objective: "How old the newest good run may be."
        case .due: "From when on this operation is overdue unless it succeeds before."
        case .overdue: "Whether this operation was overdue when these figures were put together."
        case .skippedSince: "When the first of the runs began that were skipped one after another up to now."
        case .skipsObjective: "How long runs may be skipped one after another."
        case .sourceLastRun: "When the newest backup began that captured this source or tried to."
        case .sourceLastSuccess: "When the newest backup began that captured this source well."
        case .sourceCondition: "What became of this source in the newest backup: 1 for what did."
        case .sourceDuration: "How long the newest capture of this source took."
        case .sourceReadBytes: "What was read of this source by its newest capture."
        case .sourceAddedBytes: "What the repository grew by in the newest capture of this source."
        case .sourceFiles: "Files of this source that its newest capture found."
        case .sourceUnreadable: "Items of this source that could not be read by its newest capture."
        case .sourceOverdue: "Whether this source was overdue when these figures were put together."
        case .repositorySize: "What the repository takes on its disk."
        case .repositoryFiles: "Files that the repository consists of."
        case .restorePoints: "Restore points of this profile in the repository, as it was last seen."
        case .snapshots: "Snapshots in the repository, of whomever, as it was last seen."
        case .newestPoint: "When the newest restore point in the repository was captured."
        case .damaged: "Whether a test found the repository damaged and none has found it whole since."
        case .restoreTime: "How long the newest drill of all sources took to restore and prove them."
        case .restoreObjective: "How long a restore of all sources may take."
        case .restoredAge: "How old the oldest of what the newest drill of all sources restored was when it began."
        case .restoredBytes: "What the newest drill of all sources restored."
        case .verdict: "Parts that the newest drill of all sources restored, by what became of them."
        case .behind: "Restore points of the primary repository that this follower lacks and may still get."
        }
    }
}
