import BackupModel
import Foundation
import Programs
import Testing

struct ResticListingTests {
    @Test(arguments: ResticFixture.versions)
    func `snapshots are read whole`(version: String) throws {
        let output = try ResticFixture("snapshots", version).output
        let snapshots = try ResticListing.snapshots(Array(output.utf8))
        let expected = try #require(
            try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [[String: Any]])
        #expect(snapshots.map(\.id.rawValue) == expected.map { $0["id"] as? String })
        #expect(snapshots.map(\.host) == expected.map { $0["hostname"] as? String })
        #expect(snapshots[0].tags == ["job=a", "run=1"])
        #expect(snapshots[0].paths == ["/spike/src"])
        #expect((snapshots[0].bytes == nil) == (version == "0.14.0"))
        #expect(snapshots[1].parent == snapshots[0].id)
    }

    @Test(arguments: ResticFixture.versions)
    func `an empty repository has no snapshots`(version: String) throws {
        #expect(try ResticListing.snapshots(Array(try ResticFixture("snapshots_empty", version).output.utf8)).isEmpty)
    }

    @Test func `a list that is cut is refused`() throws {
        let output = Array(try ResticFixture("snapshots", "0.18.0").output.utf8)
        for length in [0, 1, output.count / 2, output.count - 3] {
            #expect(throws: ResticListing.Unreadable.self) {
                try ResticListing.snapshots(Array(output.prefix(length)))
            }
        }
    }

    @Test func `one snapshot that cannot be read spoils the list instead of vanishing`() {
        #expect(throws: ResticListing.Unreadable.self) {
            try ResticListing.snapshots(Array(#"[{"id":"abc","time":"2026-11-21T00:00:00Z"}]"#.utf8))
        }
    }

    @Test func `text before the list does not hide it`() throws {
        let id = String(repeating: "a", count: 64)
        let output = "a notice\n[{\"id\":\"\(id)\",\"time\":\"2026-11-21T01:00:00+01:00\",\"hostname\":\"vm\"}]\n"
        let snapshot = try #require(try ResticListing.snapshots(Array(output.utf8)).first)
        #expect(snapshot.utcOffset == 3600)
        #expect(snapshot.tags == [])
    }

    @Test(arguments: ResticFixture.versions)
    func `ids are told from other lines`(version: String) throws {
        #expect(ResticListing.ids(try ResticFixture("list_locks", version).output).count == 1)
        #expect(ResticListing.ids(try ResticFixture("list_locks_none", version).output).isEmpty)
        #expect(ResticListing.ids("notice\n\(String(repeating: "A", count: 64))\n").isEmpty)
    }

    @Test(arguments: ResticFixture.versions)
    func `a lock names its owner`(version: String) throws {
        let output = try ResticFixture("cat_lock_nolock", version).output
        let lock = try #require(ResticListing.lock(Array(output.utf8), id: "x"))
        #expect(lock.host == "otherhost")
        #expect(lock.user == "root")
        #expect(lock.pid == 4242)
        #expect(lock.exclusive)
    }

    @Test(arguments: ResticFixture.versions)
    func `the configuration names the repository`(version: String) throws {
        let output = try ResticFixture("cat_config", version).output
        let config = try #require(ResticListing.config(Array(output.utf8)))
        #expect(config.id.count == 64)
        #expect(config.formatVersion == 2)
        #expect(ResticListing.config(Array("{}".utf8)) == nil)
    }
}
