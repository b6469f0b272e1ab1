import BackupModel
import Foundation
import ProfileLoader
import TestSupport
import Testing

struct InheritanceTests {
    let fixture: LoaderFixture

    init() throws { fixture = try LoaderFixture() }

    @Test func `maps are merged deeply, lists replaced, and null removes`() throws {
        try fixture.folder.write(
            """
            profile: base
            abstract: true
            retention: { daily: 7, weekly: 4 }
            nice: 5
            sources:
              app:
                files: { paths: [/a, /b], exclude: ['*.tmp'], exclude-caches: true }
              old: { files: /old }
            repositories:
              local: { restic: /srv/repo, password: env:P }
            """, to: "shared/base.yaml")
        let profile = try fixture.load(
            """
            profile: child
            extends: [shared/base.yaml]
            retention: { weekly: 8, monthly: 2 }
            nice: ~
            sources:
              app: { files: { paths: [/c] } }
              old: null
            """
        ).profile
        #expect(profile.name.rawValue == "child")
        #expect(profile.retention.words == "daily 7, weekly 8, monthly 2")
        #expect(profile.settings.niceness == 0)
        #expect(profile.sources.map(\.name.rawValue) == ["app"])
        #expect(profile.sources[0].settings["paths"]?.strings == ["/c"])
        #expect(profile.sources[0].settings["exclude"]?.strings == ["*.tmp"])
    }

    @Test func `a merged value keeps the place it came from, and paths are relative to it`() throws {
        try fixture.folder.write(
            "abstract: true\nscratch: work\nrepositories:\n  local: { restic: /r, password: file:secret }\n",
            to: "shared/base.yaml")
        let loaded = try fixture.load("extends: shared/base.yaml\nsources:\n  a: { files: data/./x }\ncache: ~/cache\n")
        #expect(loaded.profile.settings.scratch == fixture.folder["shared/work"])
        #expect(loaded.profile.settings.cache == "/home/op/cache")
        #expect(loaded.profile.sources[0].settings.text == fixture.folder["data/x"])
        #expect(loaded.profile.repositories[0].entry["password"]?.secret == .file(fixture.folder["shared/secret"]))
        #expect(loaded.effective.root["scratch"]?.location.description == fixture.folder["shared/base.yaml"] + ":2:10")
        #expect(loaded.effective.files == [fixture.folder["app.yaml"], fixture.folder["shared/base.yaml"]])
    }

    @Test func `a problem in a base is told with the base's place`() throws {
        try fixture.folder.write("nice: 70\n", to: "base.yaml")
        #expect(
            try fixture.messages("extends: base.yaml\n" + plainProfile).contains {
                $0.hasPrefix("base.yaml:1:7: nice: wants an integer from 0 to 19, not `70`")
            })
    }

    @Test func `later bases win over earlier ones`() throws {
        try fixture.folder.write("nice: 1\nhost: one\n", to: "one.yaml")
        try fixture.folder.write("nice: 2\n", to: "two.yaml")
        let profile = try fixture.load("extends: [one.yaml, two.yaml]\n" + plainProfile).profile
        #expect(profile.settings.niceness == 2)
        #expect(profile.host == "one")
    }

    @Test func `a circle is refused with its chain`() throws {
        try fixture.folder.write("extends: app.yaml\n", to: "b.yaml")
        let messages = try fixture.messages("extends: b.yaml\n" + plainProfile)
        #expect(messages == ["b.yaml:1:10: extends: a profile that extends itself: app.yaml → b.yaml → app.yaml"])
        // By another name it is the same file.
        try FileManager.default.createSymbolicLink(atPath: fixture.folder["link.yaml"], withDestinationPath: "app.yaml")
        #expect(try fixture.messages("extends: link.yaml\n" + plainProfile).first?.contains("extends itself") == true)
    }

    @Test func `a long chain is refused`() throws {
        for index in 0..<12 { try fixture.folder.write("extends: \(index + 1).yaml\n", to: "\(index).yaml") }
        #expect(
            try fixture.messages("extends: 0.yaml\n" + plainProfile).contains { $0.contains("more than 8 profiles") })
    }

    @Test func `a base that is missing is told where it is named`() throws {
        let messages = try fixture.messages("extends: [none.yaml]\n" + plainProfile)
        #expect(messages == ["app.yaml:1:11: extends: none.yaml: there is no such file"])
    }

    @Test func `an abstract profile is checked and never runs`() throws {
        #expect(try fixture.problems("profile: base\nabstract: true\n").isEmpty)
        #expect { try fixture.load("profile: base\nabstract: true\n") } throws: { error in
            guard case ProfileError.abstract(let name, _) = error else { return false }
            return name.rawValue == "base"
        }
        // It may leave the kind, and what a kind requires, to those that extend it.
        let part =
            "abstract: true\nsources: { a: { files: { exclude: x } } }\nrepositories: { r: { password: env:P } }\n"
        #expect(try fixture.problems(part).isEmpty)
        #expect(try fixture.messages(part.replacingOccurrences(of: "password", with: "pasword")).count == 1)
        #expect(
            try fixture.messages("abstract: true\nnise: 1\n") == [
                "app.yaml:2:1: nise: there is no such key here (did you mean `nice`?)"
            ])
    }

    @Test func `a profile behind a symbolic link loads, as from the Nix store`() throws {
        try fixture.folder.write(plainProfile, to: "store/abc-profile.json.yaml")
        try FileManager.default.createSymbolicLink(
            atPath: fixture.folder["linked.yaml"], withDestinationPath: "store/abc-profile.json.yaml")
        #expect(try fixture.loader.load(fixture.folder["linked.yaml"]).profile.name.rawValue == "app")
    }

    @Test func `a profile that everybody can write is refused`() throws {
        let path = try fixture.folder.write(plainProfile, to: "open.yaml", mode: 0o666)
        #expect(fixture.loader.problems(in: path).first?.message.contains("everybody can write it") == true)
    }
}
