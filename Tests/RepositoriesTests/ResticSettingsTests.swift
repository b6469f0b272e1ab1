import BackupModel
import Foundation
import Programs
import Repositories
import Testing

struct ResticSettingsTests {
    static let place = SourceLocation(file: "/etc/profiles/p.yaml", line: 1, column: 1)

    static func entry(_ values: [String: ConfigValue.Content]) -> ConfigValue {
        ConfigValue(
            .map(
                values.sorted { $0.key < $1.key }.map { key, content in
                    ConfigValue.Entry(key: key, keyLocation: place, value: ConfigValue(content, at: place))
                }), at: place)
    }

    static func settings(_ values: [String: ConfigValue.Content]) throws -> ResticSettings {
        try ResticSettings(
            RepositorySpec(name: RepositoryName(unchecked: "r"), kind: "restic", entry: entry(values)))
    }

    static func problems(_ values: [String: ConfigValue.Content]) -> [String] {
        ResticSettings.descriptor.check(entry(values)).map(\.keyPath)
    }

    @Test(arguments: [
        ("/srv/backups/", "/srv/backups"), ("local:/srv//a/./b", "/srv/a/b"), ("../r", "/etc/r"),
        ("r", "/etc/profiles/r"),
        ("/a/b/../c", "/a/c"), ("rest:https://host/r/", "rest:https://host/r/"),
        ("s3:https://host/b", "s3:https://host/b"),
        ("sftp:user@host:/p", "sftp:user@host:/p"), ("/mnt/s3:odd", "/mnt/s3:odd"),
    ])
    func `locations are made plain`(text: String, location: String) throws {
        let settings = try Self.settings(["restic": .string(text), "password": .string("env:P")])
        #expect(settings.location.text == location)
    }

    @Test(arguments: ["", "  ", "local:"])
    func `an empty location is refused`(text: String) {
        #expect(throws: RepositoryError.self) {
            try Self.settings(["restic": .string(text), "password": .string("env:P")])
        }
    }

    @Test func `a password in an address is refused before anything can show it`() {
        let values: [String: ConfigValue.Content] = [
            "restic": .string("rest:https://me:secret@host/r"), "password": .string("env:P"),
        ]
        #expect(throws: RepositoryError.self) { try Self.settings(values) }
        #expect(Self.problems(values) == ["restic"])
    }

    @Test func `secrets and plain variables are told apart`() throws {
        let settings = try Self.settings([
            "restic": .string("s3:https://host/b"), "password": .string("file:/p"),
            "environment": Self.entry([
                "AWS_SECRET_ACCESS_KEY": .string("env:KEY"), "AWS_DEFAULT_REGION": .string("eu-central-1"),
            ]).content,
        ])
        #expect(settings.secretVariables == ["AWS_SECRET_ACCESS_KEY": .environment("KEY")])
        #expect(settings.plainVariables == ["AWS_DEFAULT_REGION": "eu-central-1"])
    }

    @Test func `what the shape cannot say is checked`() {
        let base: [String: ConfigValue.Content] = ["restic": .string("/r"), "password": .string("env:P")]
        #expect(Self.problems(base).isEmpty)
        #expect(Self.problems(base.merging(["generate": .boolean(true)]) { $1 }) == ["generate"])
        #expect(Self.problems(base.merging(["pack-size": .string("1MiB")]) { $1 }) == ["pack-size"])
        let secret = Self.entry(["AWS_SECRET_ACCESS_KEY": .string("plain")]).content
        #expect(Self.problems(base.merging(["environment": secret]) { $1 }) == ["environment.AWS_SECRET_ACCESS_KEY"])
    }

    @Test func `keys may stand in the kind's own map`() throws {
        let own = Self.entry(["location": .string("/r"), "pack-size": .string("64MiB"), "compression": .string("max")])
        let settings = try Self.settings(["restic": own.content, "password": .string("file:/p")])
        #expect(settings.location.text == "/r")
        #expect(settings.tuning.packSizeInMebibytes == 64)
        #expect(settings.tuning.compression == "max")
    }
}
