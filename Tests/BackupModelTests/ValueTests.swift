import BackupModel
import Foundation
import Testing

@Suite("Values")
struct ValueTests {
    @Test(arguments: ["db", "A.b_c-1", String(repeating: "x", count: 64), "0"])
    func `a name is letters, digits and three marks`(text: String) {
        #expect(SourceName(rawValue: text)?.description == text)
    }

    @Test(arguments: ["", "-x", ".x", "a b", "a,b", "a/b", "a:b", "ä", "a\n", "a\0", String(repeating: "x", count: 65)])
    func `anything else is none`(text: String) {
        #expect(SourceName(rawValue: text) == nil)
        #expect(!ProfileName.isValid(text))
    }

    @Test func `run ids sort by time`() {
        let start = Date(timeIntervalSince1970: 1_795_228_200)
        let ids = [0, 1, 59, 3600, 86_400, 40_000_000].map { RunID(startedAt: start + Double($0), entropy: .max) }
        #expect(ids == ids.sorted())
        #expect(RunID(startedAt: start, entropy: 0xab_7f3a9c).rawValue == "20261121T023000Z-7f3a9c")
        #expect(RunID(startedAt: start, entropy: 7).rawValue.hasSuffix("-000007"))
        #expect(ids.allSatisfy { RunID(rawValue: $0.rawValue) != nil })
    }

