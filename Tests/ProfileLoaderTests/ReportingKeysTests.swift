import BackupModel
import ProfileLoader
import TestSupport
import Testing

/// `metrics:` and `log:` in a profile.
struct ReportingKeysTests {
    private let fixture: LoaderFixture

    init() throws { fixture = try LoaderFixture() }

    private func load(_ keys: String) throws -> Profile { try fixture.load(plainProfile + "\n" + keys + "\n").profile }

    @Test func `without them there is neither`() throws {
        let profile = try load("")
        #expect(profile.metrics == nil && profile.log == nil)
    }

    @Test func `metrics go to a file of the profile's own in a folder, or to the file that is named`() throws {
        let folder = fixture.folder.path
        for (text, file) in [
            ("/var/lib/node", "/var/lib/node/holdfast-app.prom"),
            ("/var/lib/node/mine.prom", "/var/lib/node/mine.prom"),
            ("here", "\(folder)/here/holdfast-app.prom"), ("~/x.prom", "/home/op/x.prom"),
        ] {
            #expect(try load("metrics: { textfile: \(text) }").metrics?.textfile == file)
        }
        #expect(
            try fixture.messages(plainProfile + "\nmetrics: {}").description.contains("metrics.textfile: is missing"))
    }

    @Test func `a log is a path, or a path and how it is kept`() throws {
        let plain = try #require(try load("log: /var/log/app.log").log)
        #expect(plain == LogSpec(path: "/var/log/app.log"))
        #expect(plain.size == .mebibytes(10) && plain.keep == 5 && plain.format == .plain && plain.level == .info)
        let full = try #require(
            try load("log: { file: ~/a.log, size: 64KiB, keep: 2, format: json, level: debug }").log)
        #expect(full.path == "/home/op/a.log" && full.size == .kibibytes(64) && full.keep == 2)
        #expect(full.format == .json && full.level == .debug)
    }

    @Test func `what is misspelt is named with the nearest`() throws {
        let messages = try fixture.messages(
            plainProfile + "\nlog: { file: /a, formt: json, level: infos, keep: 0 }\n"
        ).joined(separator: "\n")
        #expect(messages.contains("log.formt") && messages.contains("format"))
        #expect(messages.contains("log.level") && messages.contains("log.keep"))
    }
}
