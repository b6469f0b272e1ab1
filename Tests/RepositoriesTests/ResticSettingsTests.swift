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

    static func settings(
        _ values: [String: ConfigValue.Content], files: [String: String] = [:], process: [String: String] = [:]
    ) throws -> ResticSettings {
        try ResticSettings(
            RepositorySpec(
                name: RepositoryName(unchecked: "r"), kind: "restic", entry: entry(values), environment: files),
            process: process)
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

    @Test(arguments: [
        ("s3:s3.amazonaws.com/b/x", "https://s3.eu.example.com/", "s3:https://s3.eu.example.com/b/x"),
        ("s3:https://s3.amazonaws.com/b", "minio:9000", "s3:https://minio:9000/b"),
        ("s3:https://own.example.com/b", "https://other", "s3:https://own.example.com/b"),
        ("s3:s3.eu-west-1.amazonaws.com/b", "https://other", "s3:s3.eu-west-1.amazonaws.com/b"),
        ("rest:https://s3.amazonaws.com/b", "https://other", "rest:https://s3.amazonaws.com/b"),
        ("s3:s3.amazonaws.com/b/x", "", "s3:s3.amazonaws.com/b/x"),
    ])
    func `AWS's own address means the server that a variable names`(text: String, url: String, location: String) throws
    {
        let values: [String: ConfigValue.Content] = ["restic": .string(text), "password": .string("env:P")]
        let name = "AWS_ENDPOINT_URL"
        #expect(try Self.settings(values, process: [name: url]).location.text == location)
        #expect(try Self.settings(values, files: [name: url], process: [name: ""]).location.text == location)
        let own = values.merging(["environment": Self.entry([name: .string(url)]).content]) { $1 }
        #expect(try Self.settings(own, process: [name: ""]).location.text == location)
        let named = values.merging(["environment": Self.entry([name: .string("env:OTHER")]).content]) { $1 }
        #expect(try Self.settings(named, process: ["OTHER": url, name: "https://wrong"]).location.text == location)
    }

    @Test func `a REST server's user and password are no variables of restic's`() throws {
        let credential = Self.entry([
            "RESTIC_REST_USERNAME": .string("me"), "RESTIC_REST_PASSWORD": .string("file:/p"),
        ]).content
        let settings = try Self.settings([
            "restic": .string("rest:https://host/r/"), "password": .string("env:P"), "environment": credential,
        ])
        #expect(settings.secretVariables.isEmpty && settings.plainVariables.isEmpty)
        let own = try #require(settings.restCredential)
        #expect(own.user == nil && own.userText == "me" && own.password == .file("/p"))
        #expect(
            settings.location.rest(user: "m e", password: "p@s/s:%") == "rest:https://m%20e:p%40s%2Fs%3A%25@host/r/")
        #expect(throws: RepositoryError.self) {
            try Self.settings([
                "restic": .string("rest:https://host/r/"), "password": .string("env:P"),
                "environment": Self.entry(["RESTIC_REST_PASSWORD": .string("file:/p")]).content,
            ])
        }
    }

    @Test func `what the shape cannot say is checked`() {
        let base: [String: ConfigValue.Content] = ["restic": .string("/r"), "password": .string("env:P")]
        #expect(Self.problems(base).isEmpty)
        #expect(Self.problems(base.merging(["generate": .boolean(true)]) { $1 }) == ["generate"])
        #expect(Self.problems(base.merging(["generate": .string("/new")]) { $1 }).isEmpty)
        let file: [String: ConfigValue.Content] = ["restic": .string("/r"), "password": .string("file:/p")]
        #expect(Self.problems(file.merging(["generate": .string("/new")]) { $1 }) == ["generate"])
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
