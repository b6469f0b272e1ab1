/// What a profile with two sources and a follower is told of, without the lines for help.
enum MetricsGolden {
    static let text = """
        # TYPE holdfast_build_info gauge
        holdfast_build_info{profile="home",version="9.9"} 1
        # TYPE holdfast_metrics_timestamp_seconds gauge
        # UNIT holdfast_metrics_timestamp_seconds seconds
        holdfast_metrics_timestamp_seconds{profile="home"} 1795262400
        # TYPE holdfast_history_readable gauge
        holdfast_history_readable{profile="home"} 1
        # TYPE holdfast_last_run_timestamp_seconds gauge
        # UNIT holdfast_last_run_timestamp_seconds seconds
        holdfast_last_run_timestamp_seconds{profile="home",operation="backup",repository="local"} 1795226400
        holdfast_last_run_timestamp_seconds{profile="home",operation="offsite",repository="nas"} 1795226400
        holdfast_last_run_timestamp_seconds{profile="home",operation="verify",repository="local"} 1795233600
        holdfast_last_run_timestamp_seconds{profile="home",operation="prune",repository="local"} 1795226400
        # TYPE holdfast_last_success_timestamp_seconds gauge
        # UNIT holdfast_last_success_timestamp_seconds seconds
        holdfast_last_success_timestamp_seconds{profile="home",operation="backup",repository="local"} 1795140000
        holdfast_last_success_timestamp_seconds{profile="home",operation="offsite",repository="nas"} 1795140000
        holdfast_last_success_timestamp_seconds{profile="home",operation="verify",repository="local"} 1795233600
        holdfast_last_success_timestamp_seconds{profile="home",operation="prune",repository="local"} 1795226400
        # TYPE holdfast_last_run_outcome gauge
        holdfast_last_run_outcome{profile="home",operation="backup",repository="local",outcome="succeeded"} 0
        holdfast_last_run_outcome{profile="home",operation="backup",repository="local",outcome="skipped"} 0
        holdfast_last_run_outcome{profile="home",operation="backup",repository="local",outcome="degraded"} 0
        holdfast_last_run_outcome{profile="home",operation="backup",repository="local",outcome="partial"} 1
        holdfast_last_run_outcome{profile="home",operation="backup",repository="local",outcome="interrupted"} 0
        holdfast_last_run_outcome{profile="home",operation="backup",repository="local",outcome="failed"} 0
        holdfast_last_run_outcome{profile="home",operation="offsite",repository="nas",outcome="succeeded"} 0
        holdfast_last_run_outcome{profile="home",operation="offsite",repository="nas",outcome="skipped"} 0
        holdfast_last_run_outcome{profile="home",operation="offsite",repository="nas",outcome="degraded"} 1
        holdfast_last_run_outcome{profile="home",operation="offsite",repository="nas",outcome="partial"} 0
        holdfast_last_run_outcome{profile="home",operation="offsite",repository="nas",outcome="interrupted"} 0
        holdfast_last_run_outcome{profile="home",operation="offsite",repository="nas",outcome="failed"} 0
        holdfast_last_run_outcome{profile="home",operation="verify",repository="local",outcome="succeeded"} 1
        holdfast_last_run_outcome{profile="home",operation="verify",repository="local",outcome="skipped"} 0
        holdfast_last_run_outcome{profile="home",operation="verify",repository="local",outcome="degraded"} 0
        holdfast_last_run_outcome{profile="home",operation="verify",repository="local",outcome="partial"} 0
        holdfast_last_run_outcome{profile="home",operation="verify",repository="local",outcome="interrupted"} 0
        holdfast_last_run_outcome{profile="home",operation="verify",repository="local",outcome="failed"} 0
        holdfast_last_run_outcome{profile="home",operation="prune",repository="local",outcome="succeeded"} 1
        holdfast_last_run_outcome{profile="home",operation="prune",repository="local",outcome="skipped"} 0
        holdfast_last_run_outcome{profile="home",operation="prune",repository="local",outcome="degraded"} 0
        holdfast_last_run_outcome{profile="home",operation="prune",repository="local",outcome="partial"} 0
        holdfast_last_run_outcome{profile="home",operation="prune",repository="local",outcome="interrupted"} 0
        holdfast_last_run_outcome{profile="home",operation="prune",repository="local",outcome="failed"} 0
        # TYPE holdfast_last_run_duration_seconds gauge
        # UNIT holdfast_last_run_duration_seconds seconds
        holdfast_last_run_duration_seconds{profile="home",operation="backup",repository="local"} 90.5
        holdfast_last_run_duration_seconds{profile="home",operation="offsite",repository="nas"} 30
        holdfast_last_run_duration_seconds{profile="home",operation="verify",repository="local"} 90.5
        holdfast_last_run_duration_seconds{profile="home",operation="prune",repository="local"} 2
        # TYPE holdfast_last_run_read_bytes gauge
        # UNIT holdfast_last_run_read_bytes bytes
        holdfast_last_run_read_bytes{profile="home",operation="backup",repository="local"} 6000
        # TYPE holdfast_last_run_added_bytes gauge
        # UNIT holdfast_last_run_added_bytes bytes
        holdfast_last_run_added_bytes{profile="home",operation="backup",repository="local"} 111
        holdfast_last_run_added_bytes{profile="home",operation="offsite",repository="nas"} 55
        # TYPE holdfast_last_run_files gauge
        holdfast_last_run_files{profile="home",operation="backup",repository="local"} 14
        # TYPE holdfast_last_run_parts gauge
        holdfast_last_run_parts{profile="home",operation="backup",repository="local"} 2
        # TYPE holdfast_last_run_tool_starts gauge
        holdfast_last_run_tool_starts{profile="home",operation="backup",repository="local"} 4
        holdfast_last_run_tool_starts{profile="home",operation="verify",repository="local"} 4
        # TYPE holdfast_objective_seconds gauge
        # UNIT holdfast_objective_seconds seconds
        holdfast_objective_seconds{profile="home",operation="backup",repository="local"} 93600
        holdfast_objective_seconds{profile="home",operation="verify",repository="local"} 691200
        # TYPE holdfast_due_timestamp_seconds gauge
        # UNIT holdfast_due_timestamp_seconds seconds
        holdfast_due_timestamp_seconds{profile="home",operation="backup",repository="local"} 1795233600
        holdfast_due_timestamp_seconds{profile="home",operation="verify",repository="local"} 1795924800
        # TYPE holdfast_overdue gauge
        holdfast_overdue{profile="home",operation="backup",repository="local"} 1
        holdfast_overdue{profile="home",operation="offsite",repository="nas"} 0
        holdfast_overdue{profile="home",operation="verify",repository="local"} 0
        holdfast_overdue{profile="home",operation="prune",repository="local"} 0
        # TYPE holdfast_skips_objective_seconds gauge
        # UNIT holdfast_skips_objective_seconds seconds
        holdfast_skips_objective_seconds{profile="home"} 604800
        # TYPE holdfast_source_last_run_timestamp_seconds gauge
        # UNIT holdfast_source_last_run_timestamp_seconds seconds
        holdfast_source_last_run_timestamp_seconds{profile="home",source="db"} 1795226400
        holdfast_source_last_run_timestamp_seconds{profile="home",source="uploads"} 1795226400
        # TYPE holdfast_source_last_success_timestamp_seconds gauge
        # UNIT holdfast_source_last_success_timestamp_seconds seconds
        holdfast_source_last_success_timestamp_seconds{profile="home",source="db"} 1795226400
        holdfast_source_last_success_timestamp_seconds{profile="home",source="uploads"} 1795140000
        # TYPE holdfast_source_last_run_condition gauge
        holdfast_source_last_run_condition{profile="home",source="db",condition="clean"} 1
        holdfast_source_last_run_condition{profile="home",source="db",condition="tolerated"} 0
        holdfast_source_last_run_condition{profile="home",source="db",condition="partial"} 0
        holdfast_source_last_run_condition{profile="home",source="db",condition="damaged"} 0
        holdfast_source_last_run_condition{profile="home",source="db",condition="missing"} 0
        holdfast_source_last_run_condition{profile="home",source="uploads",condition="clean"} 0
        holdfast_source_last_run_condition{profile="home",source="uploads",condition="tolerated"} 0
        holdfast_source_last_run_condition{profile="home",source="uploads",condition="partial"} 1
        holdfast_source_last_run_condition{profile="home",source="uploads",condition="damaged"} 0
        holdfast_source_last_run_condition{profile="home",source="uploads",condition="missing"} 0
        # TYPE holdfast_source_last_run_duration_seconds gauge
        # UNIT holdfast_source_last_run_duration_seconds seconds
        holdfast_source_last_run_duration_seconds{profile="home",source="db"} 5
        holdfast_source_last_run_duration_seconds{profile="home",source="uploads"} 7
        # TYPE holdfast_source_last_run_read_bytes gauge
        # UNIT holdfast_source_last_run_read_bytes bytes
        holdfast_source_last_run_read_bytes{profile="home",source="db"} 3000
        holdfast_source_last_run_read_bytes{profile="home",source="uploads"} 3000
        # TYPE holdfast_source_last_run_added_bytes gauge
        # UNIT holdfast_source_last_run_added_bytes bytes
        holdfast_source_last_run_added_bytes{profile="home",source="db"} 100
        holdfast_source_last_run_added_bytes{profile="home",source="uploads"} 11
        # TYPE holdfast_source_last_run_files gauge
        holdfast_source_last_run_files{profile="home",source="db"} 7
        holdfast_source_last_run_files{profile="home",source="uploads"} 7
        # TYPE holdfast_source_last_run_unreadable_items gauge
        holdfast_source_last_run_unreadable_items{profile="home",source="db"} 0
        holdfast_source_last_run_unreadable_items{profile="home",source="uploads"} 2
        # TYPE holdfast_source_overdue gauge
        holdfast_source_overdue{profile="home",source="db"} 0
        holdfast_source_overdue{profile="home",source="uploads"} 1
        # TYPE holdfast_repository_size_bytes gauge
        # UNIT holdfast_repository_size_bytes bytes
        holdfast_repository_size_bytes{profile="home",repository="local"} 4096
        # TYPE holdfast_repository_files gauge
        holdfast_repository_files{profile="home",repository="local"} 12
        # TYPE holdfast_repository_damaged gauge
        holdfast_repository_damaged{profile="home",repository="local"} 0
        # EOF
        """
}