    @Test(arguments: [
        ("2026-11-21T02:30:00Z", 1_795_228_200.0, 0), ("2026-11-21T02:30:00.5Z", 1_795_228_200.5, 0),
        ("2026-11-21T04:30:00.123456789+02:00", 1_795_228_200.123456789, 7200),
        ("2026-11-20T21:30:00-05:00", 1_795_228_200, -18_000), ("1970-01-01T00:00:00Z", 0, 0),
        ("2024-02-29T00:00:00Z", 1_709_164_800, 0),
    ])
    func `times are read with their offset`(text: String, seconds: Double, offset: Int) throws {
        let parsed = try #require(Timestamp.parseWithOffset(text))
        #expect(abs(parsed.date.timeIntervalSince1970 - seconds) < 1e-6)
        #expect(parsed.utcOffset == offset)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-11-21T02:30:00", "2026-13-21T02:30:00Z", "2026-11-21T24:30:00Z",
        "2026-11-21T02:30:00+2:00",
        "2026-11-21T02:30:00Zx", "2026/11/21T02:30:00Z",
    ])
    func `what is no complete time is refused`(text: String) {
        #expect(Timestamp.parse(text) == nil)
    }

    @Test func `times are written in UTC and never lie in the future`() {
        #expect(Timestamp.format(Date(timeIntervalSince1970: 1_795_228_200.9996)) == "2026-11-21T02:30:00.999Z")
        #expect(Timestamp.format(Date(timeIntervalSince1970: -0.5)) == "1969-12-31T23:59:59.500Z")
        for day in stride(from: -40_000, through: 60_000, by: 97) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400 + 12_345)
            #expect(Timestamp.parse(Timestamp.format(date)) == date)
        }
    }

    @Test(arguments: [
        (Int64(0), "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB"),
        (-2048, "-2.0 KiB"),
        (.max, "8192.0 PiB"),
    ])
    func `bytes are printed in binary units`(bytes: Int64, text: String) {
        #expect(ByteCount(bytes).description == text)
    }

    @Test(arguments: [
        ("500", Int64(500)), ("10K", 10_240), ("64MiB", 64 << 20), ("1.5G", 3 << 29), ("2 TB", 2 << 40), ("0", 0),
    ])
    func `sizes are read as profiles write them`(text: String, bytes: Int64) {
        #expect(ByteCount(profileText: text)?.bytes == bytes)
    }

    @Test(arguments: ["", "x", "-1", "1X", "1.2.3", "10 EiB", "99999999999T"])
    func `what is no size is refused`(text: String) {
        #expect(ByteCount(profileText: text) == nil)
    }

    @Test(arguments: [("90s", 90), ("10m", 600), ("26h", 93_600), ("8d", 691_200), ("2w", 1_209_600), ("1h30m", 5400)])
    func `spans are read as profiles write them`(text: String, seconds: Int) {
        #expect(Duration(profileText: text) == .seconds(seconds))
    }

    @Test(arguments: ["", "5", "h", "1y", "-1h", "1.5h", "1h 30m", "99999999999s", "١h"])
    func `what is no span is refused`(text: String) {
        #expect(Duration(profileText: text) == nil)
    }

    @Test(arguments: ["/", "/db.sql", "/a,b.sql", "/100%.sql", "/%2C", "/näch ste\u{301}.sql", "/a:b", "/日本"])
    func `a stamp comes back from its tags as it was`(part: String) {
        let stamp = SnapshotStamp(
            host: "vault", profile: ProfileName(unchecked: "home"), run: RunID(startedAt: Date(), entropy: 5),
            content: .part, source: SourceName(unchecked: "db"), part: PartPath(rawValue: part),
            retentionClass: "pre-deploy", machine: "0123456789ab", extra: ["mine"])
        #expect(SnapshotStamp(host: "vault", tags: stamp.tags) == stamp)
        #expect(SnapshotStamp(host: "vault", tags: stamp.tags.reversed()) == stamp)
        #expect(stamp.tags.allSatisfy { !$0.contains(",") })
    }

    @Test func `tags of others are no stamp`() {
        #expect(SnapshotStamp(host: "h", tags: []) == nil)
        #expect(SnapshotStamp(host: "h", tags: ["holdfast"]) == nil)
        #expect(SnapshotStamp(host: "h", tags: ["profile:a", "run:b", "kind:part"]) == nil)
        #expect(SnapshotStamp(host: "h", tags: ["holdfast", "profile:a b", "run:b", "kind:part"]) == nil)
        #expect(SnapshotStamp(host: "h", tags: ["holdfast", "profile:a", "run:b", "kind:other"]) == nil)
    }

    @Test func `a secret never prints`() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump([secret], to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), String(describing: [secret]), dumped] {
            #expect(!text.contains("hunter2"))
            #expect(!text.contains("104"))
        }
        #expect(secret.reveal(for: .comparison) == Array("hunter2".utf8))
    }

    @Test func `a command is displayed so that it can be typed`() {
        let command = ToolCommand("/usr/bin/restic", ["backup", "a b", "it's", "", "$HOME", "x=1,2:%", "*"])
        #expect(command.displayed == #"/usr/bin/restic backup 'a b' 'it'\''s' '' '$HOME' x=1,2:% '*'"#)
    }

    @Test(arguments: [("1y5m7d2h", "1y5m7d2h"), ("14d", "14d"), ("0h", "0h")])
    func `calendar spans are read and written as restic does`(text: String, written: String) {
        #expect(CalendarSpan(text)?.description == written)
        for wrong in ["", "d", "5", "5x", "-1d", "1d "] { #expect(CalendarSpan(wrong) == nil) }
    }

    @Test func `values of a profile are found by their keys`() {
        let place = SourceLocation(file: "p.yaml", line: 3, column: 5)
        func value(_ content: ConfigValue.Content) -> ConfigValue { ConfigValue(content, at: place) }
        func entry(_ key: String, _ content: ConfigValue.Content) -> ConfigValue.Entry {
            ConfigValue.Entry(key: key, keyLocation: place, value: value(content))
        }
        let map = value(
            .map([entry("a", .integer(7)), entry("none", .null), entry("list", .list([value(.string("x"))]))]))
        #expect(map["a"]?.text == "7" && map["a"]?.integer == 7 && map["a"]?.boolean == nil)
        #expect(map["none"] == nil && map["other"] == nil && map.text == nil)
        #expect(map["list"]?.strings == ["x"] && map["a"]?.strings == ["7"])
        #expect(value(.string("env:PASS")).secret == .environment("PASS"))
        #expect(value(.string("file:/p:w")).secret == .file("/p:w"))
        #expect(value(.map([entry("command", .list([value(.string("pass"))]))])).secret == .command(["pass"]))
        for wrong in ["env:", "PASS", "vault:x", ""] { #expect(value(.string(wrong)).secret == nil) }
        #expect(place.description == "p.yaml:3:5")
    }

    @Test func `a part is read with its source, and files by the source alone`() {
        let source = SourceName(unchecked: "data")
        #expect(PartPath(rawValue: "/sqlite/app.db").title(in: source) == "data /sqlite/app.db")
        #expect(PartPath(rawValue: "/").title(in: source) == "data")
    }

    @Test func `one is no plural`() {
        #expect(Words.count(1, "file") == "1 file")
        #expect(Words.count(0, "file") == "0 files")
        #expect(Words.count(2, "copy", "copies") == "2 copies")
    }
}
