import BackupModel

/// Points to the backups of a machine whose place this one has taken, or whose name has changed.
enum OtherHosts {
    /// - Returns: `nil` when this host has backups of the profile, or nobody has.
    static func notice(snapshots: [Snapshot], profile: ProfileName, host: String) -> String? {
        let hosts = Set(snapshots.compactMap(\.stamp).filter { $0.profile == profile }.map(\.host))
        guard !hosts.contains(host), let first = hosts.min() else { return nil }
        return "there are no backups of host \(host), but of \(hosts.sorted().joined(separator: ", ")); "
            + "`host: \(first)` in the profile makes them this one's"
    }
}
