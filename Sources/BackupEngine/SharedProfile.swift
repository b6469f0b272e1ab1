package import BackupModel
import Foundation

/// Notices that two machines run one profile under one host name: their snapshots would displace each other, and each
/// would take the other's for its own.
package enum SharedProfile {
    /// A warning in words, or `nil`.
    ///
    /// A machine that was replaced is told from one that runs beside this one by the order of their snapshots.
    ///
    /// - Parameter machine: this one's id; `nil` where it has none, and then nothing can be said.
    package static func warning(
        snapshots: [Snapshot], profile: ProfileName, host: String, machine: String?
    ) -> String? {
        guard let machine else { return nil }
        var firstOwn: Date?
        var lastOther: (machine: String, time: Date)?
        for snapshot in snapshots {
            guard let stamp = snapshot.stamp, stamp.profile == profile, stamp.host == host, let maker = stamp.machine
            else { continue }
            if maker == machine {
                firstOwn = min(firstOwn ?? snapshot.time, snapshot.time)
            } else if snapshot.time > lastOther?.time ?? .distantPast {
                lastOther = (maker, snapshot.time)
            }
        }
        guard let lastOther else { return nil }
        let other = "machine \(lastOther.machine.prefix(8)) (last on \(UTCTime(lastOther.time).extended))"
        guard let firstOwn else {
            return
                "the snapshots of profile \(profile) so far come from \(other) and not from this machine; if that one "
                + "still runs the profile, give one of them another `host:`"
        }
        guard lastOther.time > firstOwn else { return nil }
        return "two machines run profile \(profile) as host \(host): this one and \(other); give one of them another "
            + "`host:`, or their snapshots displace each other"
    }
}

extension RestorePoints {
    /// What is odd about the repository as a whole, in words.
    package func warnings(thisMachine machine: String?) -> [String] {
        let shared = SharedProfile.warning(
            snapshots: Array(allSnapshots), profile: profile, host: host, machine: machine)
        return [shared].compactMap(\.self)
    }
}
