import BackupModel
import DumpSources
import Foundation
import Notifiers
import ProfileLoader
import Repositories
import TestSupport
import Testing

/// The profiles that are shipped, and the kinds that there are.
struct RealProfilesTests {
    static let sources = DumpSourceRegistry.kinds.map(\.descriptor)
    static let repositories = RepositoryRegistry.kinds.map(\.descriptor)
    static let notifiers = NotifierRegistry.kinds.map(\.descriptor)
    static let folder = RealTools.packageRoot + "/profiles"
    static let files = [
        "archive", "fort-base", "fort-host", "files-only", "hapi", "hermes", "hooks", "mysql", "postgres",
        "ripple-env", "ripple-env-data", "rsync", "sqlite", "timetiles",
    ]

    static func loader(_ environment: [String: String] = [:]) -> ProfileLoader {
        ProfileLoader(
            sources: sources, repositories: repositories, notifiers: notifiers, environment: environment,
            home: "/home/op", hostName: "testhost")
    }

    /// The profile with the absolute path of its environment file moved into a test's folder.
    private func load(_ name: String, _ environment: [String: String] = [:], file: String? = nil) throws -> Profile {
        let scratch = try ScratchFolder("shipped")
        var text = try String(contentsOfFile: "\(Self.folder)/\(name).yaml", encoding: .utf8)
        if let file {
            try scratch.write(file, to: "app.env")
            text = text.replacingOccurrences(of: "/opt/timetiles/.env", with: scratch["app.env"])
        }
        if name == "fort-host" {
            let base = try String(contentsOfFile: "\(Self.folder)/fort-base.yaml", encoding: .utf8)
            try scratch.write(base, to: "fort-base.yaml")
        }
        return try Self.loader(environment).load(scratch.write(text, to: "\(name).yaml")).profile
    }

