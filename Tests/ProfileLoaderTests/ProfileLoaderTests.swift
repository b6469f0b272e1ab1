import BackupModel
import ProfileLoader
import TestSupport
import Testing

struct ProfileLoaderTests {
    @Test func `a small profile loads with its defaults`() throws {
        let profile = try LoaderFixture().load(plainProfile).profile
        #expect(profile.name.rawValue == "app")
        #expect(profile.host == "testhost")
        #expect(profile.sources.map(\.name.rawValue) == ["files"])
        #expect(profile.sources[0].kind == "files")
        #expect(profile.sources[0].settings["paths"]?.strings == ["/srv/app"])
        #expect(profile.primary?.name.rawValue == "local")
        #expect(profile.repositories[0].settings.text == "/srv/repo")
        #expect(profile.repositories[0].entry["password"]?.secret == .environment("RESTIC_PASSWORD"))
        #expect(profile.retention == RetentionPolicy())
        #expect(profile.settings == ProfileSettings())
        #expect(profile.ignoredKeys.isEmpty)
    }

    @Test func `JSON loads as it is, indented by tabs too`() throws {
        let json = """
            {
            \t"profile": "app",\t"description": "\\u00fc \\/ \\"x\\" \\ud83d\\uDE00 \\\\ud83d",
            \t"sources": { "a": { "files": { "paths": ["/srv"], "exclude-caches": true, "larger-than": 4096 } } },
            \t"repositories": { "local": { "restic": "/r", "password": "env:P" } },
            \t"retention": { "daily": 7 }
            }
            """
        let loaded = try LoaderFixture().load(json, as: "app.json")
        #expect(loaded.profile.sources[0].settings["larger-than"]?.byteCount == 4096)
        #expect(loaded.profile.retention.daily == 7)
        #expect(loaded.effective.root["description"]?.text == "ü / \"x\" 😀 \\ud83d")
    }

    @Test func `half a character in JSON is refused`() throws {
        let json = #"{"profile": "app", "description": "\ud83d x"}"#
        #expect(try LoaderFixture().messages(json, as: "app.json").first?.contains("app.json:1:") == true)
    }

    @Test func `a profile knows its file by its whole path`() throws {
        let fixture = try LoaderFixture()
        let profile = try fixture.load(plainProfile, as: "deep/./app.yaml").profile
        #expect(profile.path == fixture.folder["deep/app.yaml"])
    }
}
