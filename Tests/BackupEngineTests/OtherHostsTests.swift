import BackupModel
import Foundation
import Testing

@testable import BackupEngine

@Suite struct `Backups of other hosts` {
    private let app = ProfileName(unchecked: "app")

    private func snapshot(of host: String, profile: String = "app") -> Snapshot {
        let stamp = SnapshotStamp(
            host: host, profile: ProfileName(unchecked: profile), run: RunID(startedAt: Date(), entropy: 1),
            content: .manifest)
        return Snapshot(id: SnapshotID(rawValue: host), time: Date(), host: host, paths: [], tags: stamp.tags)
    }

    @Test func `are pointed to where this host has none`() throws {
        let notice = OtherHosts.notice(snapshots: [snapshot(of: "old")], profile: app, host: "new")
        #expect(try #require(notice).contains("`host: old`"))
    }

    @Test func `are nobody's business where this host has its own, or they are another profile's`() {
        let both = [snapshot(of: "old"), snapshot(of: "new")]
        #expect(OtherHosts.notice(snapshots: both, profile: app, host: "new") == nil)
        #expect(OtherHosts.notice(snapshots: [snapshot(of: "old", profile: "web")], profile: app, host: "new") == nil)
        #expect(OtherHosts.notice(snapshots: [], profile: app, host: "new") == nil)
    }
}