    @Test func `every file in profiles is known to these tests`() throws {
        let found = try FileManager.default.contentsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".yaml") }
        #expect(found.sorted() == Self.files.map { $0 + ".yaml" }.sorted())
    }

    @Test func `a follower is of its leader's kind`() throws {
        let scratch = try ScratchFolder("kinds")
        let path = try scratch.write(
            """
            sources: { a: { files: /a } }
            repositories:
              a: { archive: /a, encrypt: openssl, password: env:P }
              b: { restic: /b, password: env:P, follows: a }
            """, to: "app.yaml")
        let error = #expect(throws: ProfileError.self) { try Self.loader().load(path) }
        #expect(error?.description.contains("`a` is of kind archive") == true, "\(String(describing: error))")
    }

    @Test func `timetiles loads as the use case has it`() throws {
        let plain = try load("timetiles", file: "RESTIC_PASSWORD=a\nPOSTGRES_PASSWORD='b'\n")
        #expect(plain.primary?.settings.text == "/opt/timetiles/backups/restic-repo")
        #expect(plain.retention.words == "daily 7, weekly 4, monthly 12")
        #expect(plain.disabled == ["repositories.offsite"])
        #expect(plain.sources.map(\.name.rawValue) == ["db", "uploads"])
        #expect(plain.settings.environment["RESTIC_PASSWORD"] == "a")
        let offsite = try load(
            "timetiles", ["BACKUP_KEEP_DAILY": "30"],
            file: "RESTIC_OFFSITE_REPOSITORY=s3:s3.amazonaws.com/bucket/timetiles\nRESTIC_REPOSITORY=/srv/repo\n")
        #expect(offsite.retention.daily == 30)
        #expect(offsite.repositories.map { $0.settings.text } == ["/srv/repo", "s3:s3.amazonaws.com/bucket/timetiles"])
        #expect(offsite.followers.map(\.follow?.feed) == [.onRequest])
    }

    @Test func `hapi loads as the use case has it`() throws {
        let profile = try load("hapi", ["HAPI_BACKUP_REPOSITORY": "sftp:backup@proxmox:/srv/hapi", "HAPI_VOICE": "1"])
        #expect(profile.sources.map(\.name.rawValue) == ["sessions", "secrets", "settings", "plans", "voice"])
        #expect(profile.sources[0].settings["path"]?.text == "/home/op/.hapi/hapi.db")
        #expect(profile.sources[1].settings.text == "/home/op/.hapi/hub.env")
        let encryption = profile.sources[1].entry["encrypt"]
        #expect(encryption?["recipients-file"]?.text == "/home/op/.config/holdfast/recipients.txt")
        #expect(!profile.ignoredKeys.contains { $0.contains("encrypt") })
        #expect(profile.sources[3].kind == "git-untracked")
        #expect(profile.sources[3].settings["path"]?.text == "/home/op/coding/hapi/docs/plans")
        #expect(profile.retention.minimum == 14)
        #expect {
            try load("hapi")
        } throws: {
            String(describing: $0).contains("HAPI_BACKUP_REPOSITORY is not set: where the backups go")
        }
    }

    @Test func `hermes loads as the use case has it`() throws {
        let profile = try load("hermes", ["BACKUP_PASSPHRASE_FILE": "~/pass", "BACKUP_NAS_TARGET": "/Volumes/nas"])
        #expect(profile.sources[0].settings["paths"]?.strings == ["/home/op/.hermes"])
        #expect(profile.repositories.map(\.name.rawValue) == ["local", "nas"])
        #expect(profile.primary?.entry["password"]?.secret == .file("/home/op/pass"))
        #expect(profile.repositories[1].settings.text == "/Volumes/nas" && profile.settings.remoteDemand == .configured)
    }

    @Test func `ripple-env loads as the use case has it`() throws {
        let profile = try load("ripple-env", ["RIPPLE_ENV": "/work-tree"])
        #expect(profile.sources.map(\.name.rawValue) == ["secrets", "settings", "git", "data", "postgres"])
        #expect(profile.sources[0].settings.text == "/work-tree/.env" && profile.sources[0].entry["encrypt"] != nil)
        #expect(profile.sources[2].kind == "git-untracked" && profile.sources[2].settings["path"]?.text == "/work-tree")
        #expect(profile.retention.quarterly == 28)
    }

    @Test func `a fort host loads with what all hosts share`() throws {
        let profile = try load("fort-host", ["FORT_DOMAIN": "example.org", "FORT_POSTGRES": "1"])
        #expect(profile.host == "drhorrible")
        #expect(Set(profile.sources.map(\.name.rawValue)) == ["state", "postgres"])
        #expect(profile.primary?.settings.text == "rest:https://backup.fort.example.org/drhorrible/")
        #expect(profile.primary?.entry["password"]?.secret == .file("/run/agenix/restic-password"))
        #expect(profile.settings.lockWait == .seconds(1800))
        #expect(Self.loader().problems(in: Self.folder + "/fort-base.yaml").isEmpty)
    }

    @Test(arguments: ["archive", "files-only", "hooks", "mysql", "postgres", "rsync", "sqlite"])
    func `an annotated example loads`(_ name: String) throws {
        let profile = try load(name)
        #expect(profile.name.rawValue == name)
        #expect(profile.ignoredKeys.isEmpty)
    }

    @Test func `the example of every kind loads`() throws {
        let scratch = try ScratchFolder("examples")
        func indented(_ text: String) -> String {
            text.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n")
        }
        let aSource = Self.sources[0]
        let aRepository = Self.repositories[0]
        for source in Self.sources {
            let text =
                "sources:\n  x:\n\(indented(source.example))\nrepositories:\n  r:\n\(indented(aRepository.example))\n"
            #expect(Self.loader().problems(in: try scratch.write(text, to: "a.yaml")).isEmpty, "\(source.kind)")
        }
        for repository in Self.repositories {
            let text =
                "sources:\n  x:\n\(indented(aSource.example))\nrepositories:\n  r:\n\(indented(repository.example))\n"
            #expect(Self.loader().problems(in: try scratch.write(text, to: "b.yaml")).isEmpty, "\(repository.kind)")
        }
        for notifier in Self.notifiers {
            let text =
                "sources:\n  x:\n\(indented(aSource.example))\nrepositories:\n  r:\n\(indented(aRepository.example))\n"
                + "notify:\n  -\n\(indented(notifier.example))\n"
            let path = try scratch.write(text, to: "c.yaml")
            #expect(Self.loader().problems(in: path).isEmpty, "\(notifier.kind)")
            #expect(try Self.loader().load(path).profile.notifiers.map(\.kind) == [notifier.kind])
        }
    }

    @Test func `what is shown of a shipped profile loads again`() throws {
        let scratch = try ScratchFolder("shown")
        for name in ["archive", "files-only", "mysql", "postgres", "rsync", "sqlite"] {
            let loaded = try Self.loader().load("\(Self.folder)/\(name).yaml")
            let again = try Self.loader().load(scratch.write(loaded.effective.yaml, to: "\(name).yaml"))
            #expect(again.profile.name == loaded.profile.name)
            #expect(again.profile.sources.map(\.name) == loaded.profile.sources.map(\.name))
        }
    }

    @Test func `the reference has every key once and is the same every time`() {
        let text = ProfileReference.markdown(sources: Self.sources, repositories: Self.repositories)
        #expect(text == ProfileReference.markdown(sources: Self.sources, repositories: Self.repositories))
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
        for key in [
            "environment-files", "retention.daily", "bandwidth.upload", "postgres.database", "files.exclude",
            "pack-size", "recipients", "mysql.exclude-tables",
        ] {
            #expect(rows.filter { $0.hasPrefix("| `\(key)` |") }.count == 1, "\(key)")
        }
        for kind in Self.sources { #expect(text.contains("### `\(kind.kind)`")) }
    }
}
