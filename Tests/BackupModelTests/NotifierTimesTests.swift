import BackupModel
import Foundation
import Testing

/// Quiet hours and digests, in time zones and across changes of the clock.
struct NotifierTimesTests {
    private static let berlin = TimeZone(identifier: "Europe/Berlin") ?? .gmt

    private func at(_ text: String) throws -> Date { try #require(Timestamp.parse(text)) }

    @Test(arguments: ["", "22:00", "22-07", "22:00-22:00", "24:00-07:00", "22:60-07:00", "22:00-07:00-08:00", "a-b"])
    func `what is no span of hours is refused`(_ text: String) { #expect(QuietHours(text) == nil) }

    @Test func `quiet hours go past midnight`() throws {
        let hours = try #require(QuietHours("22:00-07:00"))
        let end = try at("2026-11-21T07:00:00Z")
        #expect(hours.end(at: try at("2026-11-20T22:00:00Z"), in: .gmt) == end)
        #expect(hours.end(at: try at("2026-11-21T06:59:59Z"), in: .gmt) == end)
        #expect(hours.end(at: end, in: .gmt) == nil)
        #expect(hours.end(at: try at("2026-11-20T21:59:59Z"), in: .gmt) == nil)
    }

    @Test func `quiet hours within a day, in local time`() throws {
        let hours = try #require(QuietHours("12:00-13:30"))
        #expect(try hours.end(at: try at("2026-11-20T11:10:00Z"), in: Self.berlin) == (at("2026-11-20T12:30:00Z")))
        #expect(hours.end(at: try at("2026-11-20T12:30:00Z"), in: Self.berlin) == nil)
    }

    @Test func `quiet hours end although their end is left out when clocks go forward`() throws {
        // 2026-03-29, 02:00 becomes 03:00 in Berlin.
        let hours = try #require(QuietHours("22:00-02:30"))
        let end = try #require(hours.end(at: try at("2026-03-29T00:30:00Z"), in: Self.berlin))
        #expect(try end >= (at("2026-03-29T01:00:00Z")) && end <= (at("2026-03-29T01:30:00Z")))
    }

    @Test(arguments: ["", "hourly", "daily 25:00", "weekly noday", "daily 08:00 09:00"])
    func `what is no time of a digest is refused`(_ text: String) { #expect(DigestRule(text) == nil) }

    @Test func `the newest moment at which a digest was due`() throws {
        let daily = try #require(DigestRule("daily"))
        #expect(try daily.latest(at: try at("2026-11-21T07:59:59Z"), in: .gmt) == (at("2026-11-20T08:00:00Z")))
        #expect(try daily.latest(at: try at("2026-11-21T08:00:00Z"), in: .gmt) == (at("2026-11-21T08:00:00Z")))
        // 2026-11-21 is a Saturday.
        let weekly = try #require(DigestRule("weekly friday 17:30"))
        #expect(try weekly.latest(at: try at("2026-11-21T12:00:00Z"), in: .gmt) == (at("2026-11-20T17:30:00Z")))
        #expect(try weekly.latest(at: try at("2026-11-20T17:00:00Z"), in: .gmt) == (at("2026-11-13T17:30:00Z")))
    }

    @Test func `texts of others cannot fake a line of a message`() {
        let message = NotificationMessage(
            profile: ProfileName(unchecked: "app"), host: "h\n1", run: nil, operation: nil, event: .overdue,
            outcome: nil,
            at: Date(timeIntervalSince1970: 0),
            overdue: [
                OverdueItem(
                    what: "offsite\nnas", lastSuccess: nil, objective: .seconds(3600),
                    since: Date(timeIntervalSince1970: 0),
                    hint: "run\u{1b}[2J this")
            ], lines: ["one\u{2028}two"], next: "a\rb")
        #expect(message.subject == "app on h 1: offsite nas is overdue")
        #expect(message.overdue[0].hint == "run [2J this" && message.lines == ["one two"] && message.next == "a b")
    }
}
